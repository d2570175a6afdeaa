"""Which of AWS's runtimes this machine can serve: the interpreters that are installed.

A function whose runtime is not installed is refused. Whoever would rather run it on the nearest one
there is must say so (``cloudlet up --nearest-runtime``); then it runs there, and is shown to.
"""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from ..errors import AwsError

OWN = f"python3.{sys.version_info.minor}"  # the one cloudlet itself runs on
_PYTHONS = tuple(f"python3.{minor}" for minor in range(9, 16))
_NODE = re.compile(r"v(\d+)\.")
_NAME = re.compile(r"(python3\.|nodejs)(\d+)(?:\.x)?")


class InvalidParameterValueException(AwsError):
    """One of the parameters in the request is not valid."""


class Runtimes:
    """The runtimes of this machine; with ``nearest``, also those that one of them stands in for."""

    def __init__(self, *, nearest: bool = False) -> None:
        self._nearest = nearest

    def serving(self, runtime: str) -> str:
        """The installed runtime that serves ``runtime``; an error that says what there is instead."""
        there = found()
        if runtime in there:
            return runtime
        wanted = _NAME.fullmatch(runtime)
        kin = [(abs(int(match[2]) - int(wanted[2])), name) for name in there
               if wanted and (match := _NAME.fullmatch(name)) and match[1] == wanted[1]]
        if kin and self._nearest:
            return min(kin)[1]
        advice = " or start cloudlet with --nearest-runtime" if kin else ""
        raise InvalidParameterValueException(
            f"The runtime {runtime} is not installed on this machine. Installed: {', '.join(sorted(there))}. "
            f"Install its interpreter, set the function's Runtime to one of these,{advice}.".replace(
                ",.", "."
            )
        )

    def interpreter(self, runtime: str) -> Path:
        """The interpreter that serves ``runtime``."""
        return found()[self.serving(runtime)]


@cache
def found() -> dict[str, Path]:
    """AWS's names of the runtimes that there are, and the interpreter of each."""
    runtimes: dict[str, Path] = {}
    for name in _PYTHONS:
        path = shutil.which(name)
        if path and name != OWN and _answers(path):
            runtimes[name] = Path(path).resolve()
    runtimes[OWN] = Path(sys.executable).resolve()
    node = shutil.which("node")
    version = node_version()
    if node and version:
        runtimes[f"nodejs{version}.x"] = Path(node).resolve()
    return runtimes


@cache
def node_version() -> int:
    """The major version of the Node.js that is installed; 0 if there is none."""
    node = shutil.which("node")
    if not node:
        return 0
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    match = _NODE.match(told)
    return int(match[1]) if match else 0


def _answers(path: str) -> bool:
    """Whether the interpreter runs: version managers leave names behind that lead nowhere."""
    return subprocess.run([path, "-c", "0"], capture_output=True, check=False).returncode == 0

"""Which of AWS's runtimes this machine can serve: the interpreters that are installed."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from ..errors import AwsError

_PYTHONS = tuple(f"python3.{minor}" for minor in range(9, 16))
_NODE = re.compile(r"v(\d+)\.")


class InvalidParameterValueException(AwsError):
    """One of the parameters in the request is not valid."""


@cache
def found() -> dict[str, Path]:
    """AWS's names of the runtimes that there are, and the interpreter of each."""
    runtimes: dict[str, Path] = {}
    for name in _PYTHONS:
        path = shutil.which(name)
        if path and _answers(path):
            runtimes[name] = Path(path).resolve()
    runtimes[f"python3.{sys.version_info.minor}"] = Path(sys.executable).resolve()
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


def interpreter(runtime: str) -> Path:
    """The interpreter for AWS's ``runtime``; an error that says what there is instead."""
    try:
        return found()[runtime]
    except KeyError:
        raise InvalidParameterValueException(
            f"The runtime {runtime} is not installed on this machine. Installed: "
            f"{', '.join(sorted(found()))}. Install its interpreter, or set the function's Runtime "
            "to one of these."
        ) from None


def _answers(path: str) -> bool:
    """Whether the interpreter runs: version managers leave names behind that lead nowhere."""
    return subprocess.run([path, "-c", "0"], capture_output=True, check=False).returncode == 0

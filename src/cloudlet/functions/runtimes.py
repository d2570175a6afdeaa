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
CUSTOM = ("provided.al2", "provided.al2023")  # bring their own program: whatever runs on this machine
_ENDED = ("provided",)  # on AWS: nothing can be created with it any more
_PYTHONS = tuple(f"python3.{minor}" for minor in range(10, 16))  # as boto3 does
_NODE = re.compile(r"v(\d+)\.")
# where version managers keep interpreters that are on nobody's PATH
_KEPT_PYTHONS = (
    ".pyenv/versions/*/bin", ".local/share/uv/python/*/bin", ".local/share/mise/installs/python/*/bin",
    ".asdf/installs/python/*/bin",
)
_KEPT_NODES = (
    ".nvm/versions/node/*/bin", ".local/share/fnm/node-versions/*/installation/bin",
    ".local/share/mise/installs/node/*/bin", ".asdf/installs/nodejs/*/bin", ".volta/tools/image/node/*/bin",
)
_NAME = re.compile(r"(python3\.|nodejs)(\d+)(?:\.x)?")


class InvalidParameterValueException(AwsError):
    """One of the parameters in the request is not valid."""


class Runtimes:
    """The runtimes of this machine; with ``nearest``, also those that one of them stands in for."""

    def __init__(self, *, nearest: bool = False) -> None:
        self._nearest = nearest

    def serving(self, runtime: str) -> str:
        """The installed runtime that serves ``runtime``; an error that says what there is instead."""
        if runtime in CUSTOM or _found(runtime):
            return runtime
        if runtime in _ENDED:
            raise InvalidParameterValueException(
                f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS "
                "Lambda functions. We recommend you use a supported runtime while creating or updating "
                "functions.")
        there = found()
        wanted = _NAME.fullmatch(runtime)
        kin = [(abs(int(match[2]) - int(wanted[2])), name) for name in there
               if wanted and (match := _NAME.fullmatch(name)) and match[1] == wanted[1]]
        if kin and self._nearest:
            return min(kin)[1]
        names = ", ".join(sorted((*there, *CUSTOM)))
        advice = " or start cloudlet with --nearest-runtime" if kin else ""
        raise InvalidParameterValueException(
            f"The runtime {runtime} is not installed on this machine. Installed: {names}. "
            f"Install its interpreter, set the function's Runtime to one of these,{advice}.".replace(
                ",.", "."
            )
        )

    def interpreter(self, runtime: str) -> Path:
        """The interpreter that serves ``runtime``; for a custom one, what its init runs on."""
        served = self.serving(runtime)
        path = _found(OWN if served in CUSTOM else served)
        assert path
        return path


def found() -> dict[str, Path]:
    """AWS's names of the runtimes that there are, and the interpreter of each."""
    pythons = {name: path for name in _PYTHONS if (path := _python(name))}
    return pythons | {f"nodejs{major}.x": path for major, path in _nodes().items()}


def _found(runtime: str) -> Path | None:
    """The interpreter of one runtime; the others need not be looked for."""
    return _python(runtime) if runtime.startswith("python") else found().get(runtime)


@cache
def _python(name: str) -> Path | None:
    if name == OWN:
        return Path(sys.executable).resolve()
    paths = _candidates(name, _KEPT_PYTHONS) if name in _PYTHONS else []
    return next((path.resolve() for path in paths if _answer(path, "-c", "0") is not None), None)


@cache
def _nodes() -> dict[int, Path]:
    nodes: dict[int, Path] = {}
    for path in node_candidates():
        match = _NODE.match(_answer(path, "--version") or "")
        if match:
            nodes.setdefault(int(match[1]), path.resolve())
    return nodes


def node_candidates() -> list[Path]:
    """Where Node.js may be; the folders must be shown to workers before anybody asks which release it is."""
    return _candidates("node", _KEPT_NODES)


def _candidates(name: str, kept: tuple[str, ...]) -> list[Path]:
    """Where a program lies: the one on the PATH, then what version managers keep, the newest first."""
    on_path = shutil.which(name)
    if on_path and Path(on_path).parent.name == "shims":
        on_path = None  # a version manager's, which may lead nowhere
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home
        return [Path(on_path)] if on_path else []
    others = [path for pattern in kept for path in home.glob(f"{pattern}/{name}")]
    return [*([Path(on_path)] if on_path else []), *sorted(others, key=_release, reverse=True)]


def _release(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parent.parent.name)]


def _answer(path: Path, *arguments: str) -> str | None:
    """What an interpreter says; None if it does not run: version managers leave names behind."""
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None

"""Building what a function needs beside its own code: packages from PyPI and npm.

A build lies in ``.cloudlet/build`` under the hash of what asked for it, so it is done once. The function's
folder itself stays as it is.
"""

import asyncio
import hashlib
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..scratch import Scratch, becoming
from .problems import DeployError
from .provided import provided_imports

_LAST_LINES = 12


class Builder:
    """Builds into one folder, and tells what it does."""

    def __init__(self, home: Path, tell: Callable[[str], Awaitable[None]]) -> None:
        self._home, self.tell = home / "build", tell

    async def dependencies(self, folder: Path, runtime: str) -> Path | None:
        """The folder with the packages that the code in ``folder`` asks for; None if it needs none."""
        if runtime.startswith("python"):
            asked = folder / "requirements.txt"
            if _requirements(asked) and not any(folder.glob("*.dist-info")):
                return await self._python(asked, Path())
        if runtime.startswith("nodejs") and not (folder / "node_modules").is_dir():
            package = folder / "package.json"
            provided = [name for name in provided_imports(folder) if name not in _asked(package)]
            if provided or _asked(package):
                return await self.packages(folder, provided)
        return None

    async def layer(self, folder: Path, method: str) -> Path:
        """A layer made of ``folder`` as ``sam build`` does it: all under ``python`` or ``nodejs``."""
        kind = "python" if method.startswith("python") else "nodejs"
        if kind == "nodejs":
            within = await self.packages(folder) if _asked(folder / "package.json") else folder
            return self._made("layer", content_of(folder), lambda target: _copy(within, target / "nodejs"))
        packages = (
            await self._python(folder / "requirements.txt", Path())
            if _requirements(folder / "requirements.txt")
            else None
        )

        def fill(target: Path) -> None:
            if packages is not None:
                _copy(packages, target / "python")
            _copy(folder, target / "python")

        return self._made("layer", content_of(folder), fill)

    def unpack(self, archive: Path) -> Path:
        """The folder with what is in a ZIP file."""

        def fill(target: Path) -> None:
            try:
                with zipfile.ZipFile(archive) as content:
                    content.extractall(target)
            except zipfile.BadZipFile:
                raise DeployError(f"{archive} is neither a folder nor a ZIP file.") from None

        return self._made("archive", archive.read_bytes(), fill)

    def kept(self, kind: str, asked: bytes) -> Path | None:
        """What was made of ``asked`` before, if it was."""
        target = self._target(kind, asked)
        return target if target.exists() else None

    def keep(self, kind: str, asked: bytes, made: Path) -> Path:
        """Where ``made`` lies from now on."""
        target = self._target(kind, asked)
        if not target.exists():
            made.rename(target)
        return target

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """A folder to make something in, for as long as that takes."""
        self._home.mkdir(parents=True, exist_ok=True)
        with Scratch("part", self._home) as beside:
            yield beside

    def _made(self, kind: str, asked: bytes, fill: Callable[[Path], None]) -> Path:
        target = self._target(kind, asked)
        if not target.exists():
            with becoming(target) as beside:
                fill(beside)
        return target

    async def _python(self, asked: Path, within: Path) -> Path:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        target = self._target("python", version.encode() + asked.read_bytes())
        if target.exists():
            return target
        await self.tell(f"installing the packages of {asked}")
        with becoming(target) as beside:
            await run(
                asked.parent,
                f"The packages of {asked} could not be installed",
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-input",
                "-r",
                str(asked),
                "--target",
                str(beside),
            )
        return target

    async def packages(self, folder: Path, more: Sequence[str] = ()) -> Path:
        """The packages from npm that ``folder`` asks for, and ``more`` that it does not, or only at work."""
        files = [
            folder / name
            for name in ("package.json", "package-lock.json", ".npmrc")
            if (folder / name).is_file()
        ]
        asked = b"\0".join([*(file.read_bytes() for file in files), *(name.encode() for name in more)])
        target = self._target("node", asked)
        if target.exists():
            return target
        npm = shutil.which("npm")
        if npm is None:
            raise DeployError(
                f"{folder / 'package.json'} asks for packages, and there is no npm on this machine. Install "
                "Node.js, or bring node_modules along."
            )
        await self.tell(f"installing the packages of {folder}")
        with becoming(target) as beside:
            for file in files:
                shutil.copy(file, beside)
            if not (beside / "package.json").exists():
                (beside / "package.json").write_text("{}")
            await run(
                beside,
                f"The packages of {folder / 'package.json'} could not be installed",
                npm,
                "install",
                "--omit=dev",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                *(("--save-prod", *more) if more else ()),
            )
        return target

    def _target(self, kind: str, asked: bytes) -> Path:
        return self._home / f"{kind}-{hashlib.sha256(asked).hexdigest()[:24]}"


async def run(
    folder: Path, failure: str, *command: str, environment: Mapping[str, str] | None = None
) -> None:
    """Run a command in ``folder``; a :class:`DeployError` tells ``failure`` and the last lines it wrote."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()[-_LAST_LINES:]
        raise DeployError("\n".join([f"{failure}:", *lines]))


def _requirements(path: Path) -> bool:
    """Whether a file asks for any package."""
    return path.is_file() and any(
        line.strip() and not line.lstrip().startswith("#") for line in path.read_text("utf-8").splitlines()
    )


def _asked(package: Path) -> list[str]:
    """The packages that a ``package.json`` depends on."""
    try:
        return list(json.loads(package.read_text("utf-8")).get("dependencies") or ())
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def content_of(folder: Path, aside: Sequence[str] = ()) -> bytes:
    """A digest of every file in a folder, but for those below folders called as those ``aside``."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        within = file.relative_to(folder)
        if not set(aside) & set(within.parts):
            digest.update(f"{within}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.digest()


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(
        source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".cloudlet")
    )

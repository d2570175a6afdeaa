"""Builds that a resource asks for by its ``BuildMethod``: esbuild's bundles, and targets of a Makefile.

They are done as ``sam build`` does them, but a bundle is made where its source lies, with the packages
aside, so that nothing is left in the folder. What is made is kept by its content: it is made at every
deployment, which tells what it was made of, and the same bundle is no change of the function.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from .building import Builder, content_of, run
from .problems import DeployError
from .provided import SOURCES, provided_imports

METHODS = ("esbuild", "makefile")
_DEFAULTS = {"Target": "es2020", "Format": "cjs", "Minify": True}
_NOT_ESBUILDS = frozenset(("EntryPoints", "UseNpmCi", "Bundle", "Platform", "Outdir"))  # SAM's own
_ASIDE = (".git", ".cloudlet", ".aws-sam", "node_modules", "__pycache__")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class Built(msgspec.Struct, frozen=True):
    """The folder with what was made, and the files it was made of."""

    folder: Path
    sources: set[Path]


async def bundle(builder: Builder, folder: Path, root: Path, options: Mapping[str, Any]) -> Built:
    """What esbuild makes of ``folder``, whose ``package.json`` lies there or in a folder up to ``root``."""
    entries = options.get("EntryPoints")
    if not isinstance(entries, list) or not entries:
        raise DeployError(f"{folder} is bundled by esbuild, so its BuildProperties need EntryPoints, a list.")
    home = next((one for one in (folder, *folder.parents) if one.is_relative_to(root)
                 and (one / "package.json").is_file()), folder)
    modules = home / "node_modules"
    if not (modules / ".bin" / "esbuild").exists():
        modules = await builder.packages(home, _needed(home)) / "node_modules"
    with builder.aside() as beside:
        await run(folder, f"esbuild could not bundle {folder}", str(modules / ".bin" / "esbuild"),
                  *map(str, entries), "--bundle", "--platform=node", f"--outdir={beside / 'made'}",
                  f"--metafile={beside / 'of.json'}", "--log-level=warning",
                  *_arguments({**_DEFAULTS, **options}),
                  *(f"--external:{name}" for name in provided_imports(home) if name not in _listed(home)),
                  environment={"NODE_PATH": str(modules)})
        inputs = json.loads((beside / "of.json").read_bytes())["inputs"]
        made = builder.keep("bundle", content_of(beside / "made"), beside / "made")
    sources = {(folder / name).resolve() for name in inputs}
    return Built(made, {home / "package.json", *(one for one in sources if "node_modules" not in one.parts)})


async def make(builder: Builder, folder: Path, name: str) -> Built:
    """What the target ``build-NAME`` of the Makefile in ``folder`` puts into ``ARTIFACTS_DIR``."""
    if not (folder / "Makefile").is_file():
        raise DeployError(f"{name} is built by make, and there is no Makefile in {folder}.")
    if shutil.which("make") is None:
        raise DeployError(f"{name} is built by make, which is not on this machine. Install it.")
    asked = content_of(folder, _ASIDE) + name.encode()
    made = builder.kept("made", asked)
    if made is None:
        await builder.tell(f"make build-{name}")
        with builder.aside() as beside:
            shutil.copytree(folder, beside / "source", ignore=shutil.ignore_patterns(*_ASIDE))
            (beside / "made").mkdir()
            await run(beside / "source", f"make build-{name} failed in {folder}", "make", "--makefile",
                      "Makefile", f"build-{name}", environment={"ARTIFACTS_DIR": str(beside / "made")})
            made = builder.keep("made", asked, beside / "made")
    return Built(made, {path for path in folder.rglob("*")
                        if path.is_file() and not set(_ASIDE) & set(path.relative_to(folder).parts)})


def _arguments(options: Mapping[str, Any]) -> Iterator[str]:
    """esbuild's flags: ``OutExtension: [.js=.mjs]`` is ``--out-extension:.js=.mjs``."""
    for key, value in options.items():
        flag = f"--{_CAPITAL.sub('-', key).lower()}"
        if key in _NOT_ESBUILDS or value is False:
            continue
        if value is True:
            yield flag
        elif isinstance(value, list):
            yield from (f"{flag}:{item}" for item in value)
        else:
            yield f"{flag}={value}"


def _listed(home: Path) -> dict[str, str]:
    """Every package that ``package.json`` asks for, with its version."""
    try:
        said = json.loads((home / "package.json").read_text("utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise DeployError(f"{home / 'package.json'} can't be read: {error}") from None
    return {**(said.get("devDependencies") or {}), **(said.get("dependencies") or {})}


def _needed(home: Path) -> list[str]:
    """esbuild, and those packages for development that the code imports all the same."""
    listed = _listed(home)
    texts = [path.read_text("utf-8", "replace") for path in _sources(home)]
    imported = [name for name in listed if not name.startswith("@types/") and any(
        f"{quote}{name}{end}" in text for text in texts for quote in "'\"" for end in (quote, "/"))]
    return [f"{name}@{listed.get(name, 'latest')}" for name in sorted({"esbuild", *imported})]


def _sources(home: Path) -> Iterator[Path]:
    for folder, inner, names in os.walk(home):
        inner[:] = [name for name in inner if name not in _ASIDE]
        yield from (Path(folder, name) for name in names if name.endswith(SOURCES))

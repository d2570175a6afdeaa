"""An application: a folder with a template, and what ``samconfig.toml`` or a cloud assembly says about it.

>>> valid_stack_name("my app_2 (old)"), valid_stack_name("2048")
('my-app-2-old', 'app-2048')
"""

import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ValidationError
from ..stacks.document import load
from . import assembly
from .problems import DeployError

TEMPLATES = ("template.yaml", "template.yml", "template.json")
_NOT_NAME = re.compile(r"[^A-Za-z0-9-]+")
_LONGEST = 128
_SAM_BUILD = Path(".aws-sam") / "build"
_LEGACY = re.compile(r"ParameterKey=(?P<key>[^,]+),ParameterValue=(?P<value>.*)", re.DOTALL)


class Application(msgspec.Struct, frozen=True):
    """What is to be deployed. ``home`` is the folder for what deploying leaves behind."""

    folder: Path
    template: Path
    stack_name: str
    home: Path
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}
    config: Path | None = None


def find(path: Path | str, environment: str = "default") -> Application | None:
    """The application in ``path`` (a folder, or a template itself); None if there is none.

    What ``sam build`` made is taken only if ``path`` is its folder.
    """
    path = Path(path).resolve()
    if path.is_file():
        folder, template = path.parent, path
    else:
        folder = path
        found = next((folder / name for name in TEMPLATES if (folder / name).is_file()), None)
        if found is None:
            found = _synthesised(folder)
        if found is None:
            return None
        template = found
    if (stack := assembly.stack_of(template)) is not None:
        home = template.parent.parent if template.parent.name == assembly.FOLDER else template.parent
        return Application(template.parent, template, stack.name, home / ".cloudlet", stack.parameters,
                           stack.tags)
    if not _is_template(template):
        return None
    home = folder.parent.parent if folder.parts[-2:] == _SAM_BUILD.parts else folder
    config = next(
        (
            candidate
            for candidate in dict.fromkeys((folder / "samconfig.toml", home / "samconfig.toml"))
            if candidate.is_file()
        ),
        None,
    )
    said = _config(config, environment) if config else {}
    return Application(
        folder,
        template,
        said.get("stack_name") or valid_stack_name(home.name),
        home / ".cloudlet",
        _pairs(said.get("parameter_overrides")),
        _pairs(said.get("tags")),
        config,
    )


def _synthesised(folder: Path) -> Path | None:
    """The template of the one stack in ``folder``, or in its ``cdk.out``, if ``cdk synth`` made one."""
    for place in (folder, folder / assembly.FOLDER):
        if (place / assembly.MANIFEST).is_file() and (stack := assembly.only_stack(place)) is not None:
            return stack.template
    return None


def valid_stack_name(text: str) -> str:
    """A name for a stack, made of the name of a folder."""
    name = _NOT_NAME.sub("-", text).strip("-")
    if not name[:1].isalpha():
        name = f"app-{name}".rstrip("-")
    return name[:_LONGEST].rstrip("-")


def _is_template(path: Path) -> bool:
    """Whether the file is a template; one that can't be read is, so that deploying it says what is wrong."""
    try:
        return "Resources" in load(path.read_text("utf-8")).body
    except ValidationError:
        return True
    except UnicodeDecodeError:
        return False


def _config(path: Path, environment: str) -> dict[str, Any]:
    """What ``samconfig.toml`` says for ``sam deploy``."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeployError(f"{path} can't be read: {error}") from None
    said: dict[str, Any] = {}
    for command in ("global", "deploy"):
        section: Any = content
        for key in (environment, command, "parameters"):
            section = section.get(key, {}) if isinstance(section, Mapping) else {}
        said |= section
    return said


def _pairs(value: Any) -> dict[str, str]:
    """``Key=Value`` pairs in any of the forms that SAM reads."""
    if isinstance(value, Mapping):
        return {str(key): _text(item) for key, item in value.items()}
    words = shlex.split(value) if isinstance(value, str) else list(map(str, value or ()))
    found = {}
    for word in words:
        legacy = _LEGACY.fullmatch(word)
        key, _, item = (legacy["key"], "=", legacy["value"]) if legacy else word.partition("=")
        found[key] = item[1:-1] if item[:1] == item[-1:] == '"' and len(item) > 1 else item
    return found


def _text(value: Any) -> str:
    return (
        ",".join(map(_text, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )

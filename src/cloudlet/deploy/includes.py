"""``AWS::Include`` of a file of this machine: its content stands where the transform stood.

An include whose location is in S3 is left to be refused, like every other transform.
"""

from pathlib import Path
from typing import Any

from ..stacks.document import load
from .problems import DeployError

_KEY = "Fn::Transform"


def include(value: Any, base: Path, files: set[Path]) -> Any:
    """``value`` with local includes resolved, seen from the folder ``base``; ``files`` learns which."""
    if isinstance(value, list):
        return [include(item, base, files) for item in value]
    if not isinstance(value, dict):
        return value
    transform = value.get(_KEY)
    location = _local(transform)
    rest = {key: include(item, base, files) for key, item in value.items() if key != _KEY or location is None}
    if location is None:
        return rest
    path = (base / location).resolve()
    if not path.is_file():
        raise DeployError(f"AWS::Include: {location} does not exist (looked in {base}).")
    files.add(path)
    content = include(load(path.read_text("utf-8")).body, path.parent, files)
    return content | rest if isinstance(content, dict) else content


def _local(transform: Any) -> str | None:
    """The path that an include names, if it is one of this machine."""
    if not isinstance(transform, dict) or transform.get("Name") != "AWS::Include":
        return None
    location = (transform.get("Parameters") or {}).get("Location")
    return location if isinstance(location, str) and "://" not in location else None

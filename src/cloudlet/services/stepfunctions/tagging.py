"""Tags of state machines and activities."""

from ...kernel import Call
from . import limits
from .errors import ResourceNotFound, TooManyTags
from .naming import ACTIVITY, MACHINE, read
from .queues import Activity, activities
from .records import Config, Machine, machines
from .service import stepfunctions


@stepfunctions.operation
def tag_resource(call: Call, resource_arn: str, tags: list[dict[str, str]]) -> None:
    """Add tags, or change those that are there."""
    found = _find(call, resource_arn)
    more = {one["key"]: one.get("value") or "" for one in tags}
    if len(found.tags | more) > limits.TAGS:
        raise TooManyTags(resourceName=resource_arn)
    _save(call, found, found.tags | more)


@stepfunctions.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> None:
    """Take tags away."""
    found = _find(call, resource_arn)
    _save(call, found, {key: value for key, value in found.tags.items() if key not in tag_keys})


@stepfunctions.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> Config:
    """All tags."""
    return {"tags": [{"key": key, "value": value} for key, value in _find(call, resource_arn).tags.items()]}


def _find(call: Call, arn: str) -> Machine | Activity:
    named = read(arn, MACHINE, ACTIVITY)
    table = machines if named.kind == MACHINE else activities
    found = table.get(call, named.name) if named.is_here(call) and not named.rest else None
    if found is None:
        raise ResourceNotFound(f"Resource not found: '{arn}'", resourceName=arn)
    return found


def _save(call: Call, found: Machine | Activity, tags: dict[str, str]) -> None:
    found.tags = tags
    if isinstance(found, Machine):
        machines.put(call, found.name, record=found)
    else:
        activities.put(call, found.name, record=found)

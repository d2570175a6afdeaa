"""Tags of functions and of event source mappings."""

from collections.abc import Callable
from typing import Any

from ...arn import Arn
from ...errors import NotHonoured
from ...kernel import Call
from . import checks
from .errors import InvalidParameterValueException, ResourceNotFoundException
from .mapping import mappings
from .records import function, functions, name_of, version
from .service import lambda_
from .versions import renew

Tags = dict[str, str]


@lambda_.operation
def list_tags(call: Call, resource: str) -> dict[str, Any]:
    """The tags of a function or a mapping."""
    return {"Tags": _tags(call, resource, lambda tags: tags)}


@lambda_.operation
def tag_resource(call: Call, resource: str, tags: Tags) -> None:
    """Add tags to a function or a mapping."""
    if not tags:
        raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
    checks.tags(tags)
    _tags(call, resource, lambda before: before | tags)


@lambda_.operation
def untag_resource(call: Call, resource: str, tag_keys: list[str]) -> None:
    """Remove tags from a function or a mapping."""
    _tags(call, resource, lambda before: {key: before[key] for key in before if key not in tag_keys})


def _tags(call: Call, resource: str, change: Callable[[Tags], Tags]) -> Tags:
    """Change the tags of whatever an ARN names; they come back."""
    kind, _, id = Arn.parse(resource).resource.partition(":")
    if kind == "function":
        name = name_of(call, resource)
        if name.qualifier:
            raise InvalidParameterValueException(
                "Tags on function aliases and versions are not supported. Please specify a function ARN.")
        whole = function(call, name.name)
        tags = change(whole.tags)
        if tags != whole.tags:
            checks.tags(tags)
            whole.tags = tags
            functions.put(call, whole.name, record=whole)
            renew(call, version(call, whole.name))
        return tags
    if kind != "event-source-mapping":
        raise NotHonoured(f"There are no resources of the kind {kind} here.")
    mapping = mappings.get(call, id)
    if mapping is None:
        raise ResourceNotFoundException(f"Event source mapping not found: {resource}")
    tags = change(mapping.tags)
    if tags != mapping.tags:
        checks.tags(tags)
        mapping.tags = tags
        mappings.put(call, id, record=mapping)
    return tags

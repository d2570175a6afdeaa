"""Tags of functions."""

from typing import Any

from ...kernel import Call
from .records import function, functions, name_of
from .service import lambda_


@lambda_.operation
def list_tags(call: Call, resource: str) -> dict[str, Any]:
    """The tags of a function."""
    return {"Tags": function(call, name_of(call, resource).name).tags}


@lambda_.operation
def tag_resource(call: Call, resource: str, tags: dict[str, str]) -> None:
    """Add tags to a function."""
    whole = function(call, name_of(call, resource).name)
    whole.tags |= tags
    functions.put(call, whole.name, record=whole)


@lambda_.operation
def untag_resource(call: Call, resource: str, tag_keys: list[str]) -> None:
    """Remove tags from a function."""
    whole = function(call, name_of(call, resource).name)
    whole.tags = {key: value for key, value in whole.tags.items() if key not in tag_keys}
    functions.put(call, whole.name, record=whole)

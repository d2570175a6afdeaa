"""Tags of tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ...kernel import Call
from . import definitions, tables
from .errors import ValidationException
from .service import dynamodb


@dynamodb.operation
def tag_resource(call: Call, resource_arn: str, tags: Sequence[Mapping[str, str]]) -> None:
    """Add tags to a table, or change them."""
    call, table = tables.of_arn(call, resource_arn, "TagResource")
    if not tags:
        raise ValidationException("Atleast one Tag needs to be provided as Input.")
    tables.save(call, replace(table, tags=definitions.tags_of(tags, table.tags)))


@dynamodb.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: Sequence[str]) -> None:
    """Take tags off a table."""
    call, table = tables.of_arn(call, resource_arn, "UntagResource")
    if not tag_keys:
        raise ValidationException("Atleast one Tag Key needs to be provided as Input.")
    tables.save(call, replace(table, tags={key: value for key,
                                           value in table.tags.items() if key not in tag_keys}))


@dynamodb.operation
def list_tags_of_resource(call: Call, resource_arn: str, next_token: str | None = None) -> dict[str, Any]:
    """A table's tags; they fit one page, so a token stands for the end."""
    _, table = tables.of_arn(call, resource_arn, "ListTagsOfResource")
    if next_token is not None:
        raise ValidationException(f"Invalid NextToken: {next_token}")
    return {"Tags": [{"Key": key, "Value": value} for key, value in table.tags.items()]}

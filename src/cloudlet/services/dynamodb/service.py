"""The DynamoDB service, and how the model's constraints are held against its requests.

Items and keys are left out of the model's walk: they may be large, their only constraint there is the
length of attribute names, and reading them (:mod:`.values`) checks them in DynamoDB's own words.
"""

from typing import Any

import msgspec

from ...errors import SerializationException, ValidationException
from ...kernel import Service
from ...kernel.front import Front
from ...wire import validate
from ...wire.model import OperationModel
from . import limits

_ITEMS = frozenset({"Item", "Key", "ExpressionAttributeValues", "ExpressionAttributeNames",
                    "ExclusiveStartKey",
                    "ConsistentRead", "ConditionExpression", "UpdateExpression"})
_encode = msgspec.json.Encoder().encode
_QUICK = frozenset({"PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan"})


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    if spec.input is None:
        return
    if spec.name in _QUICK:
        params = {name: {} if name in _ITEMS else value for name, value in params.items()}
    else:
        if not _is_whole(params):
            _check_whole(params)
        if spec.name == "BatchWriteItem":
            params = _without_items(params)
    found = validate.violations(params, spec.input)
    if found:
        raise ValidationException(validate.message(found))


def _without_items(params: dict[str, Any]) -> dict[str, Any]:
    """A BatchWriteItem with nothing in its items and keys."""
    def emptied(one: Any) -> Any:
        return None if one is None else {name: {} for name in one}

    requests = {name: [{kind: emptied(one) for kind, one in request.items()} for request in listed]
                for name, listed in params.get("RequestItems", {}).items()}
    return params | {"RequestItems": requests}


def _is_whole(params: dict[str, Any]) -> bool:
    """Whether it is plain at once that there are no gaps, and that UTF-8 can say every text."""
    try:
        return b"null" not in _encode(params)
    except (TypeError, ValueError):
        return False


def _check_whole(value: Any) -> None:
    """A list has no gaps, and a text is one that UTF-8 can say."""
    if isinstance(value, dict):
        for name, item in value.items():
            _check_whole(name)
            _check_whole(item)
    elif isinstance(value, list):
        for item in value:
            if item is None:
                raise SerializationException("Unexpected null in a list")
            _check_whole(item)
    elif isinstance(value, str) and not value.isascii() and value.encode("utf-8",
                                                                         "replace").decode() != value:
        raise SerializationException("Invalid UTF-8 in a text")


dynamodb = Service("dynamodb", check=_check, front=Front(
    body=limits.REQUEST_BYTES, head=limits.HEADER_BYTES, compressed=limits.COMPRESSED_BYTES, server="Server",
    crc32=True))

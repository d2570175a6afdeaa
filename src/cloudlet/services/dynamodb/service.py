"""The DynamoDB service, and how the model's constraints are held against its requests.

Items and keys are left out of the model's walk: they may be large, their only constraint there is the
length of attribute names, and reading them (:mod:`.values`) checks them in DynamoDB's own words.
"""

from typing import Any

from ...errors import SerializationException, ValidationException
from ...kernel import Service
from ...wire import validate
from ...wire.model import OperationModel

_ITEMS = frozenset({"Item", "Key", "ExpressionAttributeValues", "ExpressionAttributeNames",
                    "ExclusiveStartKey",
                    "ConsistentRead", "ConditionExpression", "UpdateExpression"})
_QUICK = frozenset({"PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan"})


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    if spec.input is None:
        return
    if spec.name in _QUICK:
        params = {name: {} if name in _ITEMS else value for name, value in params.items()}
    else:
        _check_whole(params)
    found = validate.violations(params, spec.input)
    if found:
        raise ValidationException(validate.message(found))


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


dynamodb = Service("dynamodb", check=_check)

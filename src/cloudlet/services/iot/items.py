"""What a message becomes in a table: one item, under a key of the rule's (``dynamoDB``) or of its own
(``dynamoDBv2``).

Sources: https://docs.aws.amazon.com/iot/latest/developerguide/dynamodb-rule-action.html,
https://docs.aws.amazon.com/iot/latest/developerguide/dynamodb-v2-rule-action.html
"""

from decimal import Decimal
from typing import Any

from .errors import InvalidMessage, InvalidRequestException
from .records import Config
from .sql.values import UNDEFINED, dumps, loads

_OPERATIONS = ("INSERT", "UPDATE", "DELETE")


def check(given: Config) -> None:
    """Refuse what AWS does not take: a range key is a name and a value, an operation one of three."""
    if bool(given.get("rangeKeyField")) != bool(given.get("rangeKeyValue")):
        raise InvalidRequestException("rangeKeyField and rangeKeyValue go together.")
    operation = given.get("operation") or "INSERT"
    if "${" not in operation and operation.upper() not in _OPERATIONS:
        raise InvalidRequestException(f"The operation {operation} is none of: {', '.join(_OPERATIONS)}.")


def keyed(said: dict[str, str], given: Config, value: Any) -> tuple[str, Config]:
    """The operation of DynamoDB, and what it is given, of the action ``dynamoDB``."""
    key = {said["hashKeyField"]: _key(said["hashKeyValue"], given.get("hashKeyType"))}
    if said.get("rangeKeyField"):
        key[said["rangeKeyField"]] = _key(said.get("rangeKeyValue", ""), given.get("rangeKeyType"))
    table, field = said["tableName"], said.get("payloadField") or "payload"
    match (said.get("operation") or "INSERT").upper():
        case "INSERT":
            return "PutItem", {"TableName": table, "Item": {field: attribute(_payload(value))} | key}
        case "UPDATE":
            return "UpdateItem", {
                "TableName": table,
                "Key": key,
                "UpdateExpression": "SET #payload = :payload",
                "ExpressionAttributeNames": {"#payload": field},
                "ExpressionAttributeValues": {":payload": attribute(_payload(value))},
            }
        case "DELETE":
            return "DeleteItem", {"TableName": table, "Key": key}
    raise InvalidMessage(f"{said['operation']} is no operation of the action dynamoDB.")


def columns(value: Any) -> Config:
    """The item of the action ``dynamoDBv2``: each attribute of the message one of its own."""
    found = _payload(value)
    if not isinstance(found, dict):
        raise InvalidMessage("The action dynamoDBv2 needs a message that is a JSON object.")
    return {name: attribute(one) for name, one in found.items() if one is not UNDEFINED}


def attribute(value: Any) -> Config:
    """A value as DynamoDB has it.

    >>> attribute({"t": Decimal("1.5"), "on": [True, None]})
    {'M': {'t': {'N': '1.5'}, 'on': {'L': [{'BOOL': True}, {'NULL': True}]}}}
    """
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": dumps(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case list():
            return {"L": [attribute(one) for one in value if one is not UNDEFINED]}
    return {"M": {name: attribute(one) for name, one in value.items() if one is not UNDEFINED}}


def _payload(value: Any) -> Any:
    """A message as it came is what its JSON says, or its bytes."""
    if not isinstance(value, bytes):
        return value
    found = loads(value, whole=True)
    return value if found is UNDEFINED else found


def _key(text: str, kind: str | None) -> Config:
    return {"N": text} if kind == "NUMBER" else {"S": text}

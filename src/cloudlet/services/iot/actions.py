"""The actions of a rule: which there are, what each must say, and what it asks of whom for one message.

An action becomes *orders*: a delivery to the ARN of a target, which is made in the transaction of the message
itself where the target lets that be, or an operation of a service, which a task carries out. Both survive a
crash once the message is acknowledged.
Source: https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-actions.html
"""

import base64
import re
from collections.abc import Callable
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import AwsError, NotHonoured
from ...kernel import Call
from . import items, limits
from .errors import InvalidMessage, InvalidRequestException, SqlParseException
from .records import Config
from .sql.evaluation import body_of
from .sql.message import Facts
from .sql.templates import Template, template
from .sql.tokens import WrongSql
from .sql.values import to_text

_QUEUE_URL = re.compile(r"https?://[^/]+(?:/[^/]+)*/(\d{12})/([^/]+)")
_SEPARATORS = ("\n", "\t", "\r\n", ",")


class Order(msgspec.Struct):
    """What one action asks for: a delivery to ``arn``, or ``operation`` (``service:Operation``) with
    ``parameters``.
    """

    arn: str
    body: bytes
    parameters: Config = {}
    operation: str = ""


class Action(msgspec.Struct, frozen=True):
    """One action of a rule, its templates compiled."""

    kind: str
    given: Config
    texts: dict[str, Template]

    def resource(self, facts: Facts) -> str:
        """The name of what it reaches, for the error action's message."""
        return self.texts[_KINDS[self.kind].resource].fill(facts)

    @property
    def label(self) -> str:
        """How an error action's message names it: ``S3Action``."""
        return f"{self.kind[0].upper()}{self.kind[1:]}Action"

    def orders(self, call: Call, facts: Facts, value: Any) -> list[Order]:
        """What it asks for, for one message; ``value`` is what the rule has selected of it."""
        said = {name: text.fill(facts) for name, text in self.texts.items()}
        return _KINDS[self.kind].orders(call, said, self.given, value)


class Kind(msgspec.Struct, frozen=True):
    """A kind of action: the service it needs, which member names what it reaches, and its orders."""

    service: str
    resource: str
    orders: Callable[[Call, dict[str, str], Config, Any], list[Order]]


def checked(call: Call, given: Config, version: str) -> Action:
    """An action as CreateTopicRule has it; refused by name if it can't be done here."""
    said = {name: value for name, value in given.items() if value is not None}
    if len(said) != 1:
        raise InvalidRequestException("An action must have exactly one member.")
    (name, members), = said.items()
    kind = _KINDS.get(name)
    if kind is None:
        raise NotHonoured(f"cloudlet does not have the rule action {name}. It has: {', '.join(_KINDS)}.")
    if not has(call, kind.service):
        raise NotHonoured(f"cloudlet has no service for {kind.service}, and so no rule action {name}.")
    _check(name, members)
    try:
        return compiled(given, version)
    except WrongSql as error:
        raise SqlParseException(str(error)) from None


def compiled(given: Config, version: str) -> Action:
    """An action that has been checked, ready for messages."""
    (name, members), = ((name, value) for name, value in given.items() if value is not None)
    texts = {path: template(text, version) for path, text in _texts(members) if not path.endswith("roleArn")}
    return Action(name, members, texts)


def has(call: Call, namespace: str) -> bool:
    """Whether there is a service whose ARNs say this."""
    try:
        call.kernel.services.of_arn(namespace)
    except AwsError:
        return False
    return True


def _texts(members: Config, prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in members.items():
        if isinstance(value, list):
            value = {str(place): one for place, one in enumerate(value)}
        if isinstance(value, dict):
            found += _texts(value, f"{prefix}{name}.")
        elif isinstance(value, str):
            found.append((prefix + name, value))
    return found


def _check(kind: str, members: Config) -> None:
    if kind == "firehose" and members.get("separator") not in (None, *_SEPARATORS):
        raise InvalidRequestException(
            "The separator must be one of: newline, tab, carriage return and newline, comma."
        )
    if kind == "cloudwatchLogs" and members.get("batchMode"):
        raise NotHonoured("cloudlet does not honour the member batchMode of the rule action cloudwatchLogs.")
    if kind == "dynamoDB":
        items.check(members)
    if kind == "sqs" and members["queueUrl"].endswith(".fifo"):
        raise InvalidRequestException("The rule action sqs does not support FIFO queues.")


def _lambda(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    # a message that is not JSON goes to a function as a text in base64
    body = body_of(value)
    if isinstance(value, bytes) and not _is_json(value):
        body = b'"' + base64.b64encode(value) + b'"'
    return [Order(said["functionArn"], body)]


def _sqs(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    match = _QUEUE_URL.fullmatch(said["queueUrl"])
    if match is None:
        raise InvalidMessage(f"{said['queueUrl']} is not the URL of a queue.")
    body = body_of(value)
    body = base64.b64encode(body) if given.get("useBase64") else body
    return [Order(str(Arn("sqs", call.region, match[1], match[2])), body)]


def _sns(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    arn, body = said["targetArn"], body_of(value)
    if given.get("messageFormat") != "JSON":
        return [Order(arn, body)]
    text = body.decode("utf-8", "replace")
    return [Order(arn, body, {"TopicArn": arn, "Message": text, "MessageStructure": "json"}, "sns:Publish")]


def _kinesis(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    key = said.get("partitionKey")
    arn = call.arn(f"stream/{said['streamName']}", "kinesis")
    return [Order(arn, body_of(value), {"PartitionKey": key} if key else {})]


def _firehose(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    arn = call.arn(f"deliverystream/{said['deliveryStreamName']}", "firehose")
    batch = _parts(value) if given.get("batchMode") else [body_of(value)]
    end = (given.get("separator") or "").encode()
    return [Order(arn, body + end) for body in batch]


def _logs(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    return [Order(call.arn(f"log-group:{said['logGroupName']}", "logs"), body_of(value))]


def _s3(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    bucket, key, body = said["bucketName"], said["key"], body_of(value)
    parameters: Config = {"Bucket": bucket, "Key": key, "Body": body}
    if given.get("cannedAcl"):
        parameters["ACL"] = given["cannedAcl"]
    return [Order(f"arn:aws:s3:::{bucket}/{key}", body, parameters, "s3:PutObject")]


def _dynamodb(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    operation, parameters = items.keyed(said, given, value)
    return [Order(call.arn(f"table/{said['tableName']}", "dynamodb"), body_of(value), parameters,
                  f"dynamodb:{operation}")]


def _dynamodb_v2(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    table = said["putItem.tableName"]
    return [Order(call.arn(f"table/{table}", "dynamodb"), body_of(value),
                  {"TableName": table, "Item": items.columns(value)}, "dynamodb:PutItem")]


def _republish(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    topic = said["topic"]
    topic = topic[1:] if topic.startswith("$$") else topic
    parameters: Config = {"topic": topic, "qos": given.get("qos") or 0, "payload": body_of(value)}
    for name in ("payloadFormatIndicator", "contentType", "responseTopic", "correlationData"):
        if said.get(f"headers.{name}"):
            parameters[name] = said[f"headers.{name}"]
    expiry = said.get("headers.messageExpiry")
    if expiry:
        if not expiry.isdigit():
            raise InvalidMessage(f"{expiry!r} is not a message expiry interval.")
        parameters["messageExpiry"] = int(expiry)
    properties = (given.get("headers") or {}).get("userProperties")
    if properties:
        of = [f"headers.userProperties.{place}" for place in range(len(properties))]
        parameters["userProperties"] = [{said[f"{one}.key"]: said[f"{one}.value"]} for one in of]
    return [Order(call.arn(f"topic/{topic}", "iot"), parameters["payload"], parameters, "iot-data:Publish")]


def _step_functions(call: Call, said: dict[str, str], given: Config, value: Any) -> list[Order]:
    arn = call.arn(f"stateMachine:{said['stateMachineName']}", "states")
    prefix, body = said.get("executionNamePrefix") or "", body_of(value)
    return [Order(arn, body, {"stateMachineArn": arn, "input": body.decode("utf-8", "replace"),
                              "name": f"{prefix}{call.ids.uuid()}"}, "stepfunctions:StartExecution")]


def _parts(value: Any) -> list[bytes]:
    """The records of a message in batch mode: the elements of an array, else itself."""
    if not isinstance(value, list):
        return [body_of(value)]
    if len(value) > limits.BATCH_RECORDS:
        raise InvalidMessage(f"A batch can't have more than {limits.BATCH_RECORDS} records.")
    return [str(to_text(one)).encode() if isinstance(one, str) else body_of(one) for one in value]


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


_KINDS = {
    "cloudwatchLogs": Kind("logs", "logGroupName", _logs),
    "dynamoDB": Kind("dynamodb", "tableName", _dynamodb),
    "dynamoDBv2": Kind("dynamodb", "putItem.tableName", _dynamodb_v2),
    "firehose": Kind("firehose", "deliveryStreamName", _firehose),
    "kinesis": Kind("kinesis", "streamName", _kinesis),
    "lambda": Kind("lambda", "functionArn", _lambda),
    "republish": Kind("iot-data", "topic", _republish),
    "s3": Kind("s3", "bucketName", _s3),
    "sns": Kind("sns", "targetArn", _sns),
    "sqs": Kind("sqs", "queueUrl", _sqs),
    "stepFunctions": Kind("states", "stateMachineName", _step_functions),
}

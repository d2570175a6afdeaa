"""What a task's resource means: a function, an activity, or an operation, and how its end is waited for.

``arn:aws:states:::aws-sdk:SERVICE:OPERATION`` is any operation there is here; a service is called there as
AWS's SDK for Java calls it. The optimised integrations are a table: most are an operation under another name.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ...arn import Arn
from ...errors import AwsError, NotHonoured
from ...kernel import Services
from ...kernel.service import Operation

_NO_NAME = re.compile(r"[^a-z0-9]")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PATTERNS = {"sync", "sync:2", "waitForTaskToken"}
# resource: the service and operation behind it, and how its errors are called
_OPTIMISED = {
    "lambda:invoke": ("lambda", "Invoke", "Lambda"),
    "sqs:sendMessage": ("sqs", "SendMessage", "SQS"),
    "sns:publish": ("sns", "Publish", "SNS"),
    "dynamodb:getItem": ("dynamodb", "GetItem", "DynamoDB"),
    "dynamodb:putItem": ("dynamodb", "PutItem", "DynamoDB"),
    "dynamodb:updateItem": ("dynamodb", "UpdateItem", "DynamoDB"),
    "dynamodb:deleteItem": ("dynamodb", "DeleteItem", "DynamoDB"),
    "events:putEvents": ("events", "PutEvents", "EventBridge"),
    "states:startExecution": ("stepfunctions", "StartExecution", "StepFunctions"),
    "apigateway:invoke": ("", "", "ApiGateway"),
    "http:invoke": ("", "", "Http"),
}
_SYNC = frozenset(("states:startExecution",))
_WITH_TOKEN = frozenset(("lambda:invoke", "sqs:sendMessage", "sns:publish", "events:putEvents",
                         "states:startExecution", "apigateway:invoke"))
_ELSEWHERE = frozenset((
    "athena", "batch", "bedrock", "codebuild", "databrew", "ecs", "eks", "elasticmapreduce", "emr-containers",
    "emr-serverless", "glue", "mediaconvert", "sagemaker"))


class Integration(NamedTuple):
    """What a task does. ``service`` is botocore's name; empty where no operation of a service is called."""

    kind: str  # function, activity, optimised or sdk
    resource: str
    service: str = ""
    operation: str = ""
    errors: str = ""  # how its errors begin
    pattern: str = ""  # sync, sync:2 or waitForTaskToken

    @property
    def name(self) -> str:
        """Which optimised integration it is."""
        return ":".join(self.resource.split(":")[5:7]).partition(".")[0]


@lru_cache(maxsize=1024)
def of(services: Services, resource: str) -> Integration:
    """What a resource means; NotHonoured if that isn't here, ValueError if AWS knows no such thing."""
    arn = Arn.parse(resource)
    if arn.service == "lambda" and arn.resource.startswith("function:"):
        return Integration("function", resource, "lambda", "Invoke", "Lambda")
    if arn.service == "states" and arn.resource.startswith("activity:"):
        return Integration("activity", resource)
    if arn.service != "states" or arn.account or arn.region:
        raise ValueError(resource)
    body, _, pattern = arn.resource.partition(".")
    if pattern and pattern not in _PATTERNS:
        raise ValueError(resource)
    if body.startswith("aws-sdk:"):
        return _sdk(services, resource, body.removeprefix("aws-sdk:"), pattern)
    return _optimised(resource, body, pattern)


def operation_of(services: Services, one: Integration) -> Operation:
    """The operation behind an integration."""
    return services[one.service].find(one.operation)


def is_brief(services: Services, one: Integration) -> bool:
    """Whether the task is one ``def`` operation, which can be done in the transaction of its transition."""
    return bool(one.service) and not operation_of(services, one).waits


def _optimised(resource: str, body: str, pattern: str) -> Integration:
    if body not in _OPTIMISED:
        service = body.partition(":")[0]
        if service in _ELSEWHERE:
            raise NotHonoured(f"cloudlet has no service {service}, so no state can have the resource "
                              f"{resource}.")
        raise ValueError(resource)
    if (pattern.startswith("sync") and body not in _SYNC) or (
            pattern == "waitForTaskToken" and body not in _WITH_TOKEN):
        raise ValueError(resource)
    return Integration("optimised", resource, *_OPTIMISED[body], pattern)


def _sdk(services: Services, resource: str, body: str, pattern: str) -> Integration:
    identifier, _, action = body.partition(":")
    if pattern.startswith("sync") or not action:
        raise ValueError(resource)
    name = next((name for name, said in services.metadata.items()
                 if _NO_NAME.sub("", said["serviceId"].lower()) == identifier), None)
    if name is None:
        raise NotHonoured(f"cloudlet has no service {identifier!r}, so no state can have the resource "
                          f"{resource}.")
    service = services[name]
    known = next((one for one in service.model.operation_names if api_name(one) == api_name(action)), None)
    if known is None or action[:1].isupper():
        raise ValueError(resource)
    try:
        service.find(known)
    except AwsError as error:
        raise NotHonoured(f"No state can have the resource {resource}: {error}") from None
    return Integration("sdk", resource, name, known, api_name(service.model.metadata["serviceId"]), pattern)


def api_name(name: str) -> str:
    """A name of a model as Step Functions has it: its words, each with one capital.

    >>> api_name("MD5OfMessageBody"), api_name("DynamoDB"), api_name("Secrets Manager"), api_name("eTag")
    ('Md5OfMessageBody', 'DynamoDb', 'SecretsManager', 'ETag')
    """
    words = [word for part in re.split(r"[^A-Za-z0-9]+", name) for word in _WORDS.split(part) if word]
    return "".join(word[0].upper() + word[1:].lower() for word in words)

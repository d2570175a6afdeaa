"""The SQS service, and how it differs on the wire from what its model says.

SQS moved from forms to JSON, and its model forgot the forms: which names members have there, and the
codes that errors have in them (and in the header ``x-amzn-query-error``, which SDKs read first). The
names are those of the model before 2023; old SDKs, the JavaScript SDK v2 and curl still use them.
"""

from typing import Any

from ...kernel import Service
from ...wire.model import Dialect, OperationModel
from .errors import missing

_NAMES = {
    "CreateQueueRequest.Attributes": "Attribute", "CreateQueueRequest.tags": "Tag",
    "SetQueueAttributesRequest.Attributes": "Attribute", "GetQueueAttributesResult.Attributes": "Attribute",
    "ListQueueTagsResult.Tags": "Tag", "TagQueueRequest.Tags": "Tag",
    "Message.Attributes": "Attribute", "Message.MessageAttributes": "MessageAttribute",
    "SendMessageRequest.MessageAttributes": "MessageAttribute",
    "SendMessageRequest.MessageSystemAttributes": "MessageSystemAttribute",
    "SendMessageBatchRequestEntry.MessageAttributes": "MessageAttribute",
    "SendMessageBatchRequestEntry.MessageSystemAttributes": "MessageSystemAttribute",
    "MessageAttributeValue.StringListValues": "StringListValue",
    "MessageAttributeValue.BinaryListValues": "BinaryListValue",
    "MessageSystemAttributeValue.StringListValues": "StringListValue",
    "MessageSystemAttributeValue.BinaryListValues": "BinaryListValue",
    "TagMap.key": "Key", "TagMap.value": "Value",
} | {
    f"{shape}.{part}": part.capitalize() if part == "value" else "Name"
    for shape in ("QueueAttributeMap", "MessageBodyAttributeMap", "MessageBodySystemAttributeMap",
                  "MessageSystemAttributeMap")
    for part in ("key", "value")
} | {
    f"{shape}.member": name for shape, name in {
        "AWSAccountIdList": "AWSAccountId", "ActionNameList": "ActionName",
        "AttributeNameList": "AttributeName", "MessageAttributeNameList": "MessageAttributeName",
        "MessageSystemAttributeList": "MessageSystemAttributeName",
        "BinaryList": "BinaryListValue", "StringList": "StringListValue", "TagKeyList": "TagKey",
        "QueueUrlList": "QueueUrl", "MessageList": "Message",
    }.items()
} | {
    f"{entry}List.member": entry for entry in (
        "BatchResultErrorEntry", "SendMessageBatchRequestEntry", "SendMessageBatchResultEntry",
        "DeleteMessageBatchRequestEntry", "DeleteMessageBatchResultEntry", "ListMessageMoveTasksResultEntry",
        "ChangeMessageVisibilityBatchRequestEntry", "ChangeMessageVisibilityBatchResultEntry")
}

_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "InvalidParameterValueException": "InvalidParameterValue",
    "MissingRequiredParameterException": "MissingParameter",
} | {
    name: f"AWS.SimpleQueueService.{name}" for name in (
        "BatchEntryIdsNotDistinct", "BatchRequestTooLong", "EmptyBatchRequest", "InvalidBatchEntryId",
        "MessageNotInflight", "PurgeQueueInProgress", "QueueDeletedRecently", "TooManyEntriesInBatchRequest",
        "UnsupportedOperation")
}


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    """SQS has one word for what is not there; what is wrong otherwise each operation says itself."""
    if spec.input:
        for name in spec.input.shape.required:
            if params.get(name) is None:
                raise missing(name)


sqs = Service("sqs", check=_check, dialect=Dialect(
    names=_NAMES, error_codes=_CODES, path_member="QueueUrl",
    namespace="http://queue.amazonaws.com/doc/2012-11-05/"))

"""CloudFormation's types of SQS, in terms of its operations."""

import json
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This, unclaimed
from .errors import InvalidParameterValueException, QueueDoesNotExist
from .service import sqs

_SETTINGS = {
    "delay_seconds": "DelaySeconds", "maximum_message_size": "MaximumMessageSize",
    "message_retention_period": "MessageRetentionPeriod", "visibility_timeout": "VisibilityTimeout",
    "receive_message_wait_time_seconds": "ReceiveMessageWaitTimeSeconds",
    "content_based_deduplication": "ContentBasedDeduplication", "deduplication_scope": "DeduplicationScope",
    "fifo_throughput_limit": "FifoThroughputLimit", "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
    "redrive_policy": "RedrivePolicy", "redrive_allow_policy": "RedriveAllowPolicy",
}
# what a property goes back to when it is taken out of a template
_DEFAULTS = {
    "DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
    "VisibilityTimeout": "30", "ReceiveMessageWaitTimeSeconds": "0", "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue", "SqsManagedSseEnabled": "true",
    "RedrivePolicy": "", "RedriveAllowPolicy": "",
}


@sqs.resource("AWS::SQS::Queue")
class QueueResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A queue; ``Ref`` is its URL."""

    REPLACED_BY: ClassVar = frozenset({"QueueName", "FifoQueue"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "QueueName", "QueueUrl"})

    queue_name: str | None = None
    fifo_queue: bool | None = None
    content_based_deduplication: bool | None = None
    deduplication_scope: str | None = None
    delay_seconds: int | None = None
    fifo_throughput_limit: str | None = None
    maximum_message_size: int | None = None
    message_retention_period: int | None = None
    receive_message_wait_time_seconds: int | None = None
    redrive_allow_policy: dict[str, Any] | str | None = None
    redrive_policy: dict[str, Any] | str | None = None
    sqs_managed_sse_enabled: bool | None = None
    tags: list[Tag] = []
    visibility_timeout: int | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Create the queue."""
        name = self.queue_name or self._name(call, this)
        await unclaimed(call, this, name, "sqs", "GetQueueUrl", QueueName=name)
        attributes = self._attributes()
        if self.fifo_queue:
            attributes["FifoQueue"] = "true"
        made = await call.invoke("sqs", "CreateQueue", QueueName=name, Attributes=attributes,
                                 tags=this.all_tags(self.tags))
        return _physical(call, made["QueueUrl"])

    async def update(self, call: Conversation, this: This, old: "QueueResource") -> Physical:
        """Set what changed; a property that is gone goes back to AWS's default."""
        mine, before = self._attributes(), old._attributes()
        reset = {name: _DEFAULTS[name] for name in before if name not in mine}
        changed = reset | {name: value for name, value in mine.items() if before.get(name) != value}
        if changed:
            await call.invoke("sqs", "SetQueueAttributes", QueueUrl=this.physical_id, Attributes=changed)
        tags = this.all_tags(self.tags)
        had = (await call.invoke("sqs", "ListQueueTags", QueueUrl=this.physical_id)).get("Tags", {})
        gone = [key for key in had if key not in tags]
        if gone:
            await call.invoke("sqs", "UntagQueue", QueueUrl=this.physical_id, TagKeys=gone)
        if tags:
            await call.invoke("sqs", "TagQueue", QueueUrl=this.physical_id, Tags=tags)
        return _physical(call, this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the queue."""
        try:
            await call.invoke("sqs", "DeleteQueue", QueueUrl=this.physical_id)
        except QueueDoesNotExist:
            return

    def _name(self, call: Conversation, this: This) -> str:
        return this.name(call.ids, 75) + ".fifo" if self.fifo_queue else this.name(call.ids, 80)

    def _attributes(self) -> dict[str, str]:
        found = {}
        for field, name in _SETTINGS.items():
            value = getattr(self, field)
            if value is not None:
                found[name] = _text(value)
        return found


@sqs.resource("AWS::SQS::QueuePolicy")
class QueuePolicy(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """One policy for some queues."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset()
    ATTRIBUTES: ClassVar = frozenset({"Id"})

    policy_document: dict[str, Any] | str
    queues: list[str]

    async def create(self, call: Conversation, this: This) -> Physical:
        """Give the policy to every queue."""
        await _set_policy(call, self.queues, _text(self.policy_document))
        id = this.name(call.ids)
        return Physical(id, {"Id": id})

    async def update(self, call: Conversation, this: This, old: "QueuePolicy") -> Physical:
        """Take it from queues that are not named any more, and give it to the others."""
        await _set_policy(call, [queue for queue in old.queues if queue not in self.queues], "")
        await _set_policy(call, self.queues, _text(self.policy_document))
        return Physical(this.physical_id, {"Id": this.physical_id})

    async def delete(self, call: Conversation, this: This) -> None:
        """Take the policy from every queue."""
        await _set_policy(call, self.queues, "", lenient=True)


@sqs.resource("AWS::SQS::QueueInlinePolicy")
class QueueInlinePolicy(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """The policy of one queue; ``Ref`` is the queue's URL."""

    REPLACED_BY: ClassVar = frozenset({"Queue"})

    policy_document: dict[str, Any] | str
    queue: str

    async def create(self, call: Conversation, this: This) -> Physical:
        """Give the queue its policy."""
        await _set_policy(call, [self.queue], _text(self.policy_document))
        return Physical(self.queue)

    async def update(self, call: Conversation, this: This, old: "QueueInlinePolicy") -> Physical:
        """Give the queue its new policy."""
        return await self.create(call, this)

    async def delete(self, call: Conversation, this: This) -> None:
        """Take the policy from the queue."""
        await _set_policy(call, [self.queue], "", lenient=True)


async def _set_policy(call: Conversation, queues: list[str], policy: str, *, lenient: bool = False) -> None:
    for queue in queues:
        try:
            await call.invoke("sqs", "SetQueueAttributes", QueueUrl=queue, Attributes={"Policy": policy})
        except QueueDoesNotExist:
            if not lenient:
                raise


def _physical(call: Conversation, queue_url: str) -> Physical:
    account, _, name = queue_url.rpartition("/")
    if not name:
        raise InvalidParameterValueException(f"{queue_url} is not the URL of a queue.")
    here = call.elsewhere(account=account.rpartition("/")[2], service="sqs")
    return Physical(queue_url, {"Arn": here.arn(name), "QueueName": name, "QueueUrl": queue_url})


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else str(value)

"""CloudFormation's types of SNS, in terms of its operations."""

import json
from typing import Any, ClassVar

import msgspec

from ...arn import Arn
from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This, listed, unclaimed
from .errors import NotFoundException
from .service import sns

Config = dict[str, Any]
_SETTINGS = {
    "display_name": "DisplayName", "content_based_deduplication": "ContentBasedDeduplication",
    "fifo_throughput_scope": "FifoThroughputScope", "signature_version": "SignatureVersion",
    "tracing_config": "TracingConfig", "archive_policy": "ArchivePolicy",
    "kms_master_key_id": "KmsMasterKeyId", "maximum_message_size": "MaximumMessageSize",
}
# what a property goes back to when it is taken out of a template
_DEFAULTS = {
    "DisplayName": "", "ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic",
    "SignatureVersion": "1", "TracingConfig": "PassThrough", "ArchivePolicy": "{}", "KmsMasterKeyId": "",
    "MaximumMessageSize": "262144",
}
_LOGGED = {"http/s": "HTTP", "sqs": "SQS", "lambda": "Lambda", "firehose": "Firehose",
           "application": "Application"}


class Subscriber(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, frozen=True):
    """An endpoint that a topic is made with."""

    endpoint: str
    protocol: str


class Logging(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Which deliveries of a protocol are logged."""

    protocol: str
    success_feedback_role_arn: str | None = None
    success_feedback_sample_rate: str | None = None
    failure_feedback_role_arn: str | None = None


@sns.resource("AWS::SNS::Topic")
class TopicResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A topic; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"TopicName", "FifoTopic"})
    ATTRIBUTES: ClassVar = frozenset({"TopicArn", "TopicName"})

    topic_name: str | None = None
    fifo_topic: bool | None = None
    display_name: str | None = None
    content_based_deduplication: bool | None = None
    fifo_throughput_scope: str | None = None
    signature_version: str | None = None
    tracing_config: str | None = None
    archive_policy: Config | str | None = None
    kms_master_key_id: str | None = None
    maximum_message_size: int | None = None
    delivery_status_logging: list[Logging] = []
    subscription: list[Subscriber] = []
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Create the topic, and subscribe who is named with it."""
        name = self.topic_name or (this.name(call.ids, 251) + ".fifo" if self.fifo_topic
                                   else this.name(call.ids, 256))
        await unclaimed(call, this, name, "sns", "GetTopicAttributes", TopicArn=call.arn(name, "sns"))
        attributes = self._attributes() | ({"FifoTopic": "true"} if self.fifo_topic else {})
        made = await call.invoke("sns", "CreateTopic", Name=name, Attributes=attributes,
                                 Tags=listed(this.all_tags(self.tags)))
        this.physical_id = made["TopicArn"]
        await self._subscribe(call, this.physical_id, self.subscription)
        return _physical(this.physical_id)

    async def update(self, call: Conversation, this: This, old: "TopicResource") -> Physical:
        """Set what changed; a property that is gone goes back to AWS's default."""
        arn, mine, before = this.physical_id, self._attributes(), old._attributes()
        gone = {name: _DEFAULTS.get(name, "0" if name.endswith("Rate") else "") for name in before
                if name not in mine}
        for name, value in (gone | mine).items():
            if before.get(name) != value:
                await call.invoke("sns", "SetTopicAttributes", TopicArn=arn, AttributeName=name,
                                  AttributeValue=value)
        tags = this.all_tags(self.tags)
        had = (await call.invoke("sns", "ListTagsForResource", ResourceArn=arn))["Tags"]
        lost = [tag["Key"] for tag in had if tag["Key"] not in tags]
        if lost:
            await call.invoke("sns", "UntagResource", ResourceArn=arn, TagKeys=lost)
        if tags:
            await call.invoke("sns", "TagResource", ResourceArn=arn, Tags=listed(tags))
        await self._unsubscribe(call, arn, [one for one in old.subscription if one not in self.subscription])
        await self._subscribe(call, arn, [one for one in self.subscription if one not in old.subscription])
        return _physical(arn)

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the topic, and its archive."""
        try:
            if self.archive_policy:
                await call.invoke("sns", "SetTopicAttributes", TopicArn=this.physical_id,
                                  AttributeName="ArchivePolicy", AttributeValue="{}")
            await call.invoke("sns", "DeleteTopic", TopicArn=this.physical_id)
        except NotFoundException:
            return

    def _attributes(self) -> dict[str, str]:
        found = {}
        for field, name in _SETTINGS.items():
            value = getattr(self, field)
            if value is not None:
                found[name] = _text(value)
        for one in self.delivery_status_logging:
            prefix = _LOGGED.get(one.protocol, one.protocol)
            said = {"SuccessFeedbackRoleArn": one.success_feedback_role_arn,
                    "SuccessFeedbackSampleRate": one.success_feedback_sample_rate,
                    "FailureFeedbackRoleArn": one.failure_feedback_role_arn}
            found |= {prefix + name: value for name, value in said.items() if value}
        return found

    async def _subscribe(self, call: Conversation, arn: str, those: list[Subscriber]) -> None:
        for one in those:
            await call.invoke("sns", "Subscribe", TopicArn=arn, Protocol=one.protocol, Endpoint=one.endpoint)

    async def _unsubscribe(self, call: Conversation, arn: str, those: list[Subscriber]) -> None:
        for one in those:  # who subscribes again is told which subscription it is
            found = await call.invoke("sns", "Subscribe", TopicArn=arn, Protocol=one.protocol,
                                      Endpoint=one.endpoint, ReturnSubscriptionArn=True)
            await call.invoke("sns", "Unsubscribe", SubscriptionArn=found["SubscriptionArn"])


@sns.resource("AWS::SNS::Subscription")
class SubscriptionResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A subscription; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"TopicArn", "Protocol", "Endpoint", "Region"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})

    topic_arn: str
    protocol: str
    endpoint: str | None = None
    region: str | None = None
    delivery_policy: Config | str | None = None
    filter_policy: Config | str | None = None
    filter_policy_scope: str | None = None
    raw_message_delivery: bool | None = None
    redrive_policy: Config | str | None = None
    replay_policy: Config | str | None = None
    subscription_role_arn: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Subscribe the endpoint."""
        made = await call.invoke("sns", "Subscribe", region=self.region or "", TopicArn=self.topic_arn,
                                 Protocol=self.protocol, Endpoint=self.endpoint, ReturnSubscriptionArn=True,
                                 Attributes=self._attributes())
        return Physical(made["SubscriptionArn"], {"Arn": made["SubscriptionArn"]})

    async def update(self, call: Conversation, this: This, old: "SubscriptionResource") -> Physical:
        """Set what changed; the filter is lifted while its scope changes."""
        mine, before = self._attributes(), old._attributes()
        if mine.get("FilterPolicyScope") != before.get("FilterPolicyScope") and "FilterPolicy" in before:
            await self._set(call, this, "FilterPolicy", "{}")
            del before["FilterPolicy"]
        defaults = {"FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": "false"}
        gone = {name: defaults.get(name, "") for name in before if name not in mine}
        for name, value in (gone | mine).items():
            if before.get(name) != value:
                await self._set(call, this, name, value)
        return Physical(this.physical_id, {"Arn": this.physical_id})

    async def delete(self, call: Conversation, this: This) -> None:
        """End the subscription."""
        await call.invoke("sns", "Unsubscribe", region=self.region or "", SubscriptionArn=this.physical_id)

    async def _set(self, call: Conversation, this: This, name: str, value: str) -> None:
        await call.invoke("sns", "SetSubscriptionAttributes", region=self.region or "",
                          SubscriptionArn=this.physical_id, AttributeName=name, AttributeValue=value)

    def _attributes(self) -> dict[str, str]:
        said = {"RawMessageDelivery": self.raw_message_delivery, "FilterPolicy": self.filter_policy,
                "FilterPolicyScope": self.filter_policy_scope, "DeliveryPolicy": self.delivery_policy,
                "RedrivePolicy": self.redrive_policy, "SubscriptionRoleArn": self.subscription_role_arn,
                "ReplayPolicy": self.replay_policy}
        return {name: _text(value) for name, value in said.items() if value is not None}


@sns.resource("AWS::SNS::TopicPolicy")
class TopicPolicy(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """One policy for some topics."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset()
    ATTRIBUTES: ClassVar = frozenset({"Id"})

    policy_document: Config | str
    topics: list[str]

    async def create(self, call: Conversation, this: This) -> Physical:
        """Give the policy to every topic."""
        await _set_policy(call, self.topics, _text(self.policy_document))
        id = this.name(call.ids)
        return Physical(id, {"Id": id})

    async def update(self, call: Conversation, this: This, old: "TopicPolicy") -> Physical:
        """Take it from topics that are not named any more, and give it to the others."""
        await _set_policy(call, [topic for topic in old.topics if topic not in self.topics], "", lenient=True)
        await _set_policy(call, self.topics, _text(self.policy_document))
        return Physical(this.physical_id, {"Id": this.physical_id})

    async def delete(self, call: Conversation, this: This) -> None:
        """Give every topic AWS's own policy back."""
        await _set_policy(call, self.topics, "", lenient=True)


@sns.resource("AWS::SNS::TopicInlinePolicy")
class TopicInlinePolicy(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """The policy of one topic; ``Ref`` is the topic's ARN."""

    REPLACED_BY: ClassVar = frozenset({"TopicArn"})

    policy_document: Config | str
    topic_arn: str

    async def create(self, call: Conversation, this: This) -> Physical:
        """Give the topic its policy."""
        await _set_policy(call, [self.topic_arn], _text(self.policy_document))
        return Physical(self.topic_arn)

    async def update(self, call: Conversation, this: This, old: "TopicInlinePolicy") -> Physical:
        """Give the topic its new policy."""
        return await self.create(call, this)

    async def delete(self, call: Conversation, this: This) -> None:
        """Give the topic AWS's own policy back."""
        await _set_policy(call, [self.topic_arn], "", lenient=True)


async def _set_policy(call: Conversation, topics: list[str], policy: str, *, lenient: bool = False) -> None:
    for topic in topics:
        try:
            await call.invoke("sns", "SetTopicAttributes", TopicArn=topic, AttributeName="Policy",
                              AttributeValue=policy)
        except NotFoundException:
            if not lenient:
                raise


def _physical(arn: str) -> Physical:
    return Physical(arn, {"TopicArn": arn, "TopicName": Arn.parse(arn).resource})


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else str(value)

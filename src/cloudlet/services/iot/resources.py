"""CloudFormation's type of topic rules, in terms of AWS IoT's operations.

SAM's ``IoTRule`` events become one.
"""

from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This, listed
from .errors import ResourceAlreadyExistsException, UnauthorizedException
from .service import iot

Config = dict[str, Any]


class LambdaAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a function."""

    function_arn: str


class SqsAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a queue."""

    queue_url: str
    role_arn: str
    use_base64: bool | None = None


class SnsAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a topic of SNS."""

    target_arn: str
    role_arn: str
    message_format: str | None = None


class KinesisAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a stream."""

    stream_name: str
    role_arn: str
    partition_key: str | None = None


class FirehoseAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a delivery stream."""

    delivery_stream_name: str
    role_arn: str
    separator: str | None = None
    batch_mode: bool | None = None


class CloudwatchLogsAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a log group."""

    log_group_name: str
    role_arn: str
    batch_mode: bool | None = None


class S3Action(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a bucket."""

    bucket_name: str
    key: str
    role_arn: str
    canned_acl: str | None = None


class DynamoDBAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a table, under a key."""

    table_name: str
    role_arn: str
    hash_key_field: str
    hash_key_value: str
    hash_key_type: str | None = None
    range_key_field: str | None = None
    range_key_value: str | None = None
    range_key_type: str | None = None
    payload_field: str | None = None
    operation: str | None = None


class PutItemInput(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """The table of an item."""

    table_name: str


class DynamoDBv2Action(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a table, as an item."""

    put_item: PutItemInput
    role_arn: str


class UserProperty(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A property of a message of MQTT 5."""

    key: str
    value: str


class RepublishHeaders(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Properties of a message of MQTT 5."""

    payload_format_indicator: str | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: str | None = None
    message_expiry: str | None = None
    user_properties: list[UserProperty] | None = None


class RepublishAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To another topic."""

    topic: str
    role_arn: str
    qos: int | None = None
    headers: RepublishHeaders | None = None


class StepFunctionsAction(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """To a state machine."""

    state_machine_name: str
    role_arn: str
    execution_name_prefix: str | None = None


class Action(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An action of a rule: one of these."""

    cloudwatch_logs: CloudwatchLogsAction | None = None
    dynamodb: DynamoDBAction | None = msgspec.field(default=None, name="DynamoDB")
    dynamodb_v2: DynamoDBv2Action | None = msgspec.field(default=None, name="DynamoDBv2")
    firehose: FirehoseAction | None = None
    kinesis: KinesisAction | None = None
    lambda_: LambdaAction | None = msgspec.field(default=None, name="Lambda")
    republish: RepublishAction | None = None
    s3: S3Action | None = None
    sns: SnsAction | None = None
    sqs: SqsAction | None = None
    step_functions: StepFunctionsAction | None = None


class TopicRulePayload(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """What a rule says."""

    actions: list[Action]
    sql: str
    aws_iot_sql_version: str | None = None
    description: str | None = None
    error_action: Action | None = None
    rule_disabled: bool | None = None


@iot.resource("AWS::IoT::TopicRule")
class TopicRuleResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A topic rule; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"RuleName"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})

    topic_rule_payload: TopicRulePayload
    rule_name: str | None = None
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateTopicRule."""
        name = self.rule_name or this.name(call.ids, 128).replace("-", "_")
        try:
            await call.invoke("iot", "CreateTopicRule", ruleName=name, topicRulePayload=self._said())
        except ResourceAlreadyExistsException:
            if not this.resumed:
                raise
        await self._tag(call, this, name)
        return self._physical(call, name)

    async def update(self, call: Conversation, this: This, old: "TopicRuleResource") -> Physical:
        """ReplaceTopicRule."""
        await call.invoke("iot", "ReplaceTopicRule", ruleName=this.physical_id, topicRulePayload=self._said())
        await self._tag(call, this, this.physical_id)
        return self._physical(call, this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteTopicRule."""
        with suppress(UnauthorizedException):  # AWS's word for a rule that is not there
            await call.invoke("iot", "DeleteTopicRule", ruleName=this.physical_id)

    async def _tag(self, call: Conversation, this: This, name: str) -> None:
        arn = self._physical(call, name).attributes["Arn"]
        wanted = this.all_tags(self.tags)
        shown = (await call.invoke("iot", "ListTagsForResource", resourceArn=arn))["tags"]
        gone = [tag["Key"] for tag in shown if tag["Key"] not in wanted]
        if gone:
            await call.invoke("iot", "UntagResource", resourceArn=arn, tagKeys=gone)
        if wanted:
            await call.invoke("iot", "TagResource", resourceArn=arn, tags=listed(wanted))

    def _said(self) -> Any:
        return _lower(msgspec.to_builtins(self.topic_rule_payload))

    def _physical(self, call: Conversation, name: str) -> Physical:
        return Physical(name, {"Arn": call.elsewhere(service="iot").arn(f"rule/{name}")})


def _lower(value: Any) -> Any:
    """Names as the API has them, without what was not said."""
    if isinstance(value, dict):
        return {f"{name[0].lower()}{name[1:]}": _lower(one) for name, one in value.items() if one is not None}
    return [_lower(one) for one in value] if isinstance(value, list) else value

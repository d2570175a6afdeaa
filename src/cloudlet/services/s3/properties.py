"""The properties of ``AWS::S3::Bucket`` that have members of their own, and what the API calls them.

A template and the API name the same things differently; each struct knows how to say itself in the API's
words. What a struct doesn't list is refused by name before anything is created.
"""

from typing import Any

import msgspec

from ...wire.values import read_timestamp
from .encryption import S3

Json = dict[str, Any]


class Property(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """A property whose members are all honoured."""


class Tag(Property):
    """One of Tags, or of a rule's TagFilters."""

    key: str
    value: str


class Ownership(Property):
    """One rule of OwnershipControls."""

    object_ownership: str


class OwnershipControls(Property):
    """Who owns objects."""

    rules: list[Ownership]


class PublicAccessBlock(Property):
    """Which public access is never given."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


class EncryptionDefault(Property):
    """How objects are encrypted."""

    sse_algorithm: str = msgspec.field(name="SSEAlgorithm")
    kms_master_key_id: str | None = msgspec.field(default=None, name="KMSMasterKeyID")


class EncryptionRule(Property):
    """One rule of BucketEncryption; many templates say no more than BucketKeyEnabled."""

    server_side_encryption_by_default: EncryptionDefault = msgspec.field(
        default_factory=lambda: EncryptionDefault(S3))
    bucket_key_enabled: bool = False


class Encryption(Property):
    """BucketEncryption."""

    server_side_encryption_configuration: list[EncryptionRule]

    def document(self) -> Json:
        """In the API's words."""
        return {"Rules": [given(
            ApplyServerSideEncryptionByDefault=plain(rule.server_side_encryption_by_default),
            BucketKeyEnabled=rule.bucket_key_enabled) for rule in self.server_side_encryption_configuration]}


class Versioning(Property):
    """VersioningConfiguration."""

    status: str


class CorsRule(Property):
    """One of CorsRules."""

    allowed_methods: list[str]
    allowed_origins: list[str]
    allowed_headers: list[str] | None = None
    exposed_headers: list[str] | None = None
    id: str | None = None
    max_age: int | None = None


class Cors(Property):
    """CorsConfiguration."""

    cors_rules: list[CorsRule]

    def document(self) -> Json:
        """In the API's words."""
        return {"CORSRules": [given(
            ID=rule.id, AllowedMethods=rule.allowed_methods, AllowedOrigins=rule.allowed_origins,
            AllowedHeaders=rule.allowed_headers, ExposeHeaders=rule.exposed_headers,
            MaxAgeSeconds=rule.max_age) for rule in self.cors_rules]}


class Transition(Property):
    """One of Transitions of a rule."""

    storage_class: str
    transition_in_days: int | None = None
    transition_date: str | None = None

    def document(self) -> Json:
        """In the API's words."""
        return given(Days=self.transition_in_days, Date=moment(self.transition_date),
                     StorageClass=self.storage_class)


class NoncurrentTransition(Property):
    """One of NoncurrentVersionTransitions of a rule."""

    storage_class: str
    transition_in_days: int
    newer_noncurrent_versions: int | None = None

    def document(self) -> Json:
        """In the API's words."""
        return given(NoncurrentDays=self.transition_in_days, StorageClass=self.storage_class,
                     NewerNoncurrentVersions=self.newer_noncurrent_versions)


class AbortUpload(Property):
    """AbortIncompleteMultipartUpload of a rule."""

    days_after_initiation: int


class NoncurrentExpiration(Property):
    """NoncurrentVersionExpiration of a rule."""

    noncurrent_days: int
    newer_noncurrent_versions: int | None = None


class LifecycleRule(Property):
    """One rule of LifecycleConfiguration."""

    status: str
    id: str | None = None
    prefix: str | None = None
    tag_filters: list[Tag] | None = None
    object_size_greater_than: int | None = None
    object_size_less_than: int | None = None
    expiration_in_days: int | None = None
    expiration_date: str | None = None
    expired_object_delete_marker: bool | None = None
    noncurrent_version_expiration: NoncurrentExpiration | None = None
    noncurrent_version_expiration_in_days: int | None = None
    transition: Transition | None = None
    transitions: list[Transition] | None = None
    noncurrent_version_transition: NoncurrentTransition | None = None
    noncurrent_version_transitions: list[NoncurrentTransition] | None = None
    abort_incomplete_multipart_upload: AbortUpload | None = None

    def document(self) -> Json:
        """In the API's words."""
        where = given(Prefix=self.prefix, Tags=plain(self.tag_filters),
                      ObjectSizeGreaterThan=self.object_size_greater_than,
                      ObjectSizeLessThan=self.object_size_less_than)
        old = plain(self.noncurrent_version_expiration)
        if self.noncurrent_version_expiration_in_days is not None:
            old = {"NoncurrentDays": self.noncurrent_version_expiration_in_days}
        expiration = given(Days=self.expiration_in_days, Date=moment(self.expiration_date),
                           ExpiredObjectDeleteMarker=self.expired_object_delete_marker)
        steps = (self.transitions or []) + ([self.transition] if self.transition else [])
        older = (self.noncurrent_version_transitions or []) + (
            [self.noncurrent_version_transition] if self.noncurrent_version_transition else [])
        return given(
            Transitions=[step.document() for step in steps] or None,
            NoncurrentVersionTransitions=[step.document() for step in older] or None,
            ID=self.id, Status=self.status, Filter=where if where.keys() <= {"Prefix"} else {"And": where},
            Expiration=expiration or None, NoncurrentVersionExpiration=old,
            AbortIncompleteMultipartUpload=plain(self.abort_incomplete_multipart_upload))


class Lifecycle(Property):
    """LifecycleConfiguration."""

    rules: list[LifecycleRule]

    def document(self) -> Json:
        """In the API's words."""
        return {"Rules": [rule.document() for rule in self.rules]}


class FilterRule(Property):
    """A prefix or a suffix of keys."""

    name: str
    value: str


class KeyFilter(Property):
    """S3Key of a Filter."""

    rules: list[FilterRule]


class NotificationFilter(Property):
    """Filter of a notification."""

    s3_key: KeyFilter = msgspec.field(name="S3Key")


class Notification(Property):
    """One entry of a NotificationConfiguration; it has one event, and one of the three receivers."""

    event: str
    function: str | None = None
    queue: str | None = None
    topic: str | None = None
    filter: NotificationFilter | None = None

    def document(self) -> Json:
        """In the API's words."""
        rules = plain(self.filter.s3_key.rules) if self.filter else None
        return given(LambdaFunctionArn=self.function, QueueArn=self.queue, TopicArn=self.topic,
                     Events=[self.event], Filter={"Key": {"FilterRules": rules}} if rules else None)


class EventBridge(Property):
    """EventBridgeConfiguration."""

    event_bridge_enabled: bool = True


class Notifications(Property):
    """NotificationConfiguration."""

    lambda_configurations: list[Notification] | None = None
    queue_configurations: list[Notification] | None = None
    topic_configurations: list[Notification] | None = None
    event_bridge_configuration: EventBridge | None = None

    def document(self) -> Json:
        """In the API's words."""
        bus = self.event_bridge_configuration
        return given(
            LambdaFunctionConfigurations=[one.document() for one in self.lambda_configurations or ()] or None,
            QueueConfigurations=[one.document() for one in self.queue_configurations or ()] or None,
            TopicConfigurations=[one.document() for one in self.topic_configurations or ()] or None,
            EventBridgeConfiguration={} if bus and bus.event_bridge_enabled else None)


class DateSource(Property):
    """PartitionedPrefix of TargetObjectKeyFormat."""

    partition_date_source: str | None = None


class LogKeys(Property):
    """TargetObjectKeyFormat."""

    partitioned_prefix: DateSource | None = None
    simple_prefix: Json | None = None


class Logging(Property):
    """LoggingConfiguration; without a DestinationBucketName the log goes into the bucket itself."""

    destination_bucket_name: str | None = None
    log_file_prefix: str = ""
    target_object_key_format: LogKeys | None = None

    def document(self, bucket: str) -> Json:
        """In the API's words."""
        return {"LoggingEnabled": given(
            TargetBucket=self.destination_bucket_name or bucket, TargetPrefix=self.log_file_prefix,
            TargetObjectKeyFormat=plain(self.target_object_key_format))}


class DefaultRetention(Property):
    """How long new versions are kept."""

    mode: str
    days: int | None = None
    years: int | None = None


class LockRule(Property):
    """Rule of ObjectLockConfiguration."""

    default_retention: DefaultRetention


class ObjectLock(Property):
    """ObjectLockConfiguration."""

    object_lock_enabled: str = "Enabled"
    rule: LockRule | None = None

    def document(self) -> Json:
        """In the API's words."""
        return given(ObjectLockEnabled=self.object_lock_enabled, Rule=plain(self.rule))


class RedirectAll(Property):
    """RedirectAllRequestsTo."""

    host_name: str
    protocol: str | None = None


class RoutingCondition(Property):
    """RoutingRuleCondition."""

    http_error_code_returned_equals: str | None = None
    key_prefix_equals: str | None = None


class Redirect(Property):
    """RedirectRule."""

    host_name: str | None = None
    http_redirect_code: str | None = None
    protocol: str | None = None
    replace_key_prefix_with: str | None = None
    replace_key_with: str | None = None


class RoutingRule(Property):
    """One of RoutingRules."""

    redirect_rule: Redirect
    routing_rule_condition: RoutingCondition | None = None


class Website(Property):
    """WebsiteConfiguration."""

    index_document: str | None = None
    error_document: str | None = None
    redirect_all_requests_to: RedirectAll | None = None
    routing_rules: list[RoutingRule] | None = None

    def document(self) -> Json:
        """In the API's words."""
        rules = [given(Redirect=plain(rule.redirect_rule), Condition=plain(rule.routing_rule_condition))
                 for rule in self.routing_rules or ()]
        return given(
            IndexDocument={"Suffix": self.index_document} if self.index_document else None,
            ErrorDocument={"Key": self.error_document} if self.error_document else None,
            RedirectAllRequestsTo=plain(self.redirect_all_requests_to), RoutingRules=rules or None)


def plain(value: Any) -> Any:
    """Structs as mappings, by AWS's names; None stays None."""
    return msgspec.to_builtins(value)


def given(**members: Any) -> Json:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def moment(text: str | None) -> Any:
    """A date as the API's parser would give it."""
    return None if text is None else read_timestamp(text)

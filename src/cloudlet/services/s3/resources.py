"""S3 in CloudFormation: buckets and their policies, in terms of the operations.

A property that configures a bucket is one operation to set it and one to take it away; which, stands in a
table. So create and update are the same walk over the properties that changed.
"""

import json
from typing import Any, ClassVar

import msgspec

from ...errors import AwsError
from ...kernel import Conversation
from ...kernel.place import Place
from ...stacks.resource import Physical, This, unclaimed
from . import properties, replication_properties
from .service import s3

Json = dict[str, Any]
_NAME_LIMIT = 63


@s3.resource("AWS::S3::Bucket")
class BucketResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A bucket and all its configurations."""

    REPLACED_BY: ClassVar = frozenset({"BucketName", "ObjectLockEnabled"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "DomainName", "RegionalDomainName", "DualStackDomainName",
                                      "WebsiteURL"})
    bucket_name: str | None = None
    access_control: str | None = None
    bucket_encryption: properties.Encryption | None = None
    cors_configuration: properties.Cors | None = None
    lifecycle_configuration: properties.Lifecycle | None = None
    logging_configuration: properties.Logging | None = None
    notification_configuration: properties.Notifications | None = None
    object_lock_configuration: properties.ObjectLock | None = None
    object_lock_enabled: bool = False
    ownership_controls: properties.OwnershipControls | None = None
    replication_configuration: replication_properties.Replication | None = None
    public_access_block_configuration: properties.PublicAccessBlock | None = None
    tags: list[properties.Tag] = []
    versioning_configuration: properties.Versioning | None = None
    website_configuration: properties.Website | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the bucket and configure it."""
        name = self.bucket_name or this.name(call.ids, _NAME_LIMIT, lower=True)
        place: Json = {} if call.region == "us-east-1" else {
            "CreateBucketConfiguration": {"LocationConstraint": call.region}}
        if not (this.resumed and await _exists(call, name)):
            await unclaimed(call, this, name, "s3", "HeadBucket", Bucket=name)
            await call.invoke("s3", "CreateBucket", Bucket=name,
                              ObjectLockEnabledForBucket=self.object_lock_enabled,
                              **place)
        this.physical_id = name
        await self._configure(call, this, name, None)
        return self._physical(call, name)

    async def update(self, call: Conversation, this: This, old: "BucketResource") -> Physical:
        """Configure what changed."""
        await self._configure(call, this, this.physical_id, old)
        return self._physical(call, this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the bucket; it must be empty."""
        try:
            await call.invoke("s3", "DeleteBucket", Bucket=this.physical_id)
        except AwsError as error:
            if error.code != "NoSuchBucket":
                raise

    async def _configure(self, call: Conversation, this: This, name: str,
                         old: "BucketResource | None") -> None:
        wanted, before = self._documents(this), old._documents(this) if old else {}
        for kind, (put, member, delete) in _SETTINGS.items():
            now, then = wanted.get(kind), before.get(kind)
            if now == then:
                continue
            if now is not None:
                await call.invoke("s3", put, Bucket=name, **{member: now})
            elif delete:
                await call.invoke("s3", delete, Bucket=name)
            else:
                await call.invoke("s3", put, Bucket=name, **{member: _EMPTY.get(kind, {})})

    def _documents(self, this: This) -> Json:
        """The configurations in the words of the operations."""
        own = {tag.key: tag.value for tag in self.tags}
        tags = [{"Key": key, "Value": value} for key, value in {**this.tags, **own}.items()]
        translated = {"encryption": self.bucket_encryption, "lock": self.object_lock_configuration,
                      "cors": self.cors_configuration, "lifecycle": self.lifecycle_configuration,
                      "notification": self.notification_configuration,
                      "replication": self.replication_configuration, "website": self.website_configuration}
        found: Json = {
            "ownership": properties.plain(self.ownership_controls),
            "block": properties.plain(self.public_access_block_configuration),
            "acl": _acl(self.access_control),
            "versioning": properties.plain(self.versioning_configuration),
            "tags": {"TagSet": tags} if tags else None,
            "logging": self.logging_configuration and self.logging_configuration.document(this.physical_id),
            **{kind: document.document() for kind, document in translated.items() if document is not None}}
        return {kind: document for kind, document in found.items() if document is not None}

    def _physical(self, call: Conversation, name: str) -> Physical:
        return Physical(name, {
            "Arn": f"arn:aws:s3:::{name}", "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{call.region}.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{call.region}.amazonaws.com",
            "WebsiteURL": call.use(Place).site("s3-website", name)})


@s3.resource("AWS::S3::BucketPolicy")
class BucketPolicyResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A bucket's policy."""

    REPLACED_BY: ClassVar = frozenset({"Bucket"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset()
    bucket: str
    policy_document: Json | str

    async def create(self, call: Conversation, this: This) -> Physical:
        """Set the policy."""
        text = self.policy_document if isinstance(self.policy_document,
                                                  str) else json.dumps(self.policy_document)
        await call.invoke("s3", "PutBucketPolicy", Bucket=self.bucket, Policy=text)
        return Physical(self.bucket)

    async def update(self, call: Conversation, this: This, old: "BucketPolicyResource") -> Physical:
        """Set the new policy."""
        return await self.create(call, this)

    async def delete(self, call: Conversation, this: This) -> None:
        """Take the policy away."""
        try:
            await call.invoke("s3", "DeleteBucketPolicy", Bucket=this.physical_id)
        except AwsError as error:
            if error.code != "NoSuchBucket":
                raise


# in this order: who owns and who may come in before anything refers to it
_SETTINGS: dict[str, tuple[str, str, str]] = {
    "ownership": ("PutBucketOwnershipControls", "OwnershipControls", "DeleteBucketOwnershipControls"),
    "block": ("PutPublicAccessBlock", "PublicAccessBlockConfiguration", "DeletePublicAccessBlock"),
    "acl": ("PutBucketAcl", "ACL", ""),
    "encryption": ("PutBucketEncryption", "ServerSideEncryptionConfiguration", "DeleteBucketEncryption"),
    "versioning": ("PutBucketVersioning", "VersioningConfiguration", ""),
    "replication": ("PutBucketReplication", "ReplicationConfiguration", "DeleteBucketReplication"),
    "lock": ("PutObjectLockConfiguration", "ObjectLockConfiguration", ""),
    "cors": ("PutBucketCors", "CORSConfiguration", "DeleteBucketCors"),
    "lifecycle": ("PutBucketLifecycleConfiguration", "LifecycleConfiguration", "DeleteBucketLifecycle"),
    "notification": ("PutBucketNotificationConfiguration", "NotificationConfiguration", ""),
    "website": ("PutBucketWebsite", "WebsiteConfiguration", "DeleteBucketWebsite"),
    "logging": ("PutBucketLogging", "BucketLoggingStatus", ""),
    "tags": ("PutBucketTagging", "Tagging", "DeleteBucketTagging"),
}
_EMPTY: dict[str, Any] = {"acl": "private", "versioning": {"Status": "Suspended"},
                          "lock": {"ObjectLockEnabled": "Enabled"}}


async def _exists(call: Conversation, name: str) -> bool:
    try:
        await call.invoke("s3", "HeadBucket", Bucket=name)
    except AwsError:
        return False
    return True


def _acl(name: str | None) -> str | None:
    """``PublicRead`` is ``public-read``; ``Private`` is what buckets are, also those without ACLs."""
    if name in (None, "Private"):
        return None
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).removeprefix("-")

"""S3's access points in CloudFormation, in terms of the operations."""

import json
from typing import Any, ClassVar

import msgspec

from ...errors import AwsError
from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .service import s3control

Json = dict[str, Any]
_NAME_LIMIT = 50


class Tag(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A tag of an access point."""

    key: str
    value: str


class PublicAccessBlock(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Which public access is never given."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


@s3control.resource("AWS::S3::AccessPoint")
class AccessPointResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An access point with its policy; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"Bucket", "BucketAccountId", "Name",
                                       "PublicAccessBlockConfiguration"})
    ATTRIBUTES: ClassVar = frozenset({"Alias", "Arn", "Name", "NetworkOrigin"})

    bucket: str
    bucket_account_id: str | None = None
    name: str | None = None
    policy: Json | str | None = None
    public_access_block_configuration: PublicAccessBlock | None = None
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the access point, and give it its policy."""
        name = self.name or this.name(call.ids, _NAME_LIMIT, lower=True)
        asked: Json = {"BucketAccountId": self.bucket_account_id, "Tags": _listed(self._tags(this)) or None,
                       "PublicAccessBlockConfiguration": msgspec.to_builtins(
                           self.public_access_block_configuration)}
        try:
            await _invoke(call, "CreateAccessPoint", name, Bucket=self.bucket, **asked)
        except AwsError as error:
            if error.code != "AccessPointAlreadyOwnedByYou" or not this.resumed:
                raise
        this.physical_id = name
        if self.policy is not None:
            await _invoke(call, "PutAccessPointPolicy", name, Policy=_text(self.policy))
        return await _physical(call, name)

    async def update(self, call: Conversation, this: This, old: "AccessPointResource") -> Physical:
        """Set the policy and the tags that changed."""
        name = this.physical_id
        if self.policy is not None:
            await _invoke(call, "PutAccessPointPolicy", name, Policy=_text(self.policy))
        elif old.policy is not None:
            await _invoke(call, "DeleteAccessPointPolicy", name)
        arn, wanted, before = call.arn(f"accesspoint/{name}", "s3"), self._tags(this), old._tags(this)
        gone = [key for key in before if key not in wanted]
        here: Json = {"AccountId": call.account, "ResourceArn": arn}
        if gone:
            await call.invoke("s3control", "UntagResource", **here, TagKeys=gone)
        if wanted:
            await call.invoke("s3control", "TagResource", **here, Tags=_listed(wanted))
        return await _physical(call, name)

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the access point; its bucket stays as it is."""
        try:
            await _invoke(call, "DeleteAccessPoint", this.physical_id)
        except AwsError as error:
            if error.code != "NoSuchAccessPoint":
                raise

    def _tags(self, this: This) -> dict[str, str]:
        own = {key: value for key, value in this.tags.items() if not key.startswith("aws:")}
        return own | {tag.key: tag.value for tag in self.tags}


async def _invoke(call: Conversation, operation: str, name: str, **params: Any) -> Json:
    return await call.invoke("s3control", operation, AccountId=call.account, Name=name, **params)


async def _physical(call: Conversation, name: str) -> Physical:
    shown = await _invoke(call, "GetAccessPoint", name)
    return Physical(name, {"Alias": shown["Alias"], "Arn": shown["AccessPointArn"], "Name": name,
                           "NetworkOrigin": shown["NetworkOrigin"]})


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _text(policy: Json | str) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)

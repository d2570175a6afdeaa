"""Who may come in: the ACLs, policy, ownership and public access block of buckets, and ACLs of objects."""

from typing import Any

from ...kernel import Call
from . import access, acls, blocks, errors, notifications, policies, versions
from .drafts import Wish, grants
from .names import check_key
from .nouns import buckets, charged, configuration, configure, find_bucket
from .reading import find_object
from .service import s3

_OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@s3.operation
def put_bucket_acl(call: Call, bucket: str, acl: str | None = None,
                   access_control_policy: dict[str, Any] | None = None, grant_full_control: str | None = None,
                   grant_read: str | None = None, grant_read_acp: str | None = None,
                   grant_write: str | None = None,
                   grant_write_acp: str | None = None, expected_bucket_owner: str | None = None) -> None:
    """Set who is granted what on a bucket."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketAcl", **Wish(acl).conditions())
    if found.acls_disabled:
        raise errors.AccessControlListNotSupported
    wanted = acls.of_headers(acl, {"FULL_CONTROL": grant_full_control, "READ": grant_read,
                                   "WRITE": grant_write,
                                   "READ_ACP": grant_read_acp, "WRITE_ACP": grant_write_acp}, found.account,
                                   None)
    if wanted is None:
        wanted = acls.of_document(_policy(access_control_policy))
    if acls.is_public(wanted) and blocks.blocked(call, found, "BlockPublicAcls"):
        raise errors.AccessDenied
    found.grants = wanted
    buckets.put(call, bucket, record=found)


@s3.operation
def get_bucket_acl(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Who is granted what on a bucket."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketAcl")
    return acls.document(call, found.grants, found.account)


@s3.operation
def put_object_acl(call: Call, bucket: str, key: str, acl: str | None = None,
                   access_control_policy: dict[str, Any] | None = None,
                   grant_full_control: str | None = None, grant_read: str | None = None,
                   grant_read_acp: str | None = None, grant_write_acp: str | None = None,
                   version_id: str | None = None, expected_bucket_owner: str | None = None,
                   request_payer: str | None = None) -> dict[str, Any]:
    """Set who is granted what on an object."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    wish = Wish(acl, grant_full_control, grant_read, grant_read_acp, grant_write_acp)
    obj = find_object(call, found, key, version_id, action="s3:PutObjectAcl", **wish.conditions())
    if found.acls_disabled:
        raise errors.AccessControlListNotSupported
    wanted = grants(call, found, wish, obj.owner)
    if wanted is None:
        wanted = acls.of_document(_policy(access_control_policy))
        if acls.is_public(wanted) and blocks.blocked(call, found, "BlockPublicAcls"):
            raise errors.AccessDenied
    if wanted != obj.grants:
        obj.grants = wanted
        versions.update(call, found, check_key(key), obj)
        notifications.emit(call, found, "s3:ObjectAcl:Put", key, obj)
    return {**charged(call, found)}


@s3.operation
def get_object_acl(call: Call, bucket: str, key: str, version_id: str | None = None,
                   expected_bucket_owner: str | None = None,
                   request_payer: str | None = None) -> dict[str, Any]:
    """Who is granted what on an object."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    obj = find_object(call, found, key, version_id, action="s3:GetObjectAcl")
    return acls.document(call, obj.grants, obj.owner) | charged(call, found)


@s3.operation
def put_bucket_policy(call: Call, bucket: str, policy: str,
                      confirm_remove_self_bucket_access: bool = False,
                      expected_bucket_owner: str | None = None) -> None:
    """Set a bucket's policy."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketPolicy")
    policies.check_policy(policy, bucket)
    if policies.is_public(policy) and blocks.blocked(call, found, "BlockPublicPolicy"):
        raise errors.AccessDenied
    configure(call, found, "policy", policy)


@s3.operation
def get_bucket_policy(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """A bucket's policy, as it was written."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketPolicy")
    text = configuration(call, found, "policy")
    if text is None:
        raise errors.NoSuchBucketPolicy(BucketName=bucket)
    return {"Policy": text}


@s3.operation
def delete_bucket_policy(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """Take a bucket's policy away."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:DeleteBucketPolicy")
    configure(call, found, "policy", None)


@s3.operation
def get_bucket_policy_status(call: Call, bucket: str,
                             expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Whether a bucket is public, by its policy or its grants."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketPolicyStatus")
    policy = configuration(call, found, "policy")
    public = acls.is_public(found.grants) or bool(policy and policies.is_public(policy))
    return {"PolicyStatus": {"IsPublic": public}}


@s3.operation
def put_public_access_block(call: Call, bucket: str, public_access_block_configuration: dict[str, Any],
                            expected_bucket_owner: str | None = None) -> None:
    """Set which public access a bucket never gives."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketPublicAccessBlock")
    found.blocks = {name: bool(public_access_block_configuration.get(name)) for name in _BLOCKS}
    buckets.put(call, bucket, record=found)


@s3.operation
def get_public_access_block(call: Call, bucket: str,
                            expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Which public access a bucket never gives."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketPublicAccessBlock")
    if found.blocks is None:
        raise errors.NoSuchPublicAccessBlockConfiguration(BucketName=bucket)
    return {"PublicAccessBlockConfiguration": found.blocks}


@s3.operation
def delete_public_access_block(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """Let a bucket's grants and policy decide again."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketPublicAccessBlock")
    found.blocks = None
    buckets.put(call, bucket, record=found)


@s3.operation
def put_bucket_ownership_controls(call: Call, bucket: str, ownership_controls: dict[str, Any],
                                  expected_bucket_owner: str | None = None) -> None:
    """Set who owns the objects in a bucket."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketOwnershipControls")
    rules = ownership_controls.get("Rules") or []
    if len(rules) != 1 or rules[0].get("ObjectOwnership") not in _OWNERSHIPS:
        raise errors.MalformedXML
    wanted = rules[0]["ObjectOwnership"]
    if wanted == "BucketOwnerEnforced" and found.grants != acls.private(found.account):
        raise errors.InvalidBucketAclWithObjectOwnership
    found.ownership = wanted
    buckets.put(call, bucket, record=found)


@s3.operation
def get_bucket_ownership_controls(call: Call, bucket: str,
                                  expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Who owns the objects in a bucket."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketOwnershipControls")
    if not found.ownership:
        raise errors.OwnershipControlsNotFoundError(BucketName=bucket)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": found.ownership}]}}


@s3.operation
def delete_bucket_ownership_controls(call: Call, bucket: str,
                                     expected_bucket_owner: str | None = None) -> None:
    """Let who writes an object own it again."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketOwnershipControls")
    found.ownership = ""
    buckets.put(call, bucket, record=found)


def _policy(policy: dict[str, Any] | None) -> dict[str, Any]:
    if policy is None:
        raise errors.MissingRequestBodyError
    return policy

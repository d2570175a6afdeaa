"""Who may do what in a bucket: its policy, its owner, and lists of grants, in this order.

What an account lets its own users do is IAM's to say, before a request comes here. A denial in the
policy is final; else its permission, or being the owner's account, or a grant opens the door. Who comes
through an access point passes two doors: the point's policy, or being of its account, opens the other.
"""

from collections.abc import Mapping
from typing import Any

from ...identity import Principal
from ...identity.evaluation import Policies
from ...kernel import Call
from ...kernel.permissions import context_of, sent
from ...kernel.witnesses import Witnesses
from . import acls, blocks, errors, policies
from .nouns import LOGGING, Bucket, Object, configuration
from .points import Point

BY_ACL = "by ACL"  # noted of a request that a list of grants let in
_LOG_DELIVERY = "logging.s3.amazonaws.com"
_BUCKET_PERMISSIONS = {
    "s3:ListBucket": "READ", "s3:ListBucketVersions": "READ", "s3:ListBucketMultipartUploads": "READ",
    "s3:PutObject": "WRITE", "s3:DeleteObject": "WRITE", "s3:DeleteObjectVersion": "WRITE",
    "s3:GetBucketAcl": "READ_ACP", "s3:PutBucketAcl": "WRITE_ACP",
}
_OBJECT_PERMISSIONS = {
    "s3:GetObject": "READ", "s3:GetObjectVersion": "READ", "s3:GetObjectAttributes": "READ",
    "s3:GetObjectAcl": "READ_ACP", "s3:GetObjectVersionAcl": "READ_ACP",
    "s3:PutObjectAcl": "WRITE_ACP", "s3:PutObjectVersionAcl": "WRITE_ACP",
}


def authorize(call: Call, bucket: Bucket, action: str, key: str | None = None, obj: Object | None = None,
              **conditions: Any) -> None:
    """Raise AccessDenied unless the caller may do ``action`` on the bucket, or on ``key`` in it."""
    if not allowed(call, bucket, action, key, obj, conditions):
        raise errors.AccessDenied


def allowed(call: Call, bucket: Bucket, action: str, key: str | None = None, obj: Object | None = None,
            conditions: Mapping[str, Any] | None = None) -> bool:
    """Whether the caller may do ``action``."""
    principal = call.principal
    if bucket.point is not None:
        bucket.point.check(action, key)
    if principal.arn == _LOG_DELIVERY:
        return _may_deliver(call, bucket, action, key)
    if principal.kind == "service":
        return True
    if bucket.point is not None and not _passes(call, bucket, bucket.point, action, key, obj,
                                                conditions or {}):
        return False
    if "policy" in bucket.configured:
        verdict = _verdict(call, bucket, action, key, obj, conditions or {})
        if verdict is not None:
            return verdict
    account = None if principal.kind == "anonymous" else principal.account
    if account is not None and account == _owner(bucket, action, obj):
        return True
    granted = _granted(call, bucket, action, obj, account)
    if granted and LOGGING in bucket.configured:
        call.use(Witnesses).note(call.id, BY_ACL, True)
    return granted


def _may_deliver(call: Call, bucket: Bucket, action: str, key: str | None) -> bool:
    """Whether access logs may be delivered to the bucket: by its policy, or by its grants."""
    verdict = _verdict(call, bucket, action, key, None, {}) if "policy" in bucket.configured else None
    if verdict is not None:
        return verdict
    return action == "s3:PutObject" and acls.lets_logs_in(bucket)


def may_list(call: Call, bucket: Bucket, key: str) -> bool:
    """Whether the caller may know that a key is not there; else it is told that access is denied."""
    return allowed(call, bucket, "s3:ListBucket", None, None, {"s3:prefix": key})


def is_anonymous(principal: Principal) -> bool:
    """Whether nobody in particular asks."""
    return principal.kind == "anonymous"


def _owner(bucket: Bucket, action: str, obj: Object | None) -> str:
    if obj is not None and action in _OBJECT_PERMISSIONS and not bucket.acls_disabled:
        return obj.owner
    return bucket.account


def _granted(call: Call, bucket: Bucket, action: str, obj: Object | None, account: str | None) -> bool:
    if bucket.acls_disabled:
        return False
    if action in _OBJECT_PERMISSIONS:
        grants, permission = obj.grants if obj else [], _OBJECT_PERMISSIONS[action]
    elif action in _BUCKET_PERMISSIONS:
        grants, permission = bucket.grants, _BUCKET_PERMISSIONS[action]
    else:
        return False
    if acls.allow(grants, permission, account, ignore_public=True):
        return True
    return acls.allow(grants, permission, account, ignore_public=False) and not (
        blocks.blocked(call, bucket, "IgnorePublicAcls")
        or blocks.blocked(call, bucket, "RestrictPublicBuckets"))


def _verdict(call: Call, bucket: Bucket, action: str, key: str | None, obj: Object | None,
             conditions: Mapping[str, Any]) -> bool | None:
    """What the bucket's policy says: True, False, or None if nothing."""
    policy: str = configuration(call, bucket, "policy")
    resource = f"arn:aws:s3:::{bucket.name}" + ("" if key is None else f"/{key}")
    verdict = policies.verdict_of(policy, call.principal, action, resource,
                                  _known(call, bucket, obj, conditions))
    if (verdict and call.principal.account != bucket.account and policies.is_public(policy)
            and blocks.blocked(call, bucket, "RestrictPublicBuckets")):
        return None
    return verdict


def _passes(call: Call, bucket: Bucket, point: Point, action: str, key: str | None, obj: Object | None,
            conditions: Mapping[str, Any]) -> bool:
    """Whether the access point lets the caller through; the bucket must let it in as well."""
    principal, verdict = call.principal, None
    if point.policy:
        verdict = policies.verdict_of(point.policy, principal, action, point.resource(key),
                                      _known(call, bucket, obj, conditions))
    own = principal.kind != "anonymous" and principal.account == point.account
    if verdict is None or own:
        return own and verdict is not False
    return verdict and not (policies.is_public(point.policy) and (
        point.blocks.get("RestrictPublicBuckets")
        or blocks.of_account(call, point.account, "RestrictPublicBuckets")))


def _known(call: Call, bucket: Bucket, obj: Object | None, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """What policies may ask about the request."""
    known: dict[str, Any] = context_of(call.principal, Policies(), call.now_ms, sent(call)) | dict(conditions)
    del known["aws:securetransport"]  # a policy that wants TLS would deny everything here
    if obj is not None:
        known |= {f"s3:ExistingObjectTag/{name}": value for name, value in obj.tags.items()}
    return known | bucket.point.conditions() if bucket.point else known

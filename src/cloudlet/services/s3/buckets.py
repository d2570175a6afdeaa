"""Buckets: their life.

Names are global: there is one table for all accounts and regions, and a bucket remembers whose and
where it is. It can be reached through any region's endpoint, as S3's clients are redirected anyway.
"""

from typing import Any

from ...errors import NotHonoured
from ...kernel import Call
from . import access, acls, errors
from .discarding import discard_upload
from .limits import BUCKETS_PAGE
from .names import is_bucket_name
from .nouns import (
    Bucket,
    Grant,
    OwnedBucket,
    buckets,
    configurations,
    find_bucket,
    objects,
    older,
    owned,
    uploads,
)
from .owners import owner
from .points import ALIAS, are_attached
from .service import s3

_HOME = "us-east-1"
_REGIONS = frozenset((*s3.model.shape("BucketLocationConstraint").enum, _HOME))
_OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


@s3.operation
def create_bucket(call: Call, bucket: str, acl: str | None = None,
                  create_bucket_configuration: dict[str, Any] | None = None,
                  grant_full_control: str | None = None,
                  grant_read: str | None = None, grant_read_acp: str | None = None,
                  grant_write: str | None = None,
                  grant_write_acp: str | None = None, object_lock_enabled_for_bucket: bool = False,
                  object_ownership: str = "") -> dict[str, Any]:
    """A new bucket; in us-east-1, one's own may be created again."""
    if access.is_anonymous(call.principal):
        raise errors.AccessDenied
    if not is_bucket_name(bucket):
        raise errors.InvalidBucketName(BucketName=bucket)
    region = _region(call, create_bucket_configuration or {})
    if object_ownership and object_ownership not in _OWNERSHIPS:
        raise errors.InvalidArgument(f"Invalid x-amz-object-ownership header: {object_ownership}")
    account = call.account
    grants = acls.of_headers(acl, {"FULL_CONTROL": grant_full_control, "READ": grant_read,
                                   "WRITE": grant_write,
                                   "READ_ACP": grant_read_acp, "WRITE_ACP": grant_write_acp}, account, None)
    if grants and object_ownership == "BucketOwnerEnforced" and acl != "private":
        raise errors.InvalidBucketAclWithObjectOwnership
    known = buckets.get(call, bucket)
    if known is not None:
        _again(known, account, region, grants)
    else:
        known = Bucket(bucket, account, region, call.now_ms, ownership=object_ownership,
                       locking=object_lock_enabled_for_bucket,
                       versioning="Enabled" if object_lock_enabled_for_bucket else "")
        owned.put(call, bucket, record=OwnedBucket(region, call.now_ms))
    known.grants = grants or acls.private(account)
    buckets.put(call, bucket, record=known)
    tags = (create_bucket_configuration or {}).get("Tags")
    if tags:
        call.invoke("s3", "PutBucketTagging", Bucket=bucket, Tagging={"TagSet": tags})
    return {"Location": f"/{bucket}", "BucketArn": f"arn:aws:s3:::{bucket}"}


@s3.operation
def head_bucket(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Whether there is such a bucket, and where."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:ListBucket")
    return {"BucketRegion": found.region, "BucketArn": f"arn:aws:s3:::{found.name}",
            "AccessPointAlias": bucket.endswith(ALIAS) or None}


@s3.operation
def get_bucket_location(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Where the bucket is; us-east-1 has no name."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketLocation")
    return {"LocationConstraint": "" if found.region == _HOME else found.region}


@s3.operation
def list_buckets(call: Call, max_buckets: int = BUCKETS_PAGE, continuation_token: str = "", prefix: str = "",
                 bucket_region: str = "") -> dict[str, Any]:
    """The account's buckets, by name."""
    if access.is_anonymous(call.principal):
        raise errors.AccessDenied
    if not 1 <= max_buckets <= BUCKETS_PAGE:
        raise errors.InvalidArgument(f"max-buckets must be between 1 and {BUCKETS_PAGE}.",
                                     ArgumentName="max-buckets", ArgumentValue=max_buckets)
    found: list[dict[str, Any]] = []
    last = ""
    for key, entry in owned.items(call, after=(continuation_token,) if continuation_token else None):
        name = str(key[0])
        if not name.startswith(prefix) or (bucket_region and entry.region != bucket_region):
            continue
        if len(found) == max_buckets:
            last = found[-1]["Name"]
            break
        found.append({"Name": name, "CreationDate": entry.created_ms // 1000, "BucketRegion": entry.region,
                      "BucketArn": f"arn:aws:s3:::{name}"})
    return {"Buckets": found, "Owner": owner(call, call.account), "Prefix": prefix or None,
            "ContinuationToken": last or None}


@s3.operation
def delete_bucket(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """The bucket is no more; it must be empty, but for uploads that were never completed."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:DeleteBucket")
    buckets.alone(call, bucket)  # who puts something into it reads it steady
    if any(objects.items(call, bucket, limit=1)) or any(older.items(call, bucket, limit=1)):
        raise errors.BucketNotEmpty(BucketName=bucket)
    if are_attached(call, bucket, found.account, found.region):
        raise errors.BucketHasAccessPointsAttached(BucketName=bucket)
    for (_, key, upload), _ in list(uploads.items(call, bucket)):
        discard_upload(call, bucket, bytes(key), str(upload))  # type: ignore[arg-type]
    for _, kind in [key for key, _ in configurations.items(call, bucket)]:
        configurations.delete(call, bucket, kind)
    buckets.delete(call, bucket)
    owned.delete(call.elsewhere(account=found.account), bucket)


def _region(call: Call, configuration: dict[str, Any]) -> str:
    """Where a new bucket goes: an endpoint other than us-east-1's makes buckets only at home."""
    if configuration.get("Location") or configuration.get("Bucket"):
        raise NotHonoured("cloudlet has no directory buckets, and refuses their configuration.")
    wanted = configuration.get("LocationConstraint") or ""
    wanted = "eu-west-1" if wanted == "EU" else wanted
    if wanted and wanted not in _REGIONS:
        raise errors.InvalidLocationConstraint(LocationConstraint=wanted)
    if call.region not in _REGIONS:
        raise errors.AuthorizationHeaderMalformed(
            f"The authorization header is malformed; the region '{call.region}' is wrong; "
            f"expecting '{_HOME}'", Region=_HOME)
    if call.region == _HOME:
        if wanted == _HOME:
            raise errors.InvalidLocationConstraint(LocationConstraint=wanted)
        return wanted or _HOME
    if wanted != call.region:
        raise errors.IllegalLocationConstraintException(
            f"The {wanted or 'unspecified'} location constraint is incompatible for the region specific "
            "endpoint "
            "this request was sent to.")
    return call.region


def _again(known: Bucket, account: str, region: str, grants: list[Grant] | None) -> None:
    """Refuse to create a bucket that there is, unless it is one's own in us-east-1."""
    if known.account != account:
        raise errors.BucketAlreadyExists(BucketName=known.name)
    if known.region != _HOME or region != _HOME:
        raise errors.BucketAlreadyOwnedByYou(BucketName=known.name)

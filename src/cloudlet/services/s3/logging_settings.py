"""Where a bucket's access log goes."""

from typing import Any

from ...errors import NotHonoured
from ...kernel import Call
from . import access, acls, errors
from .nouns import LOGGING, REQUESTER_PAYS, Bucket, buckets, configuration, configure, find_bucket
from .service import s3


@s3.operation
def put_bucket_logging(call: Call, bucket: str, bucket_logging_status: dict[str, Any],
                       expected_bucket_owner: str | None = None) -> None:
    """Log every request from now on, or none any more; what was logged before is still delivered."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketLogging")
    held = bucket_logging_status.get("LoggingEnabled")
    if held is not None:
        _check(call, found, held)
    configure(call, found, LOGGING, held)


@s3.operation
def get_bucket_logging(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Where the access log goes; empty if there is none."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketLogging")
    held = configuration(call, found, LOGGING)
    return {"LoggingEnabled": held} if held else {}


def _check(call: Call, source: Bucket, held: dict[str, Any]) -> None:
    """Refuse a log that could not be delivered, as far as that can be known now."""
    target = buckets.get(call, held["TargetBucket"])
    if target is None:
        raise errors.InvalidTargetBucketForLogging(TargetBucket=held["TargetBucket"])
    if target.account != source.account:
        raise errors.InvalidTargetBucketForLogging(
            "The owner for the bucket to be logged and the target bucket must be the same.",
            TargetBucket=target.name)
    if target.region != source.region:
        raise errors.CrossLocationLoggingProhibited(
            SourceBucketLocation=source.region, TargetBucketLocation=target.region)
    if REQUESTER_PAYS in target.configured:
        raise errors.InvalidTargetBucketForLogging("The target bucket for logging can't be one whose "
                                                   "requesters pay.", TargetBucket=target.name)
    by_grants = target.ownership and not target.acls_disabled and "policy" not in target.configured
    if by_grants and not acls.lets_logs_in(target):  # elsewhere a policy may still come
        raise errors.InvalidTargetBucketForLogging(
            "You must give the log-delivery group WRITE and READ_ACP permissions to the target bucket",
            TargetBucket=target.name)
    way = held.get("TargetObjectKeyFormat") or {}
    if len(way) > 1:
        raise errors.MalformedXML
    _check_grants(target, held.get("TargetGrants") or [])


def _check_grants(target: Bucket, grants: list[dict[str, Any]]) -> None:
    if grants and target.acls_disabled:
        raise errors.AccessControlListNotSupported
    if any(grant.get("Permission") == "WRITE" for grant in grants):
        raise NotHonoured("cloudlet does not honour the target grant WRITE, which means nothing for an "
                          "object, and refuses it rather than ignore it.")
    acls.of_document({"Owner": {"ID": ""}, "Grants": grants})

"""Object Lock: versions that can't be deleted before their time.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from datetime import datetime
from typing import Any

from ...kernel import Call
from . import access, errors
from .nouns import Bucket, Object, configuration

DAY_MS = 86_400_000
_MODES = ("GOVERNANCE", "COMPLIANCE")


def apply(call: Call, bucket: Bucket, obj: Object, mode: str | None, until: datetime | None,
          hold: str | None) -> None:
    """Lock a new object as its request says, or as the bucket's default does."""
    if (mode or until or hold) and not bucket.locking:
        raise errors.InvalidRequest("Bucket is missing Object Lock Configuration")
    if (mode is None) != (until is None):
        raise errors.InvalidArgument("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must "
                                     "both be supplied")
    if mode is not None and until is not None:
        check_retention(call, mode, until)
        obj.lock_mode, obj.lock_until_ms = mode, int(until.timestamp() * 1000)
    elif bucket.locking:
        rule = (configuration(call, bucket, "object-lock") or {}).get("Rule") or {}
        default: dict[str, Any] = rule.get("DefaultRetention") or {}
        if default.get("Mode"):
            days = default.get("Days") or default.get("Years", 0) * 365
            obj.lock_mode, obj.lock_until_ms = default["Mode"], call.now_ms + days * DAY_MS
    if hold is not None:
        check_hold(hold)
        obj.legal_hold = hold == "ON"


def check_retention(call: Call, mode: str, until: datetime) -> None:
    """Refuse a retention that no version can have."""
    if mode not in _MODES:
        raise errors.InvalidArgument("Unknown wormMode directive.", ArgumentName="x-amz-object-lock-mode",
                                     ArgumentValue=mode)
    if until.timestamp() * 1000 <= call.now_ms:
        raise errors.InvalidArgument("The retain until date must be in the future!",
                                     ArgumentName="x-amz-object-lock-retain-until-date")


def check_hold(status: str) -> None:
    """Refuse what is no status of a legal hold."""
    if status not in ("ON", "OFF"):
        raise errors.InvalidArgument("Legal Hold must be either of 'ON' or 'OFF'",
                                     ArgumentName="x-amz-object-lock-legal-hold", ArgumentValue=status)


def check_deletion(call: Call, bucket: Bucket, key: str, obj: Object, bypass: bool | None) -> None:
    """Refuse to delete a version for good while it is locked."""
    if obj.legal_hold:
        raise errors.AccessDenied("Access Denied because object protected by object lock.")
    if obj.lock_mode and obj.lock_until_ms > call.now_ms and not may_bypass(call, bucket, key, obj, bypass):
        raise errors.AccessDenied("Access Denied because object protected by object lock.")


def may_bypass(call: Call, bucket: Bucket, key: str, obj: Object, bypass: bool | None) -> bool:
    """Whether the caller asks to pass by a governance lock, and may."""
    return bool(bypass) and obj.lock_mode == "GOVERNANCE" \
        and access.allowed(call, bucket, "s3:BypassGovernanceRetention", key)


def check_configuration(configuration: dict[str, Any]) -> None:
    """Refuse a default retention that makes no sense."""
    if configuration.get("ObjectLockEnabled") != "Enabled":
        raise errors.MalformedXML
    if "Rule" not in configuration:
        return
    default = (configuration["Rule"] or {}).get("DefaultRetention") or {}
    days, years = default.get("Days"), default.get("Years")
    if default.get("Mode") not in _MODES or (days is None) == (years is None):
        raise errors.MalformedXML
    if (days or years or 0) <= 0:
        raise errors.InvalidArgument("Default retention period must be a positive integer value.")


def check_change(call: Call, bucket: Bucket, key: str, obj: Object, mode: str | None, until: datetime | None,
                 bypass: bool | None) -> None:
    """Refuse to loosen a lock that still holds."""
    if mode is not None and mode not in _MODES:
        raise errors.MalformedXML
    if mode is not None and until is not None:
        check_retention(call, mode, until)
    if not obj.lock_mode or obj.lock_until_ms <= call.now_ms:
        return
    until_ms = int(until.timestamp() * 1000) if until else 0
    looser = mode != obj.lock_mode or until_ms < obj.lock_until_ms
    if looser and not may_bypass(call, bucket, key, obj, bypass):
        raise errors.AccessDenied("Access Denied because object protected by object lock.")

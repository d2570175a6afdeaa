"""Storage classes of objects: which of them can be read, and how far restoring one is."""

from datetime import UTC, datetime
from email.utils import format_datetime

from . import errors
from .limits import RESTORE_HOURS
from .nouns import Object


def check_readable(obj: Object, now_ms: int) -> None:
    """Refuse to read what lies in an archive."""
    if obj.storage_class in RESTORE_HOURS and obj.restored_until_ms <= now_ms:
        raise errors.InvalidObjectState(StorageClass=obj.storage_class)


def state_of(obj: Object, now_ms: int) -> str | None:
    """How far restoring an object is, as a header says it."""
    if obj.restoring_ms:
        return 'ongoing-request="true"'
    if obj.restored_until_ms <= now_ms:
        return None
    until = format_datetime(datetime.fromtimestamp(obj.restored_until_ms / 1000, UTC), usegmt=True)
    return f'ongoing-request="false", expiry-date="{until}"'

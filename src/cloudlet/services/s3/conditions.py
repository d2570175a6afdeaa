"""Conditions: requests that only count if the object is, or is not, what the client thinks.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from datetime import datetime

from . import errors
from .nouns import Object


def quoted(etag: str) -> str:
    """An ETag as answers say it."""
    return f'"{etag}"'


def check_read(obj: Object, if_match: str | None, if_none_match: str | None,
               if_modified_since: datetime | None,
               if_unmodified_since: datetime | None) -> None:
    """Raise PreconditionFailed or NotModified where a read does not count; an ETag outranks a date."""
    modified_s = obj.modified_ms // 1000
    if if_match is not None:
        if not _matches(if_match, obj):
            raise errors.PreconditionFailed(Condition="If-Match")
    elif if_unmodified_since is not None and modified_s > if_unmodified_since.timestamp():
        raise errors.PreconditionFailed(Condition="If-Unmodified-Since")
    if if_none_match is not None:
        if _matches(if_none_match, obj):
            raise _not_modified(obj)
    elif if_modified_since is not None and modified_s <= if_modified_since.timestamp():
        raise _not_modified(obj)


def check_source(obj: Object, if_match: str | None, if_none_match: str | None,
                 if_modified_since: datetime | None,
                 if_unmodified_since: datetime | None) -> None:
    """Raise PreconditionFailed where a copy's source is not what the client thinks."""
    try:
        check_read(obj, if_match, if_none_match, if_modified_since, if_unmodified_since)
    except errors.NotModified:
        raise errors.PreconditionFailed(Condition="x-amz-copy-source-if-none-match") from None


def check_write(current: Object | None, if_match: str | None, if_none_match: str | None, key: str) -> None:
    """Raise unless a write to a key that holds ``current`` (None: nothing) counts."""
    if if_none_match is not None and current is not None and _matches(if_none_match, current):
        raise errors.PreconditionFailed(Condition="If-None-Match")
    if if_match is not None:
        if current is None:
            raise errors.NoSuchKey(Key=key)
        if not _matches(if_match, current):
            raise errors.PreconditionFailed(Condition="If-Match")


def check_delete(current: Object | None, if_match: str | None, if_modified: datetime | None,
                 if_size: int | None) -> None:
    """Raise unless the deletion of ``current`` counts; what is not there can always be deleted."""
    if current is None or current.marker:
        return
    if if_match is not None and not _matches(if_match, current):
        raise errors.PreconditionFailed(Condition="If-Match")
    if if_modified is not None and int(if_modified.timestamp()) != current.modified_ms // 1000:
        raise errors.PreconditionFailed(Condition="x-amz-if-match-last-modified-time")
    if if_size is not None and if_size != current.size:
        raise errors.PreconditionFailed(Condition="x-amz-if-match-size")


def _matches(wanted: str, obj: Object) -> bool:
    return any(one.strip() == "*" or one.strip().strip('"') == obj.etag for one in wanted.split(","))


def _not_modified(obj: Object) -> errors.NotModified:
    error = errors.NotModified()
    error.headers = {"etag": quoted(obj.etag)}
    return error

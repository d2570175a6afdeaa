"""Versions: how objects follow one another under one key.

Every version has a sequence number that only grows under its key, made of the moment; the version id
begins with it, so that an id leads straight to its row.
"""

from ...kernel import Call
from . import errors, replicas
from .discarding import discard_content, keep_content
from .nouns import Bucket, Null, Object, Piece, buckets, nulls, objects, older

NULL = "null"
_DIGITS, _RANDOM = 16, 16
_FINER = 20  # bits of a sequence number below its millisecond


def version_id(bucket: Bucket, obj: Object) -> str | None:
    """The id as answers say it; None in a bucket that never had versions."""
    return obj.version or (NULL if bucket.versioning else None)


def find(call: Call, bucket: Bucket, key: bytes, version: str | None) -> Object | None:
    """The current version of a key, or the one that ``version`` names; it may be a delete marker."""
    current = objects.get(call, bucket.name, key)
    if version is None:
        return current or (latest_older(call, bucket, key) if bucket.versioning else None)
    if current is not None and _is(current, version):
        return current
    sequence = _sequence(call, bucket, key, version)
    found = older.get(call, bucket.name, key, -sequence) if sequence is not None else None
    return found if found is not None and _is(found, version) else None


def check_version_id(version: str | None) -> None:
    """Refuse what can't be a version id."""
    if version is not None and version != NULL and _parse(version) is None:
        raise errors.InvalidArgument("Invalid version id specified", ArgumentName="versionId",
                                     ArgumentValue=version)


def sequence_after(call: Call, before: Object | None) -> int:
    """A sequence number for what happens to a key now, larger than that of ``before``."""
    now = (call.now_ms << _FINER) + call.ids.ticket() % (1 << _FINER)
    return max(now, before.sequence + 1 if before else 0)


def sequence_of(version: str) -> int:
    """The sequence number that a version id (not ``null``) begins with."""
    return _parse(version) or 0


def latest_older(call: Call, bucket: Bucket, key: bytes) -> Object | None:
    """The newest of the versions that are not a live current one."""
    for _, found in older.items(call, bucket.name, key, limit=1):
        return found
    return None


def put(call: Call, bucket: Bucket, key: bytes, obj: Object, pieces: list[Piece]) -> Object | None:
    """Make ``obj`` the current version; what it replaced for good comes back."""
    buckets.steady(call, bucket.name)
    current = objects.get(call, bucket.name, key)
    replaced = _make_room(call, bucket, key, current)
    _number(call, bucket, key, obj, current)
    replicas.offer(call, bucket, key.decode(), obj)
    objects.put(call, bucket.name, key, record=obj)
    keep_content(call, bucket.name, key, obj, pieces)
    return replaced


def insert(call: Call, bucket: Bucket, key: bytes, obj: Object, pieces: list[Piece]) -> None:
    """Put a version that has an id and a place in the order already, made by another bucket."""
    buckets.steady(call, bucket.name)
    current, newest = objects.get(call, bucket.name, key), latest_older(call, bucket, key)
    keep_content(call, bucket.name, key, obj, pieces)
    is_newest = obj.sequence > max((one.sequence for one in (current, newest) if one), default=0)
    if is_newest and current is not None:
        older.put(call, bucket.name, key, -current.sequence, record=current)
        if not current.version:
            nulls.put(call, bucket.name, key, record=Null(current.sequence))
        objects.delete(call, bucket.name, key)
    if is_newest and not obj.marker:
        objects.put(call, bucket.name, key, record=obj)
    else:
        older.put(call, bucket.name, key, -obj.sequence, record=obj)


def mark_deleted(call: Call, bucket: Bucket, key: bytes, owner: str) -> Object | None:
    """Delete the current version: for good without versioning, else behind a marker, which comes back."""
    current = objects.get(call, bucket.name, key)
    if not bucket.versioning:
        if current is not None:
            objects.delete(call, bucket.name, key)
            discard_content(call, bucket.name, key, current)
        return None
    buckets.steady(call, bucket.name)
    if current is None:
        objects.steady(call, bucket.name, key)  # who puts one just now comes before or after the marker
    marker = Object(0, "", call.now_ms, owner, marker=True)
    _make_room(call, bucket, key, current)
    _number(call, bucket, key, marker, current)
    replicas.offer(call, bucket, key.decode(), marker)
    objects.delete(call, bucket.name, key)
    older.put(call, bucket.name, key, -marker.sequence, record=marker)
    if not marker.version:
        nulls.put(call, bucket.name, key, record=Null(marker.sequence))
    return marker


def delete(call: Call, bucket: Bucket, key: bytes, obj: Object) -> None:
    """Delete one version for good; the next older one becomes current if this was."""
    current = objects.get(call, bucket.name, key)
    discard_content(call, bucket.name, key, obj)
    if current is not None and current.sequence == obj.sequence:
        objects.delete(call, bucket.name, key)
        current = None
    else:
        _forget_older(call, bucket, key, obj)
    if current is None and bucket.versioning:
        heir = latest_older(call, bucket, key)
        if heir is not None and not heir.marker:
            _forget_older(call, bucket, key, heir)
            objects.put(call, bucket.name, key, record=heir)


def update(call: Call, bucket: Bucket, key: bytes, obj: Object) -> None:
    """Keep what changed about a version, such as its tags, and let its replicas have it too."""
    if obj.replication:
        replicas.offer(call, bucket, key.decode(), obj)
    save(call, bucket, key, obj)


def save(call: Call, bucket: Bucket, key: bytes, obj: Object) -> None:
    """Keep what changed about a version here."""
    current = objects.get(call, bucket.name, key)
    if current is not None and current.sequence == obj.sequence:
        objects.put(call, bucket.name, key, record=obj)
    else:
        older.put(call, bucket.name, key, -obj.sequence, record=obj)


def _make_room(call: Call, bucket: Bucket, key: bytes, current: Object | None) -> Object | None:
    """Move the current version aside, and let a null version go that a new null version replaces."""
    replaced = None
    if current is not None:
        if bucket.versioning == "Enabled" or current.version:
            older.put(call, bucket.name, key, -current.sequence, record=current)
            if not current.version:
                nulls.put(call, bucket.name, key, record=Null(current.sequence))
                return None
        else:
            discard_content(call, bucket.name, key, current)
            replaced = current
    if bucket.versioning == "Suspended":
        null = nulls.get(call, bucket.name, key)
        old = older.get(call, bucket.name, key, -null.sequence) if null else None
        if old is not None:
            discard_content(call, bucket.name, key, old)
            _forget_older(call, bucket, key, old)
            replaced = old
    return replaced


def _number(call: Call, bucket: Bucket, key: bytes, obj: Object, current: Object | None) -> None:
    before = current
    if before is None and bucket.versioning:
        before = latest_older(call, bucket, key)
    obj.sequence = sequence_after(call, before)
    obj.version = ""
    if bucket.versioning == "Enabled":
        obj.version = f"{obj.sequence:0{_DIGITS}x}{call.ids.hex(_RANDOM)}"


def _forget_older(call: Call, bucket: Bucket, key: bytes, obj: Object) -> None:
    older.delete(call, bucket.name, key, -obj.sequence)
    if not obj.version:
        nulls.delete(call, bucket.name, key)


def _is(obj: Object, version: str) -> bool:
    return obj.version == ("" if version == NULL else version)


def _parse(version: str) -> int | None:
    if len(version) != _DIGITS + _RANDOM:
        return None
    try:
        return int(version[:_DIGITS], 16)
    except ValueError:
        return None


def _sequence(call: Call, bucket: Bucket, key: bytes, version: str) -> int | None:
    if version != NULL:
        return _parse(version)
    null = nulls.get(call, bucket.name, key)
    return null.sequence if null else None

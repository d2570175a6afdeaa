"""S3's nouns, and where they are kept.

The live, current version of a key is in ``objects``; what is not current, and every delete marker, is in
``older``, the newest first. So a plain listing reads what it shows and nothing else, and an object in a
bucket without versions costs one row. Keys are kept as bytes: they are ordered so, and the byte 0xFF,
which no text contains, makes a bound to seek to.
"""

from typing import Any

import msgspec

from ...kernel import Call
from ...kernel.witnesses import Witnesses
from ...store import Table
from . import errors, points

REQUESTER_PAYS, LOGGING = "requester-pays", "logging"  # kinds of configurations
Grant = tuple[str, str]  # who (a canonical id, or a group's URI) and which permission


class Bucket(msgspec.Struct, omit_defaults=True):
    """A bucket. ``configured`` names the configurations it has; they are kept beside it."""

    name: str
    account: str
    region: str
    created_ms: int
    versioning: str = ""
    ownership: str = ""
    grants: list[Grant] = []
    blocks: dict[str, bool] | None = None
    locking: bool = False
    configured: frozenset[str] = frozenset()
    point: points.Point | None = None  # the request came through it; never so in the store

    @property
    def acls_disabled(self) -> bool:
        """Whether the owner owns everything in it and lists of grants have no say."""
        return self.ownership == "BucketOwnerEnforced"


class Envelope(msgspec.Struct, omit_defaults=True):
    """An object's own key, wrapped by a key of the customer (who shows its MD5) or of an account."""

    wrapped: bytes
    customer_md5: str = ""
    key_arn: str = ""
    context: str = ""
    bucket_key: bool = False


class Object(msgspec.Struct, omit_defaults=True):
    """One version of an object, or a delete marker. ``version`` is empty for the null version."""

    size: int
    etag: str
    modified_ms: int
    owner: str
    sequence: int = 0
    version: str = ""
    marker: bool = False
    headers: dict[str, Any] = {}  # by AWS's names of the members
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    grants: list[Grant] = []
    checksum: dict[str, str] = {}  # such as {"ChecksumCRC32": "…", "ChecksumType": "FULL_OBJECT"}
    storage_class: str = ""
    parts: int = 0  # how many it was uploaded in; 0 if it was not
    upload: str = ""  # the upload it came by
    lock_mode: str = ""
    lock_until_ms: int = 0
    legal_hold: bool = False
    envelope: Envelope | None = None  # None: S3 keeps the key
    restoring_ms: int = 0  # when it will be restored from its archive
    restore_days: int = 0
    restored_until_ms: int = 0
    replication: str = ""  # PENDING, COMPLETED, FAILED or REPLICA


class Piece(msgspec.Struct, omit_defaults=True):
    """Bytes in a row: here in ``data``, or in the file ``blob``. As a part it has a number and a checksum."""

    size: int
    data: bytes = b""
    blob: str = ""
    number: int = 0
    checksum: str = ""
    nonce: bytes = b""  # it is encrypted


class Content(msgspec.Struct):
    """What an object consists of."""

    pieces: list[Piece]


class Null(msgspec.Struct):
    """Where the null version of a key lies among the older ones."""

    sequence: int


class Configuration(msgspec.Struct):
    """A bucket's configuration, as AWS's API writes it."""

    value: Any


class Upload(msgspec.Struct, omit_defaults=True):
    """A multipart upload. ``draft`` is the object it will be."""

    started_ms: int
    initiator: str
    draft: Object
    algorithm: str = ""
    checksum_type: str = ""
    completed_etag: str = ""


class Part(msgspec.Struct, omit_defaults=True):
    """One part of an upload."""

    piece: Piece
    etag: str
    modified_ms: int


class OwnedBucket(msgspec.Struct):
    """An entry in an account's list of buckets."""

    region: str
    created_ms: int


buckets = Table("s3.buckets", Bucket, reach="global")
owned = Table("s3.owned", OwnedBucket, reach="account")  # (bucket,)
configurations = Table("s3.configurations", Configuration, reach="global")  # (bucket, kind)
objects = Table("s3.objects", Object, reach="global")  # (bucket, key)
older = Table("s3.older", Object, reach="global")  # (bucket, key, -sequence)
nulls = Table("s3.nulls", Null, reach="global")  # (bucket, key)
contents = Table("s3.contents", Content, reach="global")  # (bucket, key, -sequence)
uploads = Table("s3.uploads", Upload, reach="global")  # (bucket, key, upload)
parts = Table("s3.parts", Part, reach="global")  # (upload, number)


def find_bucket(call: Call, name: str, expected_owner: str | None = None,
                payer: str | None = None) -> Bucket:
    """The bucket called ``name``, or the one of that access point, if it is the expected account's.

    Where requesters pay, ``payer`` must say that this one knows.
    """
    bucket = buckets.get(call, name)
    if bucket is None:
        point = points.find_point(call, name)
        bucket = buckets.get(call, point.bucket) if point else None
        if bucket is not None:
            bucket.point = point
    if bucket is None or (bucket.point and bucket.point.bucket_account != bucket.account):
        raise errors.NoSuchBucket(BucketName=name)
    if LOGGING in bucket.configured:
        call.use(Witnesses).note(call.id, bucket.name, bucket)
    if expected_owner and expected_owner != bucket.account:
        raise errors.AccessDenied
    if pays(call, bucket) and (payer != "requester" or call.principal.kind == "anonymous"):
        raise errors.AccessDenied
    return bucket


def pays(call: Call, bucket: Bucket) -> bool:
    """Whether the requester pays, and not the bucket's owner."""
    principal = call.principal
    return REQUESTER_PAYS in bucket.configured and principal.kind != "service" and (
        principal.account != bucket.account)


def charged(call: Call, bucket: Bucket) -> dict[str, str]:
    """What the answer says to a requester who pays."""
    return {"RequestCharged": "requester"} if pays(call, bucket) else {}


def configuration(call: Call, bucket: Bucket, kind: str) -> Any:
    """A bucket's configuration of that kind; None if it has none."""
    if kind not in bucket.configured:
        return None
    found = configurations.get(call, bucket.name, kind)
    return found.value if found else None


def configure(call: Call, bucket: Bucket, kind: str, value: Any) -> None:
    """Set a bucket's configuration, or take it away with None."""
    if value is None:
        configurations.delete(call, bucket.name, kind)
        bucket.configured = bucket.configured - {kind}
    else:
        configurations.put(call, bucket.name, kind, record=Configuration(value))
        bucket.configured = bucket.configured | {kind}
    buckets.put(call, bucket.name, record=bucket)

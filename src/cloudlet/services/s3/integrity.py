"""What must hold of S3's rows and bodies, for ``cloudlet fsck``.

Every version has a content of its size, every content and part a version or upload it belongs to, every key's
null version a row that leads to it, every bucket an entry in its owner's list. Read in full, the bytes of a
version have the checksum and the ETag that it was stored with.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import partial

from ...store.integrity import Examination, View
from ...store.keys import Key, Part
from . import bodies, encryption
from .checksums import Digests
from .discarding import owner_of
from .nouns import (
    Bucket,
    Content,
    Null,
    Object,
    OwnedBucket,
    Piece,
    buckets,
    configurations,
    contents,
    nulls,
    objects,
    older,
    owned,
    parts,
    uploads,
)

_OWNER = re.compile(r"[^/]+/[0-9a-f]*/-?\d+|[0-9a-z]{64}")  # an object's or an upload's


def examine(exam: Examination) -> None:
    """Hold buckets, objects, contents and uploads against each other."""
    known = {str(key[0]): bucket for key, bucket in exam.records(exam.everywhere, buckets)}
    _examine_buckets(exam, known)
    for key, obj in exam.records(exam.everywhere, objects):
        _examine_object(exam, known, key, obj)
    for key, obj in exam.records(exam.everywhere, older):
        _examine_object(exam, known, key[:2], obj)
        _examine_older(exam, key, obj)
    _examine_contents(exam)
    _examine_nulls(exam)
    _examine_uploads(exam)
    exam.answer_for(lambda owner: bool(_OWNER.fullmatch(owner)))


def _examine_buckets(exam: Examination, known: dict[str, Bucket]) -> None:
    for name, bucket in known.items():
        exam.counts["buckets"] += 1
        there = View(exam.tx, bucket.account)
        if owned.get(there, name) is None:
            entry = OwnedBucket(bucket.region, bucket.created_ms)
            exam.found("s3", "index", name, f"it is not in the list of account {bucket.account}", "add it",
                       partial(owned.put, there, name, record=entry))
    for view in exam.views(owned.name):
        for (listed, *_), _ in exam.records(view, owned):
            found = known.get(str(listed))
            if found is None or found.account != view.account:
                exam.found("s3", "index", str(listed), f"account {view.account} lists it and has none such",
                           "remove it from the list", partial(owned.delete, view, listed))
    for key, _ in exam.records(exam.everywhere, configurations):
        if str(key[0]) not in known:
            exam.found("s3", "leftover", _said(key), "a configuration of a bucket that is not there",
                       "put it into quarantine", exam.taking(exam.everywhere, configurations, key))


def _examine_object(exam: Examination, known: dict[str, Bucket], key: Key, obj: Object) -> None:
    bucket, raw = str(key[0]), _raw(key[1])
    where = f"{_said(key)} {obj.version}".rstrip()
    exam.counts["object versions"] += 1
    if bucket not in known:
        exam.found("s3", "leftover", where, "a version in a bucket that is not there",
                   "put it into quarantine", partial(_lose, exam, known, bucket, raw, obj, contents.get(
                       exam.everywhere, bucket, raw, -obj.sequence)))
    if not obj.size:
        return
    content = contents.get(exam.everywhere, bucket, raw, -obj.sequence)
    if content is None:
        wrong = "its content is missing"
    else:
        wrong = _wrong(exam, where, owner_of(bucket, raw, obj.sequence), obj, content)
    if wrong:
        exam.found("s3", "content", where, wrong, "put the version and its bytes into quarantine",
                   partial(_lose, exam, known, bucket, raw, obj, content))


def _wrong(exam: Examination, where: str, owner: str, obj: Object, content: Content) -> str:
    """What is wrong with the bytes of a version; empty if nothing is."""
    if sum(piece.size for piece in content.pieces) != obj.size:
        return f"its pieces do not make up its {obj.size} bytes"
    wrong = [text for piece in content.pieces if (text := _wrong_piece(exam, where, owner, piece))]
    secret = encryption.opened(exam.everywhere, obj.envelope) if obj.envelope else None
    if wrong or not exam.deep or (obj.envelope and secret is None):  # only the customer can read his
        return "; ".join(wrong)
    claims = {name.removeprefix("Checksum"): text for name, text in obj.checksum.items()
              if obj.checksum.get("ChecksumType") == "FULL_OBJECT" and name != "ChecksumType"}
    whole, each = Digests(claims), []
    for piece in content.pieces:
        one = Digests(())
        clear = bodies.cleared(piece, secret, 0)
        for data in map(clear, _bytes_of(exam, piece)):
            whole.add(data)
            one.add(data)
        each.append(one.md5.digest())
    bad = [name for name, text in claims.items() if whole.text(name) != text]
    etag = whole.md5.hexdigest()
    if "-" in obj.etag:  # of an object in parts, each a piece
        etag = f"{hashlib.md5(b''.join(each), usedforsecurity=False).hexdigest()}-{len(each)}"
    if obj.etag != etag and not obj.envelope:  # of what is encrypted it says nothing
        bad.append("MD5 (its ETag)")
    return f"its bytes do not have its {', '.join(bad)}" if bad else ""


def _wrong_piece(exam: Examination, where: str, owner: str, piece: Piece) -> str:
    if not piece.blob:
        return "" if len(piece.data) == piece.size else "its bytes in the store are not as many as it says"
    if not exam.need("s3", piece.blob, owner, where):
        return f"the body {piece.blob} is missing"
    size = exam.blobs.path(piece.blob).stat().st_size
    return "" if size == piece.size else f"the body {piece.blob} has {size} bytes, not {piece.size}"


def _bytes_of(exam: Examination, piece: Piece) -> Iterator[bytes]:
    if piece.blob:
        yield from exam.blobs.read(piece.blob)
    else:
        yield piece.data


def _examine_older(exam: Examination, key: Key, obj: Object) -> None:
    """A null version that is not current can be found by its key."""
    bucket, raw = key[:2]
    null = nulls.get(exam.everywhere, bucket, raw)
    if not obj.version and (null is None or null.sequence != obj.sequence):
        exam.found("s3", "index", _said(key), "its null version is not found by its key",
                   "lead to it", partial(nulls.put, exam.everywhere, bucket, raw, record=Null(obj.sequence)))


def _examine_contents(exam: Examination) -> None:
    for key, content in exam.records(exam.everywhere, contents):
        bucket, raw, number = key
        sequence = -int(number)
        current = objects.get(exam.everywhere, bucket, raw)
        if (current is None or current.sequence != sequence) and older.get(
                exam.everywhere, bucket, raw, number) is None:
            exam.found("s3", "leftover", _said(key), "a content that belongs to no version",
                       "put it into quarantine", exam.taking(exam.everywhere, contents, key))
            for piece in content.pieces:
                if piece.blob:  # it goes with its row
                    exam.need("s3", piece.blob, owner_of(str(bucket), _raw(raw), sequence), _said(key))


def _examine_nulls(exam: Examination) -> None:
    for key, null in exam.records(exam.everywhere, nulls):
        found = older.get(exam.everywhere, *key, -null.sequence)
        if found is None or found.version:
            exam.found("s3", "index", _said(key), "its null version is not where it should be",
                       "forget where it was", partial(nulls.delete, exam.everywhere, *key))


def _examine_uploads(exam: Examination) -> None:
    known = {str(key[2]) for key, _ in exam.records(exam.everywhere, uploads)}
    for key, part in exam.records(exam.everywhere, parts):
        upload = str(key[0])
        where = f"part {key[1]!r} of upload {upload}"
        wrong = _wrong_piece(exam, where, upload, part.piece)
        if not wrong and exam.deep and not part.piece.nonce:
            digests = Digests(())
            for data in _bytes_of(exam, part.piece):
                digests.add(data)
            wrong = "" if digests.md5.hexdigest() == part.etag else "its bytes do not have its MD5 (its ETag)"
        if upload not in known:
            wrong = "it belongs to an upload that is not there"
        if wrong:
            exam.found("s3", "content", where, wrong, "put it into quarantine; it can be uploaded again",
                       exam.taking(exam.everywhere, parts, key))


def _lose(exam: Examination, known: dict[str, Bucket], bucket: str, key: bytes, obj: Object,
          content: Content | None) -> None:
    """Take a version out of the store; the next older one becomes current if this was."""
    there = exam.everywhere
    current = objects.get(there, bucket, key)
    if current is not None and current.sequence == obj.sequence:
        exam.taking(there, objects, (bucket, key))()
        heir = next((one for _, one in older.items(there, bucket, key, limit=1)), None)
        if heir is not None and not heir.marker and bucket in known:
            older.delete(there, bucket, key, -heir.sequence)
            nulls.delete(there, bucket, key)
            objects.put(there, bucket, key, record=heir)
    else:
        exam.taking(there, older, (bucket, key, -obj.sequence))()
        if not obj.version:
            nulls.delete(there, bucket, key)
    exam.taking(there, contents, (bucket, key, -obj.sequence))()
    for piece in content.pieces if content else ():
        if piece.blob:
            exam.blobs.release(there, piece.blob, owner_of(bucket, key, obj.sequence))


def _said(key: Key) -> str:
    """A bucket and a key, for people."""
    return f"s3://{key[0]!s}/{_raw(key[1]).decode('utf-8', 'replace')}"


def _raw(part: Part) -> bytes:
    return part if isinstance(part, bytes) else str(part).encode()

"""What objects and parts leave behind: their bytes, taken away in the same transaction."""

from ...fabric import leftovers
from ...kernel import Call, Conversation
from ...store import Blobs
from .nouns import Content, Object, Piece, contents, parts, uploads
from .service import s3


def refer(call: Call, pieces: list[Piece], owner: str) -> None:
    """Say that ``owner`` needs the files of ``pieces``."""
    blobs = call.use(Blobs)
    for piece in pieces:
        if piece.blob:
            blobs.refer(call, piece.blob, owner)


def release(call: Call, pieces: list[Piece], owner: str) -> None:
    """Say that ``owner`` needs the files of ``pieces`` no more; what nobody needs is removed."""
    for piece in pieces:
        if piece.blob:
            leftovers.release(call, piece.blob, owner)


@s3.task
async def remove_file(call: Conversation, blob: str) -> None:
    """Remove a file, if nobody needs it: what an older cloudlet left to its clock."""
    await leftovers.remove(call, [blob])


def owner_of(bucket: str, key: bytes, sequence: int) -> str:
    """How an object is called as one who needs files."""
    return f"{bucket}/{key.hex()}/{sequence}"


def keep_content(call: Call, bucket: str, key: bytes, obj: Object, pieces: list[Piece]) -> None:
    """Keep what ``obj`` consists of."""
    if obj.size:
        contents.put(call, bucket, key, -obj.sequence, record=Content(pieces))
        refer(call, pieces, owner_of(bucket, key, obj.sequence))


def content_of(call: Call, bucket: str, key: bytes, obj: Object) -> list[Piece]:
    """What ``obj`` consists of."""
    found = contents.get(call, bucket, key, -obj.sequence) if obj.size else None
    return found.pieces if found else []


def discard_content(call: Call, bucket: str, key: bytes, obj: Object) -> None:
    """Forget what ``obj`` consists of."""
    if obj.size:
        release(call, content_of(call, bucket, key, obj), owner_of(bucket, key, obj.sequence))
        contents.delete(call, bucket, key, -obj.sequence)


def discard_upload(call: Call, bucket: str, key: bytes, upload: str, *, with_parts: bool = True) -> None:
    """Forget an upload and its parts; ``with_parts`` also takes their bytes."""
    for at, part in list(parts.items(call, upload)):
        if with_parts:
            release(call, [part.piece], upload)
        parts.delete(call, *at)
    uploads.delete(call, bucket, key, upload)

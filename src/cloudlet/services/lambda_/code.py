"""Code packages: from a zip file, an object, or a folder of this machine, to a folder that can be mounted.

A package is unpacked once, into a folder named by its content; the zip itself is kept as a blob, so
that the folder can be made again and the package downloaded. A bucket called ``cloudlet-local`` is no
bucket: the key is the path of a folder, mounted as it is, and what is saved there is live at once; the
object's version, if given, is a folder of packages that can be imported besides.
"""

import asyncio
import base64
import hashlib
import io
import zipfile
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from ...errors import AwsError, NotHonoured
from ...kernel import Call, Conversation
from ...kernel.folders import allowed
from ...kernel.place import Place
from ...scratch import becoming
from ...store import Blobs, Writer
from ...store.api import FULL
from .errors import InvalidParameterValueException, RequestEntityTooLargeException
from .limits import UNZIPPED_SIZE, ZIP_SIZE

LOCAL_BUCKET = "cloudlet-local"
_DIGITS = 64  # of a SHA-256


class Package(msgspec.Struct):
    """Code, ready to be mounted."""

    folder: str
    sha256: str  # in base64, as CodeSha256 is
    size: int
    unzipped: int = 0  # bytes; of somebody's working copy, nobody asks
    blob: str = ""
    watched: bool = False
    dependencies: str = ""
    file: Writer | None = None  # of the blob, which stays for as long as this does


async def fetch(call: Conversation, code: dict[str, Any]) -> Package:
    """The package that a request describes."""
    _check(code)
    if code.get("ZipFile") is not None:
        if code.get("S3Bucket") or code.get("S3Key") or code.get("S3ObjectVersion"):
            raise InvalidParameterValueException(
                "Please do not provide other FunctionCode parameters when providing a ZipFile.")
        if len(code["ZipFile"]) > ZIP_SIZE:
            raise RequestEntityTooLargeException(f"Zipped size must be smaller than {ZIP_SIZE} bytes")
        return await unpack(call, code["ZipFile"])
    if not code.get("S3Bucket") or not code.get("S3Key"):
        raise InvalidParameterValueException("Please provide a source for function code.")
    if code["S3Bucket"] == LOCAL_BUCKET:
        return await _local(call, Path(code["S3Key"]), code.get("S3ObjectVersion") or "")
    return await unpack(call, await _object(call, code))


def _check(code: dict[str, Any]) -> None:
    """Refuse by name what of a package's description is not honoured."""
    if code.get("ImageUri"):
        raise InvalidParameterValueException(
            "Please don't provide ImageUri when updating a function with packageType Zip. (cloudlet runs "
            "functions without containers: all of them are of this type.)")
    if code.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise NotHonoured("cloudlet keeps packages of its own: S3ObjectStorageMode must be COPY.")
    if code.get("SourceKMSKeyArn"):
        raise NotHonoured("cloudlet does not encrypt packages: leave SourceKMSKeyArn out.")


def place_of(call: Call | Conversation, folder: str) -> Path:
    """Where a package's folder lies: in the data folder of today, which may have been moved or branched."""
    return _place(folder, call.use(Place).folder)


@lru_cache(maxsize=4096)
def _place(folder: str, data: Path) -> Path:
    path = Path(folder)
    here = data / "code" / path.name
    return here if path.parent.name == "code" and len(path.name) == _DIGITS and here.exists() else path


def location_of(call: Call, blob: str, folder: str) -> str:
    """The URL from which a package can be downloaded; that of the folder, if it was never a package."""
    return call.use(Place).site("lambda-code", blob) if blob else f"file://{folder}"


async def unpack(call: Conversation, raw: bytes) -> Package:
    """Unpack a zip file into a folder of its own, in a thread."""
    digest = hashlib.sha256(raw)
    folder = call.use(Place).folder / "code" / digest.hexdigest()
    with call.kernel.clock.holding("the unpacking of a package"):
        unzipped = await asyncio.to_thread(_extract, raw, folder)
    writer = call.use(Blobs).write()
    writer.add(raw)
    return Package(str(folder), base64.b64encode(digest.digest()).decode(), len(raw), unzipped, writer.keep(),
                   file=writer)


def _extract(raw: bytes, folder: Path) -> int:
    """Unpack a zip file, unless its folder is there already; the bytes of its files."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > UNZIPPED_SIZE:
                raise too_large()
            if not entries:
                raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
            if not folder.exists():
                with becoming(folder) as beside:
                    _unpack_into(archive, beside)
            return size
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise InvalidParameterValueException(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from None


def _unpack_into(archive: zipfile.ZipFile, folder: Path) -> None:
    """Unpack, so that a function may read it all and write nothing."""
    for entry in archive.infolist():
        path = Path(archive.extract(entry, folder))  # names that lead outside are tamed by zipfile
        mode = entry.external_attr >> 16
        path.chmod(0o755 if entry.is_dir() or mode & 0o111 else 0o644)
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def too_large() -> InvalidParameterValueException:
    """What is said of code that is too large once it is unpacked, layers included."""
    return InvalidParameterValueException(f"Unzipped size must be smaller than {UNZIPPED_SIZE} bytes")


async def _local(call: Conversation, folder: Path, dependencies: str) -> Package:
    named = [folder, Path(dependencies)] if dependencies else [folder]
    for one in named:
        if not one.is_absolute() or not await call.transact(partial(allowed, folder=one)):
            raise InvalidParameterValueException(
                f"The folder {one} is not one that was deployed from this machine. "
                "`cloudlet up` or `cloudlet deploy` in the folder of its application does that.")
    if not folder.is_dir():
        raise InvalidParameterValueException(f"There is no folder {folder} on this machine to run code from.")
    digest = hashlib.sha256(f"{folder} {dependencies}".encode())
    return Package(
        str(folder), base64.b64encode(digest.digest()).decode(), 0, watched=True, dependencies=dependencies
    )


async def _object(call: Conversation, code: dict[str, Any]) -> bytes:
    params = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
    if code.get("S3ObjectVersion"):
        params["VersionId"] = code["S3ObjectVersion"]
    try:
        body = (await call.invoke("s3", "GetObject", **params))["Body"]
    except AwsError as error:
        raise InvalidParameterValueException(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error}"
        ) from None
    if isinstance(body, bytes):
        return body
    pieces, size = [], 0
    async for piece in body:
        size += len(piece)
        if size > UNZIPPED_SIZE:
            raise too_large()
        pieces.append(piece)
    return b"".join(pieces)

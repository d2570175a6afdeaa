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
import shutil
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from ...errors import AwsError
from ...kernel import Call, Conversation
from ...kernel.place import Place
from ...store import Blobs
from .errors import InvalidParameterValueException, RequestEntityTooLargeException
from .limits import UNZIPPED_SIZE, ZIP_SIZE

LOCAL_BUCKET = "cloudlet-local"


class Package(msgspec.Struct):
    """Code, ready to be mounted."""

    folder: str
    sha256: str  # in base64, as CodeSha256 is
    size: int
    blob: str = ""
    watched: bool = False
    dependencies: str = ""


async def fetch(call: Conversation, code: dict[str, Any]) -> Package:
    """The package that a request describes."""
    if code.get("ImageUri"):
        raise InvalidParameterValueException(
            "cloudlet runs functions without containers and takes no ImageUri; "
            "deploy the function as a zip package."
        )
    if code.get("ZipFile") is not None:
        if code.get("S3Bucket") or code.get("S3Key"):
            raise InvalidParameterValueException(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        if len(code["ZipFile"]) > ZIP_SIZE:
            raise RequestEntityTooLargeException
        return await unpack(call, code["ZipFile"])
    if not code.get("S3Bucket") or not code.get("S3Key"):
        raise InvalidParameterValueException("Please provide a source for function code.")
    if code["S3Bucket"] == LOCAL_BUCKET:
        return _local(Path(code["S3Key"]), code.get("S3ObjectVersion") or "")
    return await unpack(call, await _object(call, code))


def location_of(call: Call, blob: str, folder: str) -> str:
    """The URL from which a package can be downloaded; that of the folder, if it was never a package."""
    return call.use(Place).site("lambda-code", blob) if blob else f"file://{folder}"


async def unpack(call: Conversation, raw: bytes) -> Package:
    """Unpack a zip file into a folder of its own, in a thread."""
    digest = hashlib.sha256(raw)
    home = call.use(Place).folder / "code"
    writer = call.use(Blobs).write()
    writer.add(raw)
    blob = writer.keep()
    folder = home / digest.hexdigest()
    if not folder.exists():
        await asyncio.to_thread(_extract, raw, folder)
    return Package(str(folder), base64.b64encode(digest.digest()).decode(), len(raw), blob)


def _extract(raw: bytes, folder: Path) -> None:
    beside = folder.with_suffix(".part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > UNZIPPED_SIZE:
                raise InvalidParameterValueException(
                    f"Unzipped size must be smaller than {UNZIPPED_SIZE} bytes"
                )
            for entry in archive.infolist():
                path = Path(archive.extract(entry, beside))  # names that lead outside are tamed by zipfile
                mode = entry.external_attr >> 16
                path.chmod(0o755 if entry.is_dir() or mode & 0o111 else 0o644)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        shutil.rmtree(beside, ignore_errors=True)
        raise InvalidParameterValueException(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from None
    for path in (beside, *beside.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    beside.mkdir(parents=True, exist_ok=True)
    beside.replace(folder)


def _local(folder: Path, dependencies: str) -> Package:
    if not folder.is_absolute() or not folder.is_dir():
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
    return b"".join([piece async for piece in body])

"""Checksums: those S3 knows, fed piece by piece, and how parts' are put together.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from awscrt import checksums as crt

from ...wire.http import Request
from . import errors

_SIZES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32, "SHA512": 64, "MD5": 16,
          "XXHASH64": 8, "XXHASH3": 8, "XXHASH128": 16}  # bytes
ALGORITHMS = tuple(_SIZES)
DEFAULT = "CRC64NVME"
_FULL_ONLY = ("CRC64NVME",)  # CRC32 and CRC32C can be had either way
_COMPOSITE_ONLY = ("SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")
_CRCS: dict[str, tuple[Callable[..., int], int]] = {
    "CRC32": (crt.crc32, 4), "CRC32C": (crt.crc32c, 4), "CRC64NVME": (crt.crc64nvme, 8)}
_COMBINE: dict[str, Callable[[int, int, int], int]] = {
    "CRC32": crt.combine_crc32, "CRC32C": crt.combine_crc32c, "CRC64NVME": crt.combine_crc64nvme}
_HASHES: dict[str, Callable[[], Any]] = {
    "SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512,
    "MD5": partial(hashlib.md5, usedforsecurity=False), "XXHASH64": crt.XXHash.new_xxhash64,
    "XXHASH3": crt.XXHash.new_xxhash3_64, "XXHASH128": crt.XXHash.new_xxhash3_128}
_HEADER = "x-amz-checksum-"


class Digests:
    """The MD5 and the checksums of bytes that come in pieces."""

    __slots__ = ("_crcs", "_hashes", "md5", "size")

    def __init__(self, algorithms: Iterable[str]) -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0
        self._crcs = {name: 0 for name in algorithms if name in _CRCS}
        self._hashes = {name: _HASHES[name]() for name in algorithms if name not in _CRCS}

    def add(self, piece: bytes) -> None:
        """More bytes."""
        self.size += len(piece)
        self.md5.update(piece)
        for name, value in self._crcs.items():
            self._crcs[name] = _CRCS[name][0](piece, value)
        for digest in self._hashes.values():
            digest.update(piece)

    def raw(self, algorithm: str) -> bytes:
        """The checksum of all bytes so far."""
        if algorithm in _CRCS:
            return self._crcs[algorithm].to_bytes(_SIZES[algorithm], "big")
        found = self._hashes[algorithm]
        raw: bytes = found.finalize() if isinstance(found, crt.XXHash) else found.digest()
        return raw

    def text(self, algorithm: str) -> str:
        """The checksum as headers say it."""
        return base64.b64encode(self.raw(algorithm)).decode()


def member(algorithm: str) -> str:
    """AWS's name of the member that holds such a checksum."""
    return f"Checksum{algorithm}"


def of_members(*given: str | None) -> tuple[str, str] | None:
    """The one checksum among ``given`` (in the order of ``ALGORITHMS``), if it has the right form."""
    found = [(algorithm, value) for algorithm, value in zip(ALGORITHMS, given, strict=True)
             if value is not None]
    if not found:
        return None
    if len(found) > 1:
        raise errors.InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are "
                                    "not allowed.")
    algorithm, value = found[0]
    check_form(algorithm, value)
    return algorithm, value


def check_form(algorithm: str, value: str) -> None:
    """Refuse what can't be a checksum of that kind; a composite one ends in its number of parts."""
    if not is_form(algorithm, value):
        raise errors.InvalidRequest(f"Value for {_HEADER}{algorithm.lower()} header is invalid.")


def is_form(algorithm: str, value: str) -> bool:
    """Whether ``value`` is base64 of the right length."""
    try:
        return len(base64.b64decode(value, validate=True)) == _SIZES[algorithm]
    except (ValueError, binascii.Error):
        return False


def announced(headers: Mapping[str, str]) -> str:
    """The algorithm whose checksum will follow the body in a trailer; empty if none will."""
    for name in headers.get("x-amz-trailer", "").split(","):
        name = name.strip().lower()
        if name.startswith(_HEADER):
            algorithm = name[len(_HEADER):].upper()
            if algorithm not in ALGORITHMS:
                raise errors.InvalidRequest("The value specified in the x-amz-trailer header is not "
                                            f"supported: {name}")
            return algorithm
    return ""


def trailing(trailers: Mapping[str, str], algorithm: str) -> str:
    """The checksum that followed the body."""
    value = trailers.get(_HEADER + algorithm.lower())
    if value is None:
        raise errors.MalformedTrailerError
    check_form(algorithm, value)
    return value


def check_document(operation: str, request: Request) -> None:
    """Refuse a document that is not what its checksums say."""
    if not request.body or operation == "CompleteMultipartUpload":  # that one says the object's
        return
    sent = {**request.headers, **request.trailers}
    for algorithm in ALGORITHMS:
        value = sent.get(_HEADER + algorithm.lower())
        if value is not None:
            check_form(algorithm, value)
            digests = Digests((algorithm,))
            digests.add(request.body)
            if digests.text(algorithm) != value:
                raise errors.BadDigest(f"The {algorithm} you specified did not match the calculated "
                                       "checksum.")


def kind_of(algorithm: str, wanted: str) -> str:
    """How the parts' checksums will become the object's: COMPOSITE or FULL_OBJECT."""
    if wanted not in ("", "COMPOSITE", "FULL_OBJECT"):
        raise errors.InvalidRequest("Value for x-amz-checksum-type header is invalid.")
    full = algorithm in _FULL_ONLY
    if (full and wanted == "COMPOSITE") or (algorithm in _COMPOSITE_ONLY and wanted == "FULL_OBJECT"):
        raise errors.InvalidRequest(f"The {wanted} checksum type cannot be used with the {algorithm.lower()} "
                                    "checksum algorithm.")
    return wanted or ("FULL_OBJECT" if full else "COMPOSITE")


def combined(algorithm: str, kind: str, parts: Iterable[tuple[str, int]]) -> str:
    """The checksum of an object, from those of its parts and their sizes."""
    listed = [(base64.b64decode(text), size) for text, size in parts]
    if kind == "COMPOSITE":
        digests = Digests((algorithm,))
        for raw, _ in listed:
            digests.add(raw)
        return f"{digests.text(algorithm)}-{len(listed)}"
    value = int.from_bytes(listed[0][0], "big")
    for raw, size in listed[1:]:
        value = _COMBINE[algorithm](value, int.from_bytes(raw, "big"), size)
    return base64.b64encode(value.to_bytes(_SIZES[algorithm], "big")).decode()


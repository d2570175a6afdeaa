"""AWS Signature Version 4: what a request says of who signed it, and whether that is so.

A claim is read at every request and is cheap; a proof is only asked of keys that were made here. What a
client signed is rebuilt from the request as it was sent, so this must come before anything is unwrapped.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from posixpath import normpath
from urllib.parse import quote, unquote_to_bytes

import msgspec

from ..wire.http import Request
from .sigv2 import ALGORITHM as OLD_ALGORITHM

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
AUTHORITY = ":authority"  # HTTP/2's name for the host, which is where a request has it here
EMPTY = hashlib.sha256(b"").hexdigest()
_HEADER = re.compile(
    r"(AWS4-[A-Z0-9-]+)\s+Credential=([^,\s]*),?\s*SignedHeaders=([^,\s]*),?\s*Signature=([^,\s]*)")
_OLD_HEADER = re.compile(r"AWS ([^\s:]+):(\S+)")
_UNRESERVED = "-_.~"
_SPACES = re.compile(r" {2,}")


class Signed(msgspec.Struct, frozen=True):
    """A request's claim."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...] = ()
    signature: str = ""
    token: str = ""
    presigned: bool = False
    terminator: str = "aws4_request"
    algorithm: str = ALGORITHM

    @property
    def scope(self) -> str:
        """What the signature is good for."""
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def claim_of(request: Request) -> Signed | None:
    """Who the request says signed it, in its headers or its query string; None if nobody does."""
    header = request.headers.get("authorization", "")
    if header:
        match = _HEADER.match(header)
        if not match:
            return _old_header(header, request)
        algorithm, credential, headers, signature = match.groups()
        token = request.headers.get("x-amz-security-token", "")
        return _signed(credential, headers, signature, token, False, algorithm)
    if "X-Amz-Credential=" not in request.query:
        return _old_claim_of(request) if "AWSAccessKeyId=" in request.query else None
    fields = request.queries()
    return _signed(fields["X-Amz-Credential"], fields.get("X-Amz-SignedHeaders", ""),
                   fields.get("X-Amz-Signature", ""), fields.get("X-Amz-Security-Token", ""), True,
                   fields.get("X-Amz-Algorithm", ""))


def _old_header(header: str, request: Request) -> Signed | None:
    """The claim of a header of S3's old kind."""
    match = _OLD_HEADER.fullmatch(header)
    if not match:
        return None
    return Signed(match[1], "", "", "", signature=match[2], algorithm=OLD_ALGORITHM,
                  token=request.headers.get("x-amz-security-token", ""))


def _old_claim_of(request: Request) -> Signed | None:
    """The claim of a presigned URL of S3's old kind."""
    fields = request.queries()
    if not fields.get("AWSAccessKeyId") or not fields.get("Signature"):
        return None
    return Signed(fields["AWSAccessKeyId"], "", "", "", signature=fields["Signature"], presigned=True,
                  token=fields.get("x-amz-security-token", ""), algorithm=OLD_ALGORITHM)


def _signed(credential: str, headers: str, signature: str, token: str, presigned: bool,
            algorithm: str) -> Signed | None:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5:
        return None
    key, date, region, service, terminator = parts
    return Signed(key, date, region, service, tuple(headers.split(";")), signature, token, presigned,
                  terminator,
                  algorithm)


class Proof(msgspec.Struct, frozen=True):
    """A signature as it should be, and what it is of."""

    signature: str
    canonical_request: str
    string_to_sign: str
    key: bytes
    moment: str


def prove(request: Request, signed: Signed, secret: str, moment: str, payload: str, *,
          plain: bool = False) -> Proof:
    """The signature that ``secret`` would have made.

    ``moment`` is the request's own, ``20260102T030405Z``; ``payload`` the hash of its body.
    """
    canonical = canonical_request(request, signed, payload, plain=plain)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{moment}\n{signed.scope}\n{digest}"
    key = signing_key(secret, signed.date, signed.region, signed.service)
    return Proof(sign(key, text), canonical, text, key, moment)


def sign(key: bytes, text: str) -> str:
    """The signature of ``text``, in hexadecimal digits."""
    return hmac.digest(key, text.encode(), "sha256").hex()


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """What a secret becomes for one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_request(request: Request, signed: Signed, payload: str, *, plain: bool) -> str:
    """The request in the one form that both sides sign."""
    headers = "".join(
        f"{name}:{_folded(request.headers.get('host' if name == AUTHORITY else name, ''))}\n"
        for name in signed.signed_headers)
    return "\n".join((request.method, canonical_path(request.path, plain=plain),
                      canonical_query(request.query, presigned=signed.presigned), headers,
                      ";".join(signed.signed_headers), payload))


def canonical_path(path: str, *, plain: bool) -> str:
    """The path: ``plain``, as S3 means it, encoded once; for others without dots and double slashes, twice.

    >>> canonical_path("/a//b/../c%20d", plain=True), canonical_path("/a//b/../c%20d", plain=False)
    ('/a//b/../c%20d', '/a/c%2520d')
    """
    if plain:
        return quote(unquote_to_bytes(path), safe="/" + _UNRESERVED)
    if "//" in path or "/." in path:
        trailing = path.endswith(("/", "/.", "/..")) and len(path) > 1
        path = normpath("/" + path.lstrip("/"))
        path += "/" if trailing and path != "/" else ""
    return quote(path, safe="/" + _UNRESERVED)


def canonical_query(query: str, *, presigned: bool) -> str:
    """The query string, encoded one way and sorted; a presigned URL's signature is not part of what it signs.

    >>> canonical_query("b=2&a=%7e&a=1&list", presigned=False)
    'a=1&a=~&b=2&list='
    """
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            if not (presigned and name == "X-Amz-Signature"):
                pairs.append((quote(unquote_to_bytes(name), safe=_UNRESERVED),
                              quote(unquote_to_bytes(value), safe=_UNRESERVED)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def moment_of(request: Request, signed: Signed) -> str:
    """When the request says it was signed, as ``20260102T030405Z``; empty if it doesn't say it."""
    if signed.presigned:
        return request.queries().get("X-Amz-Date", "")
    stamp = request.headers.get("x-amz-date") or request.headers.get("date", "")
    if "," in stamp:
        try:
            return parsedate_to_datetime(stamp).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        except ValueError:
            return ""
    return stamp


def milliseconds(moment: str) -> int | None:
    """A moment as ``moment_of`` gives it in milliseconds since 1970; None if it is none."""
    try:
        return int(datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return None


def _folded(value: str) -> str:
    value = value.strip()
    return _SPACES.sub(" ", value) if "  " in value else value

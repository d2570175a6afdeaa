"""AWS Signature Version 4: what a request says of who signed it, and whether that is so.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

import re

import msgspec

from ..wire.http import Request

_HEADER = re.compile(r"(AWS4-[A-Z0-9-]+)\s+Credential=([^,\s]*),?\s*SignedHeaders=([^,\s]*),?\s*Signature=([^,\s]*)")


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


def claim_of(request: Request) -> Signed | None:
    """Who the request says signed it, in its headers or its query string; None if nobody does."""
    header = request.headers.get("authorization", "")
    if header:
        match = _HEADER.match(header)
        if not match:
            return None
        return _signed(match[2], match[3], match[4], request.headers.get("x-amz-security-token", ""), False)
    if "X-Amz-Credential=" not in request.query:
        return None
    fields = request.queries()
    return _signed(fields["X-Amz-Credential"], fields.get("X-Amz-SignedHeaders", ""),
                   fields.get("X-Amz-Signature", ""), fields.get("X-Amz-Security-Token", ""), True)


def _signed(credential: str, headers: str, signature: str, token: str, presigned: bool) -> Signed | None:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5:
        return None
    key, date, region, service, _ = parts
    return Signed(key, date, region, service, tuple(headers.split(";")), signature, token, presigned)

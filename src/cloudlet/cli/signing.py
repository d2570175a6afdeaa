"""How a command signs what it asks for: with the key of its environment, or with the account's own.

Where nobody's key is believed but those that were made, an SDK's way is the only one. Elsewhere a header that
names the account is enough, and costs neither an import nor an answer.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

ACCOUNT = re.compile(r"\d{12}")


class Key(NamedTuple):
    """An access key with its secret."""

    id: str
    secret: str
    token: str = ""


def key_of_environment() -> Key | None:
    """The key that SDKs would sign with; None if there is none, or one that only names an account."""
    id, secret = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not id or not secret or ACCOUNT.fullmatch(id):
        return None
    return Key(id, secret, os.environ.get("AWS_SESSION_TOKEN", ""))


def unproved(account: str, region: str, service: str) -> dict[str, str]:
    """The header that names an account, and proves nothing."""
    scope = f"{account}/20150830/{region}/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, "
                             f"Signature={'0' * 64}"}


def signed(key: Key, region: str, service: str, method: str, url: str, headers: Mapping[str, str],
           body: bytes) -> dict[str, str]:
    """The headers of a request, with those that sign it."""
    from ..identity import signature  # 50 ms that only who signs needs to spend
    from ..wire.http import Request

    parts, moment = urlsplit(url), datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(body).hexdigest()
    found = {**headers, "host": parts.netloc, "x-amz-date": moment, "x-amz-content-sha256": payload}
    if key.token:
        found["x-amz-security-token"] = key.token
    claim = signature.Signed(key.id, moment[:8], region, service, tuple(sorted(found)))
    request = Request(method, parts.path, parts.query, found)
    proof = signature.prove(request, claim, key.secret, moment, payload)
    found["authorization"] = (f"{signature.ALGORITHM} Credential={key.id}/{claim.scope}, "
                              f"SignedHeaders={';'.join(claim.signed_headers)}, Signature={proof.signature}")
    return found

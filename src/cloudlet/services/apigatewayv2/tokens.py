"""JSON Web Tokens, signed with RSA: the only kind that API Gateway's JWT authorizers take.

Checking such a signature is one modular power and a comparison, so no library is needed for it.
Source: RFC 7519, and RFC 8017 section 8.2.2 (RSASSA-PKCS1-v1_5).
"""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

Claims = dict[str, Any]
_HASHES = {  # by algorithm: the hash, and how PKCS #1 names it
    "RS256": ("sha256", "3031300d060960864801650304020105000420"),
    "RS384": ("sha384", "3041300d060960864801650304020205000430"),
    "RS512": ("sha512", "3051300d060960864801650304020305000440"),
}


class Untrusted(Exception):
    """The token is not to be trusted; the message says why."""


def read(token: str) -> tuple[Claims, Claims, bytes, bytes]:
    """A token's header, its claims, what was signed, and the signature. Nothing is verified yet."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Untrusted("the token is malformed")
    try:
        header, claims = json.loads(decode(parts[0])), json.loads(decode(parts[1]))
        signature = decode(parts[2])
    except (ValueError, RecursionError):
        raise Untrusted("the token is malformed") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Untrusted("the token is malformed")
    return header, claims, f"{parts[0]}.{parts[1]}".encode(), signature


def check_signature(algorithm: str, key: dict[str, Any], signed: bytes, signature: bytes) -> None:
    """Whether ``key`` (as a JSON Web Key) made the signature."""
    if algorithm not in _HASHES or key.get("kty") != "RSA":
        raise Untrusted("the token's algorithm is not supported")
    name, prefix = _HASHES[algorithm]
    try:
        modulus, exponent = (int.from_bytes(decode(key[part]), "big") for part in ("n", "e"))
    except (KeyError, TypeError, ValueError):
        raise Untrusted("the issuer's key is malformed") from None
    size = (modulus.bit_length() + 7) // 8
    tail = bytes.fromhex(prefix) + hashlib.new(name, signed).digest()
    if size < len(tail) + 11 or len(signature) != size:
        raise Untrusted("the signature is wrong")
    expected = b"\0\1" + b"\xff" * (size - len(tail) - 3) + b"\0" + tail
    found = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    if not hmac.compare_digest(found, expected):
        raise Untrusted("the signature is wrong")


def check_claims(claims: Claims, issuer: str, audience: list[str], now_s: float) -> None:
    """Whether the token is from whom, for whom and for when it must be."""
    if claims.get("iss") != issuer:
        raise Untrusted("the token has an invalid issuer")
    meant = claims.get("aud", claims.get("client_id"))
    if not set(meant if isinstance(meant, list) else [meant]) & set(audience):
        raise Untrusted("the token has an invalid audience")
    for name, wrong in (("exp", "the token has expired"), ("nbf", "the token is not valid yet"),
                        ("iat", "the token was issued in the future")):
        moment = claims.get(name)
        if moment is None:
            if name == "exp":
                raise Untrusted(wrong)
            continue
        if isinstance(moment, bool) or not isinstance(moment, int | float):
            raise Untrusted("the token is malformed")
        if (moment <= now_s) if name == "exp" else (moment > now_s):
            raise Untrusted(wrong)


def scopes_of(claims: Claims) -> list[str]:
    """The scopes a token grants."""
    found = claims.get("scope", claims.get("scp", ""))
    return [str(one) for one in found] if isinstance(found, list) else str(found).split()


def shown(claims: Claims) -> dict[str, str]:
    """Claims as functions see them: texts, a list as ``[a b]``."""
    return {name: _text(value) for name, value in claims.items()}


def decode(text: str) -> bytes:
    """Base64 in its form for URLs, without padding."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(map(_text, value))}]"
    return json.dumps(value)

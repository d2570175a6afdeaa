"""The policy of a form: what its signer lets the form's user send.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...identity import ANONYMOUS, Principal, signature
from ...kernel import Call, credentials, strangers
from . import errors

_UNSIGNED = ("x-amz-signature", "signature", "awsaccesskeyid", "policy", "file", "x-amz-algorithm",
             "x-amz-credential", "x-amz-date", "x-amz-security-token")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")  # ISO 8601, in UTC


def signer_of(call: Call, fields: Mapping[str, str], guest: str | None) -> Principal:
    """Who signed the form's policy; nobody if it has none. ``guest`` is as for other keys (``strangers``)."""
    text = fields.get("policy")
    if text is None:
        return ANONYMOUS
    scope = fields.get("x-amz-credential", "").split("/")
    key = scope[0] or fields.get("awsaccesskeyid", "")
    claimed = fields.get("x-amz-signature") or fields.get("signature")
    if not key or not claimed:
        missing = "AWSAccessKeyId" if not key else "signature"
        raise errors.InvalidArgument(f"Bucket POST must contain a field named '{missing}'.  If it is "
                                     "specified, please "
                                     "check the order of the fields.", ArgumentName=missing, ArgumentValue="")
    credential = credentials.get(call, key)
    if credential is None:
        stranger = strangers.principal_of(call.kernel, key, guest)
        if stranger is None:
            raise errors.InvalidAccessKeyId(AWSAccessKeyId=key)
        return stranger
    token = fields.get("x-amz-security-token", "")
    if (not credential.active or not hmac.compare_digest(token.encode(), credential.token.encode())
            or (credential.expires_ms and credential.expires_ms <= call.now_ms)):
        raise errors.InvalidAccessKeyId(AWSAccessKeyId=key)
    if len(scope) == 5:
        wanted = signature.sign(signature.signing_key(credential.secret, scope[1], scope[2], scope[3]), text)
    else:
        digest = hmac.new(credential.secret.encode(), text.encode(), hashlib.sha1).digest()
        wanted = base64.b64encode(digest).decode()
    if not hmac.compare_digest(wanted.encode(), claimed.encode()):
        raise errors.SignatureDoesNotMatch(AWSAccessKeyId=key, SignatureProvided=claimed)
    return credential.principal


class Limits:
    """What a policy says of the file's size, once its other conditions hold."""

    def __init__(self, least: int = 0, most: int | None = None) -> None:
        self.least, self.most = least, most

    def check(self, size: int) -> None:
        """Refuse a file that is too small or too large."""
        if self.most is not None and size > self.most:
            raise errors.EntityTooLarge(ProposedSize=size, MaxSizeAllowed=self.most)
        if size < self.least:
            raise errors.EntityTooSmall(ProposedSize=size, MinSizeAllowed=self.least)


def check(text: str, fields: Mapping[str, str], bucket: str, now_ms: int) -> Limits:
    """Hold the form against its policy."""
    policy = _parse(text)
    expiration = policy.get("expiration")
    if not isinstance(expiration, str):
        raise errors.InvalidPolicyDocument("Invalid Policy: Policy missing expiration.")
    try:
        if not _MOMENT.fullmatch(expiration):
            raise ValueError
        moment = datetime.fromisoformat(expiration)
    except ValueError:
        raise errors.InvalidPolicyDocument("Invalid Policy: Invalid 'expiration' value: "
                                           f"'{expiration}'") from None
    if moment.timestamp() * 1000 <= now_ms:
        raise errors.AccessDenied("Invalid according to Policy: Policy expired.")
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise errors.InvalidPolicyDocument("Invalid Policy: Policy missing conditions.")
    limits, met = Limits(), set(_UNSIGNED) | {"bucket"}
    known = {**fields, "bucket": bucket}
    for condition in conditions:
        if isinstance(condition, list) and condition and str(condition[0]).lower() == "content-length-range":
            limits = _size_limits(condition)
        else:
            met |= _check_condition(condition, known)
    extra = [name for name in fields if name not in met and not name.startswith("x-ignore-")]
    if extra:
        raise errors.AccessDenied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
    return limits


def _parse(text: str) -> dict[str, Any]:
    try:
        policy = json.loads(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise errors.InvalidPolicyDocument("Invalid Policy: Invalid JSON.") from None
    if not isinstance(policy, dict):
        raise errors.InvalidPolicyDocument("Invalid Policy: Invalid JSON.")
    return policy


def _size_limits(condition: list[Any]) -> Limits:
    try:
        _, least, most = condition
        return Limits(int(least), int(most))
    except (ValueError, TypeError):
        raise errors.InvalidPolicyDocument("Invalid Policy: Invalid content-length-range.") from None


def _check_condition(condition: Any, known: Mapping[str, str]) -> set[str]:
    """The fields that a condition speaks of, if it holds."""
    if isinstance(condition, dict):
        rules = [("eq", str(name), value) for name, value in condition.items()]
        if not rules:
            raise errors.InvalidPolicyDocument("Invalid Policy: Invalid Condition: empty")
    elif isinstance(condition, list) and len(condition) == 3 and str(condition[1]).startswith("$"):
        rules = [(str(condition[0]).lower(), str(condition[1])[1:], condition[2])]
    else:
        raise errors.InvalidPolicyDocument(f"Invalid Policy: Invalid Condition: {json.dumps(condition)}")
    for operator, name, wanted in rules:
        value = known.get(name.lower(), "")
        holds = value.startswith(str(wanted)) if operator == "starts-with" else value == str(wanted)
        if operator not in ("eq", "starts-with"):
            raise errors.InvalidPolicyDocument(f"Invalid Policy: Invalid Condition operator: {operator}")
        if not holds:
            shown = json.dumps(condition if isinstance(condition, list) else ["eq", f"${name}", wanted])
            raise errors.AccessDenied(f"Invalid according to Policy: Policy Condition failed: {shown}")
    return {name.lower() for _, name, _ in rules}

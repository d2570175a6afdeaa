"""Short-lived credentials: a key that is the principal's for a while, on the cloudlet's clock."""

import base64
from typing import Any
from urllib.parse import unquote

from ...errors import AwsError
from ...identity import Principal, grammar, service_principal
from ...identity.policy import Malformed
from ...kernel import Call, credentials
from ...kernel.credentials import Credential, Session
from . import limits
from .errors import MalformedPolicyDocumentException, PackedPolicyTooLargeException

_ACCOUNT_SHIFT = 7
_PACKED_BYTES = 4096  # what AWS packs policies and tags into; its answer gives the share that was used


def issue(call: Call, principal: Principal, duration_s: int, session: Session | None) -> dict[str, Any]:
    """Credentials of ``principal`` for ``duration_s``; its key is told to the gateway."""
    key = access_key("ASIA", call, principal.account)
    mine = Principal(principal.account, principal.arn, principal.kind, principal.id, key, principal.role_arn)
    secret = call.ids.text(40, credentials.SECRET)
    token = "IQoJb3JpZ2luX2Vj" + base64.b64encode(call.ids.bytes(240)).decode()
    expires_ms = (call.now_ms // 1000 + duration_s) * 1000
    credentials.save(call, Credential(key, secret, mine, token, expires_ms, session=session))
    return {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token,
            "Expiration": expires_ms // 1000}


def access_key(prefix: str, call: Call, account: str) -> str:
    """A new access key id; it holds the account, as AWS's do (see ``account_of``)."""
    number = 1 << 47 | (int(account) if account.isdigit() else 0) << _ACCOUNT_SHIFT
    return prefix + base64.b32encode(number.to_bytes(6, "big") + call.ids.bytes(4)).decode()


def account_of(key: str) -> str:
    """The account that an access key id holds; ValueError if it holds none.

    >>> account_of("ASIAQAAAAAAAAAAAAAAA")
    '000000000000'
    """
    raw = base64.b32decode(key[4:20].encode())
    return f"{(int.from_bytes(raw[:6], 'big') & 0x7FFFFFFFFF80) >> _ACCOUNT_SHIFT:012}"


def policies(call: Call, document: str | None, arns: list[dict[str, str]] | None,
             account: str) -> list[str] | None:
    """The documents of a session's policies; None if it is not to be limited."""
    if document is None and not arns:
        return None
    found = []
    if document is not None:
        try:
            grammar.check(document, "identity")
        except Malformed as error:
            raise MalformedPolicyDocumentException(str(error)) from None
        found.append(document)
    if len(arns or ()) > limits.SESSION_POLICY_ARNS or len(document or "") > limits.SESSION_POLICY_CHARACTERS:
        raise PackedPolicyTooLargeException
    found.extend(_managed(call, each.get("arn", ""), account) for each in arns or ())
    return found


def packed(documents: list[str] | None, tags: dict[str, str]) -> int | None:
    """How much of the space for policies and tags is used, in percent; None if there is nothing to pack."""
    if not documents and not tags:
        return None
    size = sum(map(len, documents or ())) + sum(len(key) + len(value) for key, value in tags.items())
    percent = -(-size * 100 // _PACKED_BYTES)
    if percent > 100:
        raise PackedPolicyTooLargeException(
            f"Packed size of session tags consumes {percent}% of allotted space.")
    return percent


def _managed(call: Call, arn: str, account: str) -> str:
    me = service_principal("sts", account)
    try:
        policy = call.invoke("iam", "GetPolicy", as_principal=me, account=account, PolicyArn=arn)["Policy"]
        version = call.invoke("iam", "GetPolicyVersion", as_principal=me, account=account, PolicyArn=arn,
                              VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    except AwsError:
        raise MalformedPolicyDocumentException(
            f"The policy {arn} does not exist or is not attachable.") from None
    return unquote(version["Document"])

"""Who am I, and credentials for oneself or for somebody whom oneself vouches for."""

from typing import Any

from ...errors import ValidationError
from ...identity import ANONYMOUS, Principal
from ...kernel import Call, credentials
from ...kernel.credentials import Session
from . import limits, sessions
from .errors import AccessDenied, InvalidAuthorizationMessageException, MissingAuthenticationToken
from .service import sts


@sts.operation
def get_caller_identity(call: Call) -> dict[str, Any]:
    """Who asks."""
    if call.principal is ANONYMOUS:
        raise MissingAuthenticationToken
    return {"UserId": call.principal.id or call.principal.arn, "Account": call.principal.account,
            "Arn": call.principal.arn}


@sts.operation
def get_session_token(call: Call, duration_seconds: int | None = None) -> dict[str, Any]:
    """Short-lived credentials for the one who asks."""
    _refuse_sessions(call, "GetSessionToken")
    lasting_s = _duration(call.principal, duration_seconds)
    return {"Credentials": sessions.issue(call, call.principal, lasting_s, None)}


@sts.operation
def get_federation_token(call: Call, name: str, policy: str | None = None,
                         policy_arns: list[dict[str, str]] | None = None, duration_seconds: int | None = None,
                         tags: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Short-lived credentials for somebody whom a user vouches for."""
    _refuse_sessions(call, "GetFederationToken")
    account = call.principal.account
    documents = sessions.policies(call, policy, policy_arns, account) or []
    tagged = {tag["Key"]: tag["Value"] for tag in tags or ()}
    someone = Principal(account, f"arn:aws:sts::{account}:federated-user/{name}", "federated",
                        f"{account}:{name}")
    session = Session(documents, tagged, lender=call.principal)
    lasting_s = _duration(call.principal, duration_seconds)
    return {"Credentials": sessions.issue(call, someone, lasting_s, session),
            "FederatedUser": {"FederatedUserId": someone.id, "Arn": someone.arn},
            "PackedPolicySize": sessions.packed(documents, tagged)}


@sts.operation
def get_access_key_info(call: Call, access_key_id: str) -> dict[str, Any]:
    """The account that an access key belongs to."""
    known = credentials.get(call, access_key_id)
    if known:
        return {"Account": known.principal.account}
    try:
        return {"Account": sessions.account_of(access_key_id)}
    except ValueError:
        raise ValidationError(f"Invalid Access Key Id: {access_key_id}") from None


@sts.operation
def decode_authorization_message(call: Call, encoded_message: str) -> dict[str, Any]:
    """What an encoded refusal says; there are none here."""
    raise InvalidAuthorizationMessageException  # refusals are plain here; nothing makes encoded ones


def _refuse_sessions(call: Call, operation: str) -> None:
    key = call.principal.access_key
    credential = credentials.get(call, key) if key else None
    if call.principal.kind not in ("user", "root") or (credential and credential.token):
        raise AccessDenied(f"Cannot call {operation} with session credentials")


def _duration(principal: Principal, asked_s: int | None) -> int:
    """The account itself gets an hour at most, whatever it asks for."""
    lasting_s = asked_s or limits.DEFAULT_TOKEN_S
    return min(lasting_s, limits.ROOT_TOKEN_S) if principal.kind == "root" else lasting_s

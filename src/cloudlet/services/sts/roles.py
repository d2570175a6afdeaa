"""Assuming a role: its trust policy decides who may, and the session it opens is the role's."""

from typing import Any
from urllib.parse import unquote

import msgspec

from ...arn import Arn
from ...errors import AwsError, ValidationError
from ...identity import Principal, service_principal
from ...identity.evaluation import Ask, Policy, evaluate
from ...identity.policy import compiled
from ...kernel import Call, credentials
from ...kernel.credentials import Session
from ...kernel.permissions import context_of, policies_of, sent
from . import limits, sessions
from .errors import AccessDenied
from .service import sts

Tags = list[dict[str, str]]


class Role(msgspec.Struct, frozen=True):
    """What STS needs to know of a role."""

    arn: str
    account: str
    name: str
    id: str
    trust: str
    max_session_s: int


@sts.operation
def assume_role(call: Call, role_arn: str, role_session_name: str, policy_arns: Tags | None = None,
                policy: str | None = None, duration_seconds: int | None = None, tags: Tags | None = None,
                transitive_tag_keys: list[str] | None = None, external_id: str | None = None,
                source_identity: str | None = None) -> dict[str, Any]:
    """Open a session of a role, for whom its trust policy lets in."""
    role = _find(call, role_arn)
    inherited = _inherited(call)
    new_tags = {tag["Key"]: tag["Value"] for tag in tags or ()}
    if role is None:
        raise _denied(call.principal, "sts:AssumeRole", role_arn)
    more: dict[str, tuple[str, ...]] = {"sts:rolesessionname": (role_session_name,)}
    if external_id is not None:
        more["sts:externalid"] = (external_id,)
    if source_identity is not None:
        more["sts:sourceidentity"] = (source_identity,)
    more |= {f"aws:requesttag/{key.lower()}": (value,) for key, value in new_tags.items()}
    if new_tags:
        more["aws:tagkeys"] = tuple(new_tags)
    if transitive_tag_keys:
        more["sts:transitivetagkeys"] = tuple(transitive_tag_keys)
    _admit(call, role, more, tags=bool(new_tags), identified=source_identity is not None)
    lasting_s = _duration(call.principal, role, duration_seconds)
    documents = sessions.policies(call, policy, policy_arns, role.account)
    kept = {key: value for key, value in inherited.tags.items() if key in inherited.transitive}
    transitive = [*inherited.transitive, *(transitive_tag_keys or ())]
    session = Session(documents, {**new_tags, **kept}, transitive, source_identity
                      or inherited.source_identity)
    principal = Principal(role.account,
                          f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{role_session_name}",
                          "role", f"{role.id}:{role_session_name}", role_arn=role.arn)
    return {"Credentials": sessions.issue(call, principal, lasting_s, session),
            "AssumedRoleUser": {"AssumedRoleId": principal.id, "Arn": principal.arn},
            "PackedPolicySize": sessions.packed(documents, new_tags),
            "SourceIdentity": session.source_identity or None}


def _find(call: Call, arn: str) -> Role | None:
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise ValidationError(f"{arn} is invalid") from None
    if parsed.service != "iam" or not parsed.resource.startswith("role/"):
        raise ValidationError(f"{arn} is invalid")
    try:
        role = call.invoke("iam", "GetRole", as_principal=service_principal("sts", parsed.account),
                           account=parsed.account, RoleName=arn.rpartition("/")[2])["Role"]
    except AwsError:
        return None
    if role["Arn"] != arn:
        return None
    return Role(arn, parsed.account, role["RoleName"], role["RoleId"],
                unquote(role["AssumeRolePolicyDocument"]),
                role["MaxSessionDuration"])


def _admit(call: Call, role: Role, more: dict[str, tuple[str, ...]], *, tags: bool, identified: bool) -> None:
    """Refuse whom the trust policy, or a policy of the caller's own, does not let in."""
    principal = call.principal
    own = policies_of(call.kernel.services, call.tx, principal)
    context = context_of(principal, own, call.now_ms, {**sent(call), **more})
    trust = Policy("trust", compiled(role.trust), "Role trust policy")
    actions = ["sts:AssumeRole"] + ["sts:TagSession"] * tags + ["sts:SetSourceIdentity"] * identified
    for action in actions:
        ask = Ask(principal, action, role.arn, context, role.account)
        if not evaluate(ask, own, trust, resource_decides=True).allowed:
            raise _denied(principal, action, role.arn)


def _denied(principal: Principal, action: str, arn: str) -> AwsError:
    return AccessDenied(f"User: {principal.arn} is not authorized to perform: {action} on resource: {arn}")


def _duration(principal: Principal, role: Role, asked_s: int | None) -> int:
    if principal.kind == "role" and asked_s and asked_s > limits.CHAINED_ROLE_S:
        raise ValidationError("The requested DurationSeconds exceeds the 1 hour session limit for roles "
                              "assumed by role chaining")
    if asked_s and asked_s > role.max_session_s and principal.kind != "service":
        raise ValidationError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return asked_s or limits.DEFAULT_ROLE_S


def _inherited(call: Call) -> Session:
    key = call.principal.access_key
    credential = credentials.get(call, key) if key else None
    return credential.session if credential and credential.session else Session()



"""Acting with a role: a rule, a schedule, a pipe or a function does things in the name of one it was given.

The kernel names no service: a role's ARN says which service made it, and that one has said (``@iam.trusts``)
how a role is found.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from ..arn import Arn
from ..errors import AwsError
from ..identity import Principal, root
from ..identity.evaluation import Ask, Policies, Policy, evaluate
from ..identity.policy import compiled
from .call import Call
from .permissions import Within, context_of


class NotTrusted(AwsError):
    """The role does not let the service in."""

    status = 403


class Role(msgspec.Struct, frozen=True):
    """What must be known of a role in order to act with it; ``trust`` is its policy's JSON."""

    name: str
    id: str
    trust: str


def assumed(call: Call, role_arn: str, itself: Principal, session: str, refusal: AwsError,
            more: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> Principal:
    """Like ``acting``, where a role must be of this account; ``refusal`` if it is not, or does not let it in.

    One that does not exist here gives the account's own rights: an application can be tried before its roles
    are.
    """
    try:
        if Arn.parse(role_arn).account != call.account:
            raise refusal
        return acting(call, role_arn, itself, session, more) or root(call.account)
    except (NotTrusted, ValueError):
        raise refusal from None


def acting(call: Call, role_arn: str, itself: Principal, session: str,
           more: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> Principal | None:
    """The session that the service ``itself`` opens of a role; None if there is no such role here.

    :class:`NotTrusted` if the role's trust policy does not let it in, with ``more`` conditions than every
    request has.
    """
    arn = Arn.parse(role_arn)
    find = call.kernel.services.of_arn(arn.service).find_role
    role: Role | None = find(Within(call.tx, arn.account), role_arn) if find else None
    if role is None:
        return None
    context = context_of(itself, Policies(), call.now_ms, more)
    ask = Ask(itself, "sts:AssumeRole", role_arn, context, arn.account)
    trust = Policy("trust", compiled(role.trust), "Role trust policy")
    if not evaluate(ask, Policies(), trust, resource_decides=True).allowed:
        raise NotTrusted(f"{itself.arn} is not authorized to perform: sts:AssumeRole on {role_arn}.")
    return Principal(arn.account, f"arn:aws:sts::{arn.account}:assumed-role/{role.name}/{session}", "role",
                     f"{role.id}:{session}", role_arn=role_arn)

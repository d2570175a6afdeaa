"""What a principal may do: its policies, read where it was made, and the context of a request.

The kernel names no service. A principal's ARN says which service made it, and that service has said
(``@iam.identities``) how its policies are found.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType

import msgspec

from ..arn import Arn
from ..identity import Principal
from ..identity.evaluation import Ask, Decision, Policies, Policy, evaluate
from ..identity.policy import compiled
from ..store import Scope, Transaction
from . import credentials
from .call import Call
from .services import Services

_OF_TIME = re.compile(r"aws:(?:currenttime|epochtime)|\\u", re.IGNORECASE)
BELL = "permissions"  # rings when what some principal may do has changed
_EVERYTHING = Policy("root", compiled('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*",'
                                      '"Resource":"*"}}'))


class Verdict(msgspec.Struct, frozen=True):
    """What policies say of one request, and how to explain it."""

    ask: Ask
    decision: Decision

    @property
    def allowed(self) -> bool:
        """Whether it may go on."""
        return self.decision.allowed

    @property
    def sentence(self) -> str:
        """Why not, as AWS says it."""
        return self.decision.sentence(self.ask)


class Within(msgspec.Struct):
    """A scope in the account of a principal."""

    tx: Transaction
    account: str
    region: str = ""


def is_outsider(call: Call) -> bool:
    """Whether a resource's own policy decides on the caller: a service, a visitor, or another account."""
    principal = call.principal
    return principal.kind in ("service", "anonymous") or principal.account != call.account


def judge(call: Call, action: str, resource: str, policy: str,
          more: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> Verdict:
    """What the caller's policies and the resource's (a JSON text, or empty) say of ``action`` on it."""
    if call.principal.kind == "service" and not more and not _asks_for_time(policy):
        return _always(call.principal, action, resource, policy, call.account)
    own = policies_of(call.kernel.services, call.tx, call.principal)
    context = context_of(call.principal, own, call.now_ms, {**sent(call), **more})
    ask = Ask(call.principal, action, resource, context, call.account)
    of_resource = Policy("policy", compiled(policy), "Resource Policy") if policy else None
    return Verdict(ask, evaluate(ask, own, of_resource))


@lru_cache(maxsize=4096)
def _asks_for_time(policy: str) -> bool:
    return _OF_TIME.search(policy) is not None


@lru_cache(maxsize=4096)
def _always(principal: Principal, action: str, resource: str, policy: str, account: str) -> Verdict:
    """What a policy that does not ask for the time says of a service, which has no policies of its own.

    It is the same for every delivery of one sender to one resource, and there may be thousands a second.
    """
    ask = Ask(principal, action, resource, context_of(principal, Policies(), 0, {}), account)
    of_resource = Policy("policy", compiled(policy), "Resource Policy") if policy else None
    return Verdict(ask, evaluate(ask, Policies(), of_resource))


def policies_of(services: Services, tx: Transaction, principal: Principal) -> Policies:
    """The policies of a principal and of its session."""
    scope = Within(tx, principal.account)
    credential = credentials.get(scope, principal.access_key) if principal.access_key else None
    session = credential.session if credential else None
    lender = session.lender if session and session.lender else principal
    found = _made(services, scope, lender)
    if session is None:
        return found
    limits = None if session.policies is None else tuple(
        Policy(f"session-policy-{n}", compiled(text)) for n, text in enumerate(session.policies, 1))
    context = (("sts:sourceidentity", session.source_identity),) if session.source_identity else ()
    return msgspec.structs.replace(found, session=limits, tags=(*found.tags, *session.tags.items()),
                                   context=context)


def sent(call: Call) -> dict[str, tuple[str, ...]]:
    """The condition keys that the sender of a request answers for; a service of the cloud has none."""
    return call.sender.conditions() if call.sender and call.principal.kind != "service" else {}


def context_of(principal: Principal, policies: Policies, now_ms: int,
               more: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The condition keys that every request has, and ``more`` of this one's own; names in lower case."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    found: dict[str, tuple[str, ...]] = {
        "aws:currenttime": (moment.isoformat(timespec="seconds"),), "aws:epochtime": (str(now_ms // 1000),),
        "aws:principalarn": (principal.role_arn or principal.arn,),
        "aws:principalaccount": (principal.account,),
        "aws:securetransport": ("false",), "aws:sourceip": ("127.0.0.1",),
        "aws:principalisawsservice": (str(principal.kind == "service").lower(),)}
    if principal.id:
        found["aws:userid"] = (principal.id,)
    if principal.kind == "service" and principal.account:
        found["aws:sourceaccount"] = (principal.account,)
    if principal.source_arn:
        found["aws:sourcearn"] = (principal.source_arn,)
    if principal.kind == "user":
        found["aws:username"] = (principal.arn.rpartition("/")[2],)
    kinds = {"root": "Account", "user": "User", "role": "AssumedRole", "federated": "FederatedUser"}
    if principal.kind in kinds:
        found["aws:principaltype"] = (kinds[principal.kind],)
    found.update({f"aws:principaltag/{key.lower()}": (value,) for key, value in policies.tags})
    found.update({key: (value,) for key, value in policies.context})
    found.update(more)
    return found


def _made(services: Services, scope: Scope, principal: Principal) -> Policies:
    if principal.kind == "root":
        return Policies((_EVERYTHING,))
    if principal.kind in ("service", "anonymous"):
        return Policies()
    grants = services.of_arn(Arn.parse(principal.role_arn or principal.arn).service).grants
    found: Policies = grants(scope, principal) if grants else Policies()
    return found

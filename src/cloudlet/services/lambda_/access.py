"""Who may invoke a function: what its resource-based policy says of services, other accounts and visitors.

Callers of the function's own account are not judged here, for their identity's policies are asked elsewhere;
visitors of a function's URL are judged by both. A service that is refused is refused again at every retry,
so the log says which statement it lacks.
"""

import logging
from collections.abc import Mapping

from ...errors import AccessDeniedException
from ...identity.evaluation import Ask, Decision, evaluate
from ...kernel import Call
from ...kernel.permissions import context_of, policies_of
from .permissions import policy_of
from .records import LATEST, Name, arn_of, version

log = logging.getLogger(__name__)
INVOKE, INVOKE_URL = "lambda:InvokeFunction", "lambda:InvokeFunctionUrl"
_VIA_URL, _AUTH_TYPE = "lambda:invokedviafunctionurl", "lambda:functionurlauthtype"


def permit(call: Call, name: Name) -> None:
    """Let the caller invoke the function, or raise AccessDeniedException; ``call`` is of its account."""
    version(call, name.name, name.qualifier)
    principal = call.principal
    if principal.kind not in ("service", "anonymous") and principal.account == call.account:
        return
    ask, decision = _decide(call, name, INVOKE, {_VIA_URL: ("false",)})
    if not decision.allowed:
        if principal.kind == "service":
            log.warning("%s", _explained(call, name, ask, decision))
        raise AccessDeniedException(decision.sentence(ask))


def may_visit(call: Call, name: Name, auth_type: str) -> bool:
    """Whether the caller may use a function's URL: it needs both permissions.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    """
    said = {_AUTH_TYPE: (auth_type,), _VIA_URL: ("true",)}
    return all(_decide(call, name, action, said)[1].allowed for action in (INVOKE_URL, INVOKE))


def _decide(call: Call, name: Name, action: str, more: Mapping[str, tuple[str, ...]]) -> tuple[Ask, Decision]:
    own = policies_of(call.kernel.services, call.tx, call.principal)
    context = context_of(call.principal, own, call.now_ms, more)
    qualifier = "" if name.qualifier == LATEST else name.qualifier
    ask = Ask(call.principal, action, arn_of(call, name.name, qualifier), context, call.account)
    return ask, evaluate(ask, own, policy_of(call, name))


def _explained(call: Call, name: Name, ask: Ask, decision: Decision) -> str:
    """What a service's request lacks."""
    source = ask.principal.source_arn or "nothing in particular"
    if decision.explicit:
        why = f"the statement {decision.matched[0].statement.sid!r} of its policy denies it"
    else:
        policy = policy_of(call, name)
        near = [statement.sid for statement in (policy.document.statements if policy else ())
                if statement.allows and statement.principals and statement.principals.match(ask.principal)
                and statement.names_action(ask.action)]
        why = (f"the conditions of {', '.join(map(repr, near))} in its policy do not hold" if near
               else "no statement of its policy names that service")
    return (f"{ask.principal.arn} may not invoke {ask.resource} on behalf of {source} (account "
            f"{ask.principal.account}): {why}. AddPermission with this Principal, this SourceArn and the "
            f"Action {ask.action} would let it.")

"""Who may invoke a function: what its resource-based policy says of services, other accounts and visitors.

Callers of the function's own account are not judged here, for their identity's policies are asked elsewhere;
visitors of a function's URL are judged by both. A service that is refused is refused again at every retry,
so the log says which statement it lacks.
"""

import logging
from collections.abc import Mapping

from ...errors import AccessDeniedException
from ...identity.policy import compiled
from ...kernel import Call
from ...kernel.permissions import Verdict, is_outsider, judge
from .permissions import find, text_of
from .records import LATEST, Name, arn_of, version

log = logging.getLogger(__name__)
INVOKE, INVOKE_URL = "lambda:InvokeFunction", "lambda:InvokeFunctionUrl"
_VIA_URL, _AUTH_TYPE = "lambda:invokedviafunctionurl", "lambda:functionurlauthtype"


def permit(call: Call, name: Name) -> None:
    """Let the caller invoke the function, or raise AccessDeniedException; ``call`` is of its account."""
    version(call, name.name, name.qualifier)
    if not is_outsider(call):
        return
    verdict = _judge(call, name, INVOKE, {_VIA_URL: ("false",)})
    if not verdict.allowed:
        if call.principal.kind == "service":
            log.warning("%s", _explained(call, name, verdict))
        raise AccessDeniedException(verdict.sentence)


def may_visit(call: Call, name: Name, auth_type: str) -> bool:
    """Whether the caller may use a function's URL: it needs both permissions.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    """
    said = {_AUTH_TYPE: (auth_type,), _VIA_URL: ("true",)}
    return all(_judge(call, name, action, said).allowed for action in (INVOKE_URL, INVOKE))


def _judge(call: Call, name: Name, action: str, more: Mapping[str, tuple[str, ...]]) -> Verdict:
    qualifier = "" if name.qualifier == LATEST else name.qualifier
    policy = find(call, name)
    return judge(call, action, arn_of(call, name.name, qualifier), text_of(policy) if policy else "", more)


def _explained(call: Call, name: Name, verdict: Verdict) -> str:
    """What a service's request lacks."""
    ask, decision = verdict.ask, verdict.decision
    source = ask.principal.source_arn or "nothing in particular"
    if decision.explicit:
        why = f"the statement {decision.matched[0].statement.sid!r} of its policy denies it"
    else:
        policy = find(call, name)
        near = [statement.sid for statement in (compiled(text_of(policy)).statements if policy else ())
                if statement.allows and statement.principals and statement.principals.match(ask.principal)
                and statement.names_action(ask.action)]
        why = (f"the conditions of {', '.join(map(repr, near))} in its policy do not hold" if near
               else "no statement of its policy names that service")
    return (f"{ask.principal.arn} may not invoke {ask.resource} on behalf of {source} (account "
            f"{ask.principal.account}): {why}. AddPermission with this Principal, this SourceArn and the "
            f"Action {ask.action} would let it.")

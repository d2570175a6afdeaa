"""Which other accounts may use a version of a layer.

That is asked when a function is told to use the layer, and not again while it does.
"""

from ...errors import AccessDeniedException
from ...identity import evaluation
from ...identity.evaluation import Ask, evaluate
from ...identity.policy import compiled
from ...kernel import Call
from ...kernel.permissions import context_of, policies_of
from ...store import Table
from .permissions import Policy, text_of

layer_policies = Table("lambda.layer-policies", Policy)


def permit_layer(call: Call, owner: Call, name: str, number: int) -> None:
    """Let the caller use a layer that is of ``owner``'s account, or raise AccessDeniedException."""
    principal = call.principal
    if principal.account == owner.account:
        return
    kept = layer_policies.get(owner, name, number)
    own = policies_of(call.kernel.services, call.tx, principal)
    ask = Ask(principal, "lambda:GetLayerVersion", owner.arn(f"layer:{name}:{number}"),
              context_of(principal, own, call.now_ms, {}), owner.account)
    policy = evaluation.Policy("policy", compiled(text_of(kept)), "Resource Policy") if kept else None
    decision = evaluate(ask, own, policy)
    if not decision.allowed:
        raise AccessDeniedException(decision.sentence(ask))

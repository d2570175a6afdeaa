"""Execution roles: whether Lambda may assume one, and what a function may do with it.

A role that does not exist here gives the account's own rights: an application can be tried before its
roles are.
"""

from ...arn import Arn
from ...identity import Principal, root, service_principal
from ...identity.evaluation import Ask, evaluate
from ...kernel import Call, Conversation
from ...kernel.permissions import context_of, policies_of
from ...kernel.roles import acting
from .runner import role_credentials


async def check_assumable(call: Conversation, role: str, name: str) -> None:
    """Refuse a role that is here and does not let Lambda in."""
    await role_credentials(call, role, name)


def principal_of(call: Call, role: str, name: str) -> Principal:
    """Who a function is to others: a session of its role."""
    if Arn.parse(role).account != call.account:
        return root(call.account)
    return acting(call, role, service_principal("lambda", call.account), name) or root(call.account)


def permits(call: Call, role: str, name: str, action: str, resource: str) -> bool:
    """Whether a function's role lets it do ``action``."""
    principal = principal_of(call, role, name)
    policies = policies_of(call.kernel.services, call.tx, principal)
    context = context_of(principal, policies, call.now_ms, {})
    return evaluate(Ask(principal, action, resource, context), policies).allowed

"""Execution roles: a schedule acts as a session of its target's role.

A role must let ``scheduler.amazonaws.com`` in, for the schedule's group (``aws:SourceArn``) and account. One
that does not exist here gives the account's own rights: an application can be tried before its roles are.
"""

from ...arn import Arn
from ...errors import ValidationException
from ...identity import Principal, root, service_principal
from ...kernel import Call
from ...kernel.roles import NotTrusted
from ...kernel.roles import acting as with_role


def acting(call: Call, role_arn: str, group_arn: str, session: str) -> Principal:
    """Who a schedule is to others; a ValidationException if the role does not let the scheduler in."""
    if Arn.parse(role_arn).account != call.account:
        raise _closed()
    try:
        found = with_role(call, role_arn, service_principal("scheduler", call.account, group_arn), session)
    except NotTrusted:
        raise _closed() from None
    return found or root(call.account)


def _closed() -> ValidationException:
    return ValidationException(
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")

"""Execution roles: a schedule acts as a session of its target's role.

A role must let ``scheduler.amazonaws.com`` in, for the schedule's group (``aws:SourceArn``) and account.
"""

from ...errors import ValidationException
from ...identity import Principal, service_principal
from ...kernel import Call
from ...kernel.roles import assumed


def acting(call: Call, role_arn: str, group_arn: str, session: str) -> Principal:
    """Who a schedule is to others; a ValidationException if the role does not let the scheduler in."""
    return assumed(
        call, role_arn, service_principal("scheduler", call.account, group_arn), session, ValidationException(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."))

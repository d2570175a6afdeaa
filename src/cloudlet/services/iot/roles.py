"""Roles of actions: an action acts as a session of its role, which must let ``iot.amazonaws.com`` in.

One that does not exist here gives the account's own rights: an application can be tried before its roles are.
"""

from ...arn import Arn
from ...identity import Principal, root, service_principal
from ...kernel import Call
from ...kernel.roles import NotTrusted
from ...kernel.roles import acting as with_role
from .errors import FailedToAssumeRole

_SESSION = "iot"


def acting(call: Call, role_arn: str, rule_arn: str) -> Principal:
    """Who an action is to others; an error if its role does not let AWS IoT in."""
    try:
        account = Arn.parse(role_arn).account
    except ValueError:
        raise FailedToAssumeRole(f"{role_arn} is not the ARN of a role.") from None
    if account != call.account:
        raise _closed(role_arn)
    try:
        return with_role(call, role_arn, service_principal("iot", call.account, rule_arn), _SESSION) \
            or root(call.account)
    except NotTrusted:
        raise _closed(role_arn) from None


def _closed(role_arn: str) -> FailedToAssumeRole:
    return FailedToAssumeRole(f"AWS IoT is not authorized to perform: sts:AssumeRole on resource: {role_arn}")

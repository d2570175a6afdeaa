"""Execution roles: a pipe acts as a session of its role, which must let ``pipes.amazonaws.com`` in.

One that does not exist here gives the account's own rights: an application can be tried before its roles are.
"""

from ...arn import Arn
from ...errors import ValidationException
from ...identity import Principal, root, service_principal
from ...kernel import Call
from ...kernel.roles import NotTrusted
from ...kernel.roles import acting as with_role
from .records import Pipe


def acting(call: Call, pipe: Pipe) -> Principal:
    """Who a pipe is to others; a ValidationException if its role does not let pipes in."""
    if Arn.parse(pipe.role).account != call.account:
        raise _closed(pipe)
    try:
        found = with_role(call, pipe.role, service_principal("pipes", call.account, pipe.arn), pipe.id)
    except NotTrusted:
        raise _closed(pipe) from None
    return found or root(call.account)


def _closed(pipe: Pipe) -> ValidationException:
    return ValidationException(f"Unable to assume role {pipe.role}. Check the role's trust policy.")

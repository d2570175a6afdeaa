"""Execution roles: a pipe acts as a session of its role, which must let ``pipes.amazonaws.com`` in."""

from ...errors import ValidationException
from ...identity import Principal, service_principal
from ...kernel import Call
from ...kernel.roles import assumed
from .records import Pipe


def acting(call: Call, pipe: Pipe) -> Principal:
    """Who a pipe is to others; a ValidationException if its role does not let pipes in."""
    itself = service_principal("pipes", call.account, pipe.arn)
    return assumed(call, pipe.role, itself, pipe.id, ValidationException(
        f"Unable to assume role {pipe.role}. Check the role's trust policy."))

"""Roles: on whose behalf a stream reads, transforms and writes.

A role that exists must let Firehose in, as on AWS. One that does not exist stands for the account itself: an
application can be tried before its roles are.
"""

from ...arn import Arn
from ...identity import Principal, root, service_principal
from ...kernel import Call
from ...kernel.roles import NotTrusted
from ...kernel.roles import acting as with_role
from .errors import InvalidArgumentException

_SESSION = "AWSFirehoseToS3"


def acting(call: Call, role: str) -> Principal:
    """Who acts with that role; an InvalidArgumentException if it exists and does not let Firehose in."""
    itself = service_principal("firehose", call.account)
    try:
        found = with_role(call, role, itself, _SESSION, {"sts:externalid": (call.account,)})
    except NotTrusted:
        raise _closed(role) from None
    if found is None and Arn.parse(role).account != call.account:
        raise _closed(role)
    return found or root(call.account)


def _closed(role: str) -> InvalidArgumentException:
    return InvalidArgumentException(
        f"Firehose is unable to assume role {role}. Please check the role provided.")

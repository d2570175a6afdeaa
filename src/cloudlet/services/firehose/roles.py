"""Roles: on whose behalf a stream reads, transforms and writes; Firehose must be let in."""

from ...identity import Principal, service_principal
from ...kernel import Call
from ...kernel.roles import assumed
from .errors import InvalidArgumentException

_SESSION = "AWSFirehoseToS3"


def acting(call: Call, role: str) -> Principal:
    """Who acts with that role; an InvalidArgumentException if it exists and does not let Firehose in."""
    refusal = InvalidArgumentException(
        f"Firehose is unable to assume role {role}. Please check the role provided.")
    itself, more = service_principal("firehose", call.account), {"sts:externalid": (call.account,)}
    return assumed(call, role, itself, _SESSION, refusal, more)

"""What mappings read from: any service that says how it is read."""

from ...arn import Arn
from ...errors import NotHonoured
from ...fabric.sources import Source
from ...kernel import Call
from .errors import InvalidParameterValueException


def source_of(call: Call, arn: str) -> Source:
    """How the service behind ``arn`` is read."""
    try:
        sources = call.kernel.services.of_arn(Arn.parse(arn).service).sources
    except ValueError:
        raise InvalidParameterValueException(f"Unrecognized event source: {arn}") from None
    if not sources:
        raise NotHonoured(f"cloudlet does not read events from {arn}.")
    source: Source = sources[0]
    return source

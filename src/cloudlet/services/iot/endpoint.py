"""Where devices connect to."""

from ...errors import NotHonoured
from ...kernel import Call
from ...kernel.place import Place
from .errors import InvalidRequestException
from .service import iot

_DATA = ("iot:Data-ATS", "iot:Data")
_OTHERS = ("iot:CredentialProvider", "iot:Jobs")


@iot.operation
def describe_endpoint(call: Call, endpoint_type: str | None = None) -> dict[str, str]:
    """The host and port of this cloudlet: the data API and MQTT over WebSocket, both without TLS."""
    kind = endpoint_type or "iot:Data"
    if kind in _OTHERS:
        raise NotHonoured(f"cloudlet has no endpoint of the type {kind}.")
    if kind not in _DATA:
        raise InvalidRequestException(
            f"The endpoint type {kind} is none of: {', '.join((*_DATA, *_OTHERS))}.")
    return {"endpointAddress": call.use(Place).endpoint.partition("://")[2]}

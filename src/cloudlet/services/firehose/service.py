"""The Firehose service. An endpoint on this machine may speak plain HTTP; others need HTTPS, as on AWS."""

from typing import Any
from urllib.parse import urlsplit

from ...errors import ValidationException
from ...kernel import Service
from ...wire import validate
from ...wire.model import OperationModel

_HERE = ("localhost", "127.0.0.1", "::1")
_ENDPOINTS = ("HttpEndpointDestinationConfiguration", "HttpEndpointDestinationUpdate")


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    """Hold a request against the model, but for the scheme of an endpoint on this machine."""
    for name in _ENDPOINTS:
        endpoint = (params.get(name) or {}).get("EndpointConfiguration") or {}
        if _is_here(endpoint.get("Url") or ""):
            inner = {**params[name], "EndpointConfiguration": {**endpoint, "Url": "https://localhost"}}
            params = {**params, name: inner}
    found = validate.violations(params, spec.input) if spec.input else []
    if found:
        raise ValidationException(validate.message(found))


def _is_here(url: str) -> bool:
    try:
        return url.startswith("http://") and urlsplit(url).hostname in _HERE
    except ValueError:
        return False


firehose = Service("firehose", check=_check, harmless={
    "DeleteDeliveryStream.AllowForceDelete": "it forces the end of grants of keys, and there are none",
    "CreateDeliveryStream.DirectPutSourceConfiguration": "a hint of throughput, which AWS does not act on",
})

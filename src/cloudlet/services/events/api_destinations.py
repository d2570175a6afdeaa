"""API destinations: HTTP endpoints as targets of rules.

AWS takes ``https`` endpoints only. A cloudlet takes ``http`` as well, for servers beside it on its machine.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ...kernel import Call
from ...store import Table
from . import connections, limits
from .errors import ResourceAlreadyExistsException, ResourceNotFoundException, invalid
from .paging import page
from .records import check_room, seconds, told
from .service import events

Config = dict[str, Any]


class ApiDestination(msgspec.Struct):
    """An endpoint, how it is asked, and how often at most."""

    name: str
    arn: str
    connection_arn: str
    endpoint: str
    method: str
    created_ms: int
    modified_ms: int
    per_second: int = limits.INVOCATIONS_PER_SECOND
    description: str = ""


api_destinations = Table("events.api-destinations", ApiDestination)


@events.operation
def create_api_destination(call: Call, name: str, connection_arn: str, invocation_endpoint: str,
                           http_method: str,
                           description: str | None = None,
                           invocation_rate_limit_per_second: int | None = None) -> Config:
    """Create an API destination."""
    if api_destinations.get(call, name) is not None:
        raise ResourceAlreadyExistsException(f"An api-destination '{name}' already exists.")
    check_room(sum(1 for _ in api_destinations.items(call, limit=limits.API_DESTINATIONS)) + 1,
               limits.API_DESTINATIONS)
    destination = ApiDestination(name, call.arn(f"api-destination/{name}/{call.ids.uuid()}"), connection_arn,
                                 _checked(invocation_endpoint), http_method, call.now_ms, call.now_ms,
                                 invocation_rate_limit_per_second or limits.INVOCATIONS_PER_SECOND,
                                 description or "")
    _check_connection(call, connection_arn)
    api_destinations.put(call, name, record=destination)
    return _changed(call, destination)


@events.operation
def update_api_destination(call: Call, name: str, description: str | None = None,
                           connection_arn: str | None = None, invocation_endpoint: str | None = None,
                           http_method: str | None = None,
                           invocation_rate_limit_per_second: int | None = None) -> Config:
    """Change what is given; the rest stays."""
    destination = _need(call, name)
    if connection_arn is not None:
        _check_connection(call, connection_arn)
        destination.connection_arn = connection_arn
    if invocation_endpoint is not None:
        destination.endpoint = _checked(invocation_endpoint)
    if description is not None:
        destination.description = description
    destination.method = http_method or destination.method
    destination.per_second = invocation_rate_limit_per_second or destination.per_second
    destination.modified_ms = call.now_ms
    api_destinations.put(call, name, record=destination)
    return _changed(call, destination)


@events.operation
def describe_api_destination(call: Call, name: str) -> Config:
    """An API destination."""
    destination = _need(call, name)
    return _shown(call, destination) | told(Description=destination.description)


@events.operation
def delete_api_destination(call: Call, name: str) -> None:
    """Delete an API destination."""
    _need(call, name)
    api_destinations.delete(call, name)


@events.operation
def list_api_destinations(call: Call, name_prefix: str | None = None, connection_arn: str | None = None,
                          next_token: str | None = None, limit: int | None = None) -> Config:
    """API destinations by name."""
    def rows(after: str) -> Iterator[tuple[str, ApiDestination]]:
        for _, one in api_destinations.items(call, after=(after,) if after else None):
            if one.name.startswith(name_prefix or "") and connection_arn in (None, one.connection_arn):
                yield one.name, one

    return page("ApiDestinations", rows, lambda one: _shown(call, one), next_token, limit)


def by_arn(call: Call, arn: str) -> ApiDestination:
    """The API destination that an ARN names, or the error that there is none."""
    name = arn.partition(":api-destination/")[2].partition("/")[0]
    destination = _need(call, name)
    if destination.arn != arn:
        raise _absent(name)
    return destination


def _need(call: Call, name: str) -> ApiDestination:
    destination = api_destinations.get(call, name)
    if destination is None:
        raise _absent(name)
    return destination


def _absent(name: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(
        f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist.")


def _check_connection(call: Call, arn: str) -> None:
    if connections.by_arn(call, arn) is None:
        raise ResourceNotFoundException(f"Connection '{arn}' does not exist.")


def _checked(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise invalid("InvocationEndpoint", "It must be a URL of https.")
    return endpoint


def _changed(call: Call, destination: ApiDestination) -> Config:
    connection = connections.by_arn(call, destination.connection_arn)
    active = connection is not None and connection.state == connections.AUTHORIZED
    return {"ApiDestinationArn": destination.arn, "ApiDestinationState": "ACTIVE" if active else "INACTIVE",
            "CreationTime": seconds(destination.created_ms),
            "LastModifiedTime": seconds(destination.modified_ms)}


def _shown(call: Call, destination: ApiDestination) -> Config:
    return _changed(call, destination) | {
        "Name": destination.name, "ConnectionArn": destination.connection_arn,
        "InvocationEndpoint": destination.endpoint, "HttpMethod": destination.method,
        "InvocationRateLimitPerSecond": destination.per_second}

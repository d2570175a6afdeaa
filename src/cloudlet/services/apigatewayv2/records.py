"""What is kept of an API: itself, its routes, integrations, authorizers, stages and deployments.

The structs' fields are AWS's members, so what is kept is what is shown. Which account and region an
API is in is kept apart, by its id alone: a visitor's request names nothing else.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from ...kernel import Call
from ...kernel.place import Place
from ...store import Table
from .errors import BadRequestException, NotFoundException

BELL = "apigatewayv2"  # rings when anything of any API changes
R = TypeVar("R", bound=msgspec.Struct)
Config = dict[str, Any]


class Owner(msgspec.Struct):
    """Where an API lives."""

    account: str
    region: str


class Api(msgspec.Struct, rename="pascal", kw_only=True):
    """An HTTP API."""

    api_id: str
    name: str
    created_date: float
    protocol_type: str = "HTTP"
    description: str | None = None
    version: str | None = None
    cors_configuration: Config | None = None
    disable_execute_api_endpoint: bool = False
    tags: dict[str, str] = {}


class Route(msgspec.Struct, rename="pascal", kw_only=True):
    """Which requests go where."""

    route_id: str
    route_key: str
    target: str | None = None
    authorization_type: str = "NONE"
    authorizer_id: str | None = None
    authorization_scopes: list[str] | None = None
    operation_name: str | None = None
    api_key_required: bool = False
    api_gateway_managed: bool | None = None


class Integration(msgspec.Struct, rename="pascal", kw_only=True):
    """What answers."""

    integration_id: str
    integration_type: str
    integration_subtype: str | None = None
    integration_uri: str | None = None
    integration_method: str | None = None
    credentials_arn: str | None = None
    request_parameters: dict[str, str] | None = None
    response_parameters: dict[str, dict[str, str]] | None = None
    connection_type: str = "INTERNET"
    payload_format_version: str = "1.0"
    timeout_in_millis: int = 30_000
    description: str | None = None
    api_gateway_managed: bool | None = None


class Authorizer(msgspec.Struct, rename="pascal", kw_only=True):
    """Who decides whether a request may pass."""

    authorizer_id: str
    name: str
    authorizer_type: str
    identity_source: list[str]
    authorizer_uri: str | None = None
    authorizer_payload_format_version: str | None = None
    authorizer_result_ttl_in_seconds: int | None = None
    enable_simple_responses: bool | None = None
    jwt_configuration: Config | None = None


class Stage(msgspec.Struct, rename="pascal", kw_only=True):
    """An API as it is published."""

    stage_name: str
    created_date: float
    last_updated_date: float
    auto_deploy: bool = False
    deployment_id: str | None = None
    description: str | None = None
    stage_variables: dict[str, str] = {}
    default_route_settings: Config = {}
    route_settings: dict[str, Config] = {}
    access_log_settings: Config | None = None
    tags: dict[str, str] = {}
    api_gateway_managed: bool | None = None


class Contents(msgspec.Struct):
    """What a stage serves: an API's parts as they are, or as they were when they were deployed."""

    routes: list[Route]
    integrations: list[Integration]
    authorizers: list[Authorizer]


class Deployment(msgspec.Struct):
    """An API's parts as they were at one moment."""

    id: str
    created_s: float
    contents: Contents
    description: str | None = None


owners = Table("apigatewayv2.owners", Owner, reach="global")
apis = Table("apigatewayv2.apis", Api)
routes = Table("apigatewayv2.routes", Route)
integrations = Table("apigatewayv2.integrations", Integration)
authorizers = Table("apigatewayv2.authorizers", Authorizer)
stages = Table("apigatewayv2.stages", Stage)
deployments = Table("apigatewayv2.deployments", Deployment)


def need_api(call: Call, api_id: str) -> Api:
    """The API of that id."""
    api = apis.get(call, api_id)
    if api is None:
        raise NotFoundException(f"Invalid API identifier specified {call.account}:{api_id}")
    return api


def need(call: Call, table: Table[R], kind: str, api_id: str, id: str) -> R:
    """A part of an API."""
    need_api(call, api_id)
    found = table.get(call, api_id, id)
    if found is None:
        raise NotFoundException(f"Invalid {kind} identifier specified")
    return found


def contents_of(call: Call, api_id: str) -> Contents:
    """An API's parts as they are now."""
    return Contents([one for _, one in routes.items(call, api_id)],
                    [one for _, one in integrations.items(call, api_id)],
                    [one for _, one in authorizers.items(call, api_id)])


def save(call: Call, table: Table[R], api_id: str, id: str, record: R) -> None:
    """Write a part of an API and say so."""
    table.put(call, api_id, id, record=record)
    call.tx.ring(BELL)


def remove(call: Call, table: Table[Any], api_id: str, id: str) -> None:
    """Remove a part of an API and say so."""
    table.delete(call, api_id, id)
    call.tx.ring(BELL)


def given(**members: Any) -> Config:
    """The members that a request gives."""
    return {name: value for name, value in members.items() if value is not None}


def shown(record: msgspec.Struct) -> Config:
    """A record as AWS shows it."""
    found = {name: value for name, value in msgspec.to_builtins(record).items() if value is not None}
    for name in ("CreatedDate", "LastUpdatedDate"):
        if name in found:
            found[name] = datetime.fromtimestamp(found[name], UTC)
    return found


def shown_api(call: Call, api: Api) -> Config:
    """An API as AWS shows it, with an endpoint that works wherever this cloudlet can be reached."""
    return shown(api) | {
        "ApiEndpoint": call.use(Place).site("execute-api", api.api_id),
        "RouteSelectionExpression": "$request.method $request.path",
        "ApiKeySelectionExpression": "$request.header.x-api-key"}


def page(items: Iterable[Config], max_results: str | None, next_token: str | None) -> Config:
    """A page of a list. The token is how many came before."""
    if max_results is not None and not max_results.isdigit():
        raise BadRequestException("Invalid maxResults")
    if next_token is not None and not next_token.isdigit():
        raise BadRequestException("Invalid nextToken")
    found, start = list(items), int(next_token or 0)
    stop = start + int(max_results or 100)
    return {"Items": found[start:stop], **({"NextToken": str(stop)} if stop < len(found) else {})}


def tagged(old: dict[str, str], new: dict[str, str] | None) -> dict[str, str]:
    """Tags with others added."""
    if any(key.lower().startswith("aws:") for key in new or {}):
        raise BadRequestException("Invalid tag key: keys that begin with aws: are reserved")
    return {**old, **(new or {})}

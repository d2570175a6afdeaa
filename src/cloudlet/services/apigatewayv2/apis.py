"""APIs: their life, their CORS and their tags. With ``Target`` one is made whole, and served at once."""

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from ...kernel import Call
from .errors import BadRequestException, NotFoundException
from .integrations import new_integration
from .records import (
    BELL,
    Api,
    Config,
    Owner,
    Stage,
    apis,
    authorizers,
    deployments,
    given,
    integrations,
    need_api,
    owners,
    page,
    routes,
    save,
    shown_api,
    stages,
    tagged,
)
from .routes import new_route
from .service import apigatewayv2

_SELECTION = ("$request.method $request.path", "${request.method} ${request.path}")
_TAGGED = re.compile(r"arn:aws:apigateway:[\w-]*::/apis/([^/]+)(?:/stages/([^/]+))?")


@apigatewayv2.operation
def create_api(call: Call, name: str, protocol_type: str, description: str | None = None,
               version: str | None = None, cors_configuration: Config | None = None,
               disable_execute_api_endpoint: bool = False, route_selection_expression: str | None = None,
               route_key: str | None = None, target: str | None = None,
               tags: dict[str, str] | None = None) -> Config:
    """Make an HTTP API; with ``Target`` it serves that function or URL at once."""
    if protocol_type != "HTTP":
        raise BadRequestException("cloudlet serves APIs of the protocol HTTP only")
    _check_selection(route_selection_expression)
    if route_key and not target:
        raise BadRequestException("routeKey can only be given together with target")
    api = new_api(call, name, description=description, version=version, tags=tagged({}, tags),
                  cors_configuration=checked_cors(cors_configuration),
                  disable_execute_api_endpoint=disable_execute_api_endpoint)
    if target:
        _serve_at_once(call, api, route_key or "$default", target)
    return shown_api(call, api)


def new_api(call: Call, name: str, **members: Any) -> Api:
    """Write a new API."""
    api = Api(api_id=call.ids.text(10), name=name, created_date=call.now_ms // 1000, **members)
    apis.put(call, api.api_id, record=api)
    owners.put(call, api.api_id, record=Owner(call.account, call.region))
    call.tx.ring(BELL)
    return api


@apigatewayv2.operation
def update_api(
    call: Call,
    api_id: str,
    name: str | None = None,
    description: str | None = None,
    version: str | None = None,
    cors_configuration: Config | None = None,
    disable_execute_api_endpoint: bool | None = None,
    route_selection_expression: str | None = None,
    route_key: str | None = None,
    target: str | None = None,
) -> Config:
    """Change an API; ``RouteKey`` and ``Target`` change what a quick create made."""
    _check_selection(route_selection_expression)
    api = msgspec.structs.replace(
        need_api(call, api_id),
        **given(
            name=name,
            description=description,
            version=version,
            cors_configuration=checked_cors(cors_configuration),
            disable_execute_api_endpoint=disable_execute_api_endpoint,
        ),
    )
    apis.put(call, api_id, record=api)
    call.tx.ring(BELL)
    if route_key or target:
        _change_quick(call, api_id, route_key, target)
    return shown_api(call, api)


@apigatewayv2.operation
def get_api(call: Call, api_id: str) -> Config:
    """An API."""
    return shown_api(call, need_api(call, api_id))


@apigatewayv2.operation
def get_apis(call: Call, max_results: str | None = None, next_token: str | None = None) -> Config:
    """The APIs of the account in this region."""
    return page((shown_api(call, api) for _, api in apis.items(call)), max_results, next_token)


@apigatewayv2.operation
def delete_api(call: Call, api_id: str) -> None:
    """Remove an API with all its parts."""
    need_api(call, api_id)
    clear_parts(call, api_id)
    for table in (stages, deployments):
        for key, _ in list(table.items(call, api_id)):
            table.delete(call, *key)
    apis.delete(call, api_id)
    owners.delete(call, api_id)
    call.tx.ring(BELL)


def clear_parts(call: Call, api_id: str) -> None:
    """Remove an API's routes, integrations and authorizers."""
    for table in (routes, integrations, authorizers):
        for key, _ in list(table.items(call, api_id)):
            table.delete(call, *key)
    call.tx.ring(BELL)


@apigatewayv2.operation
def delete_cors_configuration(call: Call, api_id: str) -> None:
    """Let an API say nothing of other origins."""
    api = need_api(call, api_id)
    api.cors_configuration = None
    apis.put(call, api_id, record=api)
    call.tx.ring(BELL)


@apigatewayv2.operation
def tag_resource(call: Call, resource_arn: str, tags: dict[str, str] | None = None) -> Config:
    """Add tags to an API or a stage."""
    record = _tagged_record(call, resource_arn)
    record.tags = tagged(record.tags, tags)
    _save_tagged(call, resource_arn, record)
    return {}


@apigatewayv2.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> None:
    """Take tags off an API or a stage."""
    record = _tagged_record(call, resource_arn)
    record.tags = {key: value for key, value in record.tags.items() if key not in tag_keys}
    _save_tagged(call, resource_arn, record)


@apigatewayv2.operation
def get_tags(call: Call, resource_arn: str) -> Config:
    """The tags of an API or a stage."""
    return {"Tags": _tagged_record(call, resource_arn).tags}


def checked_cors(cors: Config | None) -> Config | None:
    """A CORS configuration, if browsers would accept it."""
    if cors and cors.get("AllowCredentials") and "*" in cors.get("AllowOrigins", []):
        raise BadRequestException("allowCredentials is not supported for wildcard origins")
    return cors


def _check_selection(expression: str | None) -> None:
    if expression is not None and expression not in _SELECTION:
        raise BadRequestException("Route selection expression must be \"${request.method} ${request.path}\" "
                                  "for HTTP APIs")


def _serve_at_once(call: Call, api: Api, route_key: str, target: str) -> None:
    integration = new_integration(call, api.api_id, **_quick(target), api_gateway_managed=True)
    new_route(call, api.api_id, route_key, target=f"integrations/{integration.integration_id}",
              api_gateway_managed=True)
    moment = call.now_ms // 1000
    save(call, stages, api.api_id, "$default", Stage(
        stage_name="$default", created_date=moment, last_updated_date=moment, auto_deploy=True,
        api_gateway_managed=True))


def _change_quick(call: Call, api_id: str, route_key: str | None, target: str | None) -> None:
    route = next((one for _, one in routes.items(call, api_id) if one.api_gateway_managed), None)
    if route is None or route.target is None:
        raise BadRequestException("routeKey and target can only be changed where a quick create gave them")
    if route_key:
        route.route_key = route_key
        save(call, routes, api_id, route.route_id, route)
    integration = integrations.get(call, api_id, route.target.removeprefix("integrations/"))
    if target and integration:
        save(call, integrations, api_id, integration.integration_id,
             msgspec.structs.replace(integration, **_quick(target)))


def _quick(target: str) -> Config:
    if target.startswith("arn:"):
        return {"integration_type": "AWS_PROXY", "integration_uri": target, "payload_format_version": "2.0"}
    return {"integration_type": "HTTP_PROXY", "integration_uri": target, "integration_method": "ANY",
            "payload_format_version": "1.0"}


def _tagged_record(call: Call, arn: str) -> Api | Stage:
    match = _TAGGED.fullmatch(unquote(arn))
    if match is None:
        raise BadRequestException(f"Invalid resource ARN: {arn}")
    api = need_api(call, match[1])
    if match[2] is None:
        return api
    stage = stages.get(call, match[1], match[2])
    if stage is None:
        raise NotFoundException("Invalid stage identifier specified")
    return stage


def _save_tagged(call: Call, arn: str, record: Api | Stage) -> None:
    match = _TAGGED.fullmatch(unquote(arn))
    assert match
    if isinstance(record, Api):
        apis.put(call, record.api_id, record=record)
    else:
        stages.put(call, match[1], record.stage_name, record=record)

"""Routes."""

import re
from typing import Any

import msgspec

from ...kernel import Call
from . import limits
from .errors import BadRequestException, ConflictException, TooManyRequestsException
from .records import (
    Config,
    Route,
    authorizers,
    given,
    integrations,
    need,
    need_api,
    page,
    remove,
    routes,
    save,
    shown,
)
from .service import apigatewayv2

_KEY = re.compile(r"(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS|ANY) (/\S*)")
_SEGMENT = re.compile(r"[^{}]*|\{[\w.\-:]+\+?\}")
_TYPES = {"JWT": "JWT", "CUSTOM": "REQUEST"}  # of a route's authorization, and of the authorizer it needs


@apigatewayv2.operation
def create_route(call: Call, api_id: str, route_key: str, target: str | None = None,
                 authorization_type: str | None = None, authorizer_id: str | None = None,
                 authorization_scopes: list[str] | None = None, operation_name: str | None = None,
                 api_key_required: bool | None = None) -> Config:
    """Add a route to an API."""
    need_api(call, api_id)
    return shown(new_route(call, api_id, route_key, **given(
        target=target, authorization_type=authorization_type, authorizer_id=authorizer_id,
        authorization_scopes=authorization_scopes, operation_name=operation_name,
        api_key_required=api_key_required)))


def new_route(call: Call, api_id: str, route_key: str, **members: Any) -> Route:
    """Write a new route, if it can work."""
    route = Route(route_id=call.ids.text(7), route_key=route_key, **members)
    _check(call, api_id, route)
    save(call, routes, api_id, route.route_id, route)
    return route


@apigatewayv2.operation
def update_route(call: Call, api_id: str, route_id: str, route_key: str | None = None,
                 target: str | None = None, authorization_type: str | None = None,
                 authorizer_id: str | None = None, authorization_scopes: list[str] | None = None,
                 operation_name: str | None = None, api_key_required: bool | None = None) -> Config:
    """Change a route."""
    route = msgspec.structs.replace(
        need(call, routes, "Route", api_id, route_id),
        **given(
            route_key=route_key,
            target=target,
            authorization_type=authorization_type,
            authorizer_id=authorizer_id,
            authorization_scopes=authorization_scopes,
            operation_name=operation_name,
            api_key_required=api_key_required,
        ),
    )
    if authorization_type in ("NONE", "AWS_IAM"):
        route.authorizer_id = None
    _check(call, api_id, route)
    save(call, routes, api_id, route_id, route)
    return shown(route)


@apigatewayv2.operation
def get_route(call: Call, api_id: str, route_id: str) -> Config:
    """A route."""
    return shown(need(call, routes, "Route", api_id, route_id))


@apigatewayv2.operation
def get_routes(
    call: Call, api_id: str, max_results: str | None = None, next_token: str | None = None
) -> Config:
    """The routes of an API."""
    need_api(call, api_id)
    return page((shown(one) for _, one in routes.items(call, api_id)), max_results, next_token)


@apigatewayv2.operation
def delete_route(call: Call, api_id: str, route_id: str) -> None:
    """Remove a route."""
    need(call, routes, "Route", api_id, route_id)
    remove(call, routes, api_id, route_id)


def _check(call: Call, api_id: str, route: Route) -> None:
    check_key(route.route_key)
    others = [one for _, one in routes.items(call, api_id) if one.route_id != route.route_id]
    if any(one.route_key == route.route_key for one in others):
        raise ConflictException(f"Route with key {route.route_key} already exists for this API")
    if len(others) >= limits.MAX_ROUTES:
        raise TooManyRequestsException(f"An API can have no more than {limits.MAX_ROUTES} routes")
    if route.api_key_required:
        raise BadRequestException("ApiKeyRequired is not currently supported for HTTP APIs")
    if route.target is not None:
        kind, _, id = route.target.partition("/")
        if kind != "integrations" or integrations.get(call, api_id, id) is None:
            raise BadRequestException(f"Invalid target: {route.target}")
    _check_authorization(call, api_id, route)


def check_key(key: str) -> None:
    """Hold a route's key against its form."""
    if key == "$default":
        return
    match = _KEY.fullmatch(key)
    if match is None:
        raise BadRequestException(
            "The provided route key is not formatted properly for HTTP protocol. Format should be "
            "\"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"")
    segments = match[1].split("/")[1:]
    for n, segment in enumerate(segments):
        if not _SEGMENT.fullmatch(segment):
            raise BadRequestException(f"The path of the route key {key} is not formatted properly")
        if segment.endswith("+}") and n < len(segments) - 1:
            raise BadRequestException("A greedy path variable must be the last part of a route's path")


def _check_authorization(call: Call, api_id: str, route: Route) -> None:
    if route.authorization_type == "AWS_IAM":
        raise BadRequestException("cloudlet does not check signatures on routes: AWS_IAM can't be honoured")
    needed = _TYPES.get(route.authorization_type)
    if needed is None:
        if route.authorizer_id:
            raise BadRequestException(f"No authorizer can be given with the type {route.authorization_type}")
        return
    authorizer = authorizers.get(call, api_id, route.authorizer_id or "")
    if authorizer is None:
        raise BadRequestException(f"Invalid authorizer ID specified: {route.authorizer_id}")
    if authorizer.authorizer_type != needed:
        raise BadRequestException(f"The authorization type {route.authorization_type} needs an authorizer "
                                  f"of the type {needed}")
    if route.authorization_scopes and needed != "JWT":
        raise BadRequestException("Authorization scopes are for JWT authorizers")

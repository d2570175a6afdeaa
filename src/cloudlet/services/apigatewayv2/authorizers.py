"""Authorizers: functions that decide, and issuers of tokens that are trusted."""

import re
from typing import Any

import msgspec

from ...kernel import Call
from . import limits
from .errors import BadRequestException, ConflictException, TooManyRequestsException
from .records import Authorizer, Config, authorizers, given, need, need_api, page, remove, routes, save, shown
from .service import apigatewayv2

_SOURCE = re.compile(
    r"\$\{?(?:request\.(?:header|querystring)\.[\w.\-]+|context\.[\w.]+|stageVariables\.\w+)\}?"
)


@apigatewayv2.operation
def create_authorizer(call: Call, api_id: str, authorizer_type: str, identity_source: list[str], name: str,
                      authorizer_uri: str | None = None, authorizer_payload_format_version: str | None = None,
                      authorizer_result_ttl_in_seconds: int | None = None,
                      enable_simple_responses: bool | None = None,
                      jwt_configuration: Config | None = None) -> Config:
    """Add an authorizer to an API."""
    need_api(call, api_id)
    return shown(
        new_authorizer(
            call,
            api_id,
            **given(
                name=name,
                authorizer_type=authorizer_type,
                identity_source=identity_source,
                authorizer_uri=authorizer_uri,
                authorizer_payload_format_version=authorizer_payload_format_version,
                authorizer_result_ttl_in_seconds=authorizer_result_ttl_in_seconds,
                enable_simple_responses=enable_simple_responses,
                jwt_configuration=jwt_configuration,
            ),
        )
    )


def new_authorizer(call: Call, api_id: str, **members: Any) -> Authorizer:
    """Write a new authorizer, if it can work."""
    one = Authorizer(authorizer_id=call.ids.text(6), **members)
    _check(call, api_id, one)
    save(call, authorizers, api_id, one.authorizer_id, one)
    return one


@apigatewayv2.operation
def update_authorizer(call: Call, api_id: str, authorizer_id: str, authorizer_type: str | None = None,
                      identity_source: list[str] | None = None, name: str | None = None,
                      authorizer_uri: str | None = None, authorizer_payload_format_version: str | None = None,
                      authorizer_result_ttl_in_seconds: int | None = None,
                      enable_simple_responses: bool | None = None,
                      jwt_configuration: Config | None = None) -> Config:
    """Change an authorizer."""
    one = msgspec.structs.replace(
        need(call, authorizers, "Authorizer", api_id, authorizer_id),
        **given(
            name=name,
            authorizer_type=authorizer_type,
            identity_source=identity_source,
            authorizer_uri=authorizer_uri,
            authorizer_payload_format_version=authorizer_payload_format_version,
            authorizer_result_ttl_in_seconds=authorizer_result_ttl_in_seconds,
            enable_simple_responses=enable_simple_responses,
            jwt_configuration=jwt_configuration,
        ),
    )
    _check(call, api_id, one)
    save(call, authorizers, api_id, authorizer_id, one)
    return shown(one)


@apigatewayv2.operation
def get_authorizer(call: Call, api_id: str, authorizer_id: str) -> Config:
    """An authorizer."""
    return shown(need(call, authorizers, "Authorizer", api_id, authorizer_id))


@apigatewayv2.operation
def get_authorizers(call: Call, api_id: str, max_results: str | None = None,
                    next_token: str | None = None) -> Config:
    """The authorizers of an API."""
    need_api(call, api_id)
    return page((shown(one) for _, one in authorizers.items(call, api_id)), max_results, next_token)


@apigatewayv2.operation
def delete_authorizer(call: Call, api_id: str, authorizer_id: str) -> None:
    """Remove an authorizer that no route asks."""
    need(call, authorizers, "Authorizer", api_id, authorizer_id)
    if any(route.authorizer_id == authorizer_id for _, route in routes.items(call, api_id)):
        raise ConflictException(f"Cannot delete authorizer '{authorizer_id}', is referenced in routes")
    remove(call, authorizers, api_id, authorizer_id)


def _check(call: Call, api_id: str, one: Authorizer) -> None:
    others = [
        other for _, other in authorizers.items(call, api_id) if other.authorizer_id != one.authorizer_id
    ]
    if any(other.name == one.name for other in others):
        raise ConflictException(f"Authorizer name {one.name} already exists for this API")
    if len(others) >= limits.MAX_AUTHORIZERS:
        raise TooManyRequestsException(f"An API can have no more than {limits.MAX_AUTHORIZERS} authorizers")
    for source in one.identity_source:
        if not _SOURCE.fullmatch(source):
            raise BadRequestException(f"Invalid identity source: {source}")
    if one.authorizer_type == "JWT":
        config = one.jwt_configuration or {}
        if not config.get("Issuer") or not config.get("Audience"):
            raise BadRequestException("JWT authorizers need an issuer and an audience")
        if len(one.identity_source) != 1:
            raise BadRequestException("JWT authorizers need exactly one identity source")
        return
    if not one.authorizer_uri:
        raise BadRequestException("REQUEST authorizers need an authorizer URI")
    if one.authorizer_payload_format_version not in ("1.0", "2.0"):
        raise BadRequestException(
            "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer"
        )
    if one.enable_simple_responses and one.authorizer_payload_format_version != "2.0":
        raise BadRequestException("Simple responses need the authorizer payload format version 2.0")
    ttl = one.authorizer_result_ttl_in_seconds or 0
    if not 0 <= ttl <= limits.MAX_AUTHORIZER_TTL:
        raise BadRequestException("AuthorizerResultTtlInSeconds must be between 0 and 3600")
    if ttl and not one.identity_source:
        raise BadRequestException("An authorizer whose results are cached needs an identity source")

"""Integrations: functions, operations of other services, and URLs of others."""

import re
from typing import Any

import msgspec

from ...kernel import Call
from . import actions, limits, transforms
from .errors import BadRequestException, ConflictException, TooManyRequestsException
from .records import (
    Config,
    Integration,
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

_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/\S+")
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY")
_LAMBDA = re.compile(r"arn:aws[\w-]*:(?:lambda:[\w-]+:\d{12}:function:|apigateway:[\w-]+:lambda:path/)\S+|"
                     r"arn:\S*\$\{stageVariables\.\w+\}\S*")


@apigatewayv2.operation
def create_integration(call: Call, api_id: str, integration_type: str, integration_subtype: str | None = None,
                       integration_uri: str | None = None, integration_method: str | None = None,
                       credentials_arn: str | None = None, request_parameters: dict[str, str] | None = None,
                       response_parameters: dict[str, dict[str, str]] | None = None,
                       connection_type: str | None = None, payload_format_version: str | None = None,
                       timeout_in_millis: int | None = None, description: str | None = None) -> Config:
    """Add an integration to an API."""
    need_api(call, api_id)
    return shown(new_integration(call, api_id, **given(
        integration_type=integration_type, integration_subtype=integration_subtype,
        integration_uri=integration_uri, integration_method=integration_method,
        credentials_arn=credentials_arn, request_parameters=request_parameters,
        response_parameters=response_parameters, connection_type=connection_type,
        payload_format_version=payload_format_version, timeout_in_millis=timeout_in_millis,
        description=description)))


def new_integration(call: Call, api_id: str, **members: Any) -> Integration:
    """Write a new integration, if it can work."""
    if len(list(integrations.items(call, api_id))) >= limits.MAX_INTEGRATIONS:
        raise TooManyRequestsException(f"An API can have no more than {limits.MAX_INTEGRATIONS} integrations")
    integration = _checked(Integration(integration_id=call.ids.text(7), **members))
    save(call, integrations, api_id, integration.integration_id, integration)
    return integration


@apigatewayv2.operation
def update_integration(call: Call, api_id: str, integration_id: str, integration_type: str | None = None,
                       integration_subtype: str | None = None, integration_uri: str | None = None,
                       integration_method: str | None = None, credentials_arn: str | None = None,
                       request_parameters: dict[str, str] | None = None,
                       response_parameters: dict[str, dict[str, str]] | None = None,
                       connection_type: str | None = None, payload_format_version: str | None = None,
                       timeout_in_millis: int | None = None, description: str | None = None) -> Config:
    """Change an integration; a parameter that is empty is removed."""
    old = need(call, integrations, "Integration", api_id, integration_id)
    if request_parameters is not None:
        merged = {**(old.request_parameters or {}), **request_parameters}
        request_parameters = {name: source for name, source in merged.items() if source}
    if response_parameters is not None:
        by_status = {**(old.response_parameters or {}), **response_parameters}
        response_parameters = {status: one for status, one in by_status.items() if one}
    new = _checked(msgspec.structs.replace(old, **given(
        integration_type=integration_type, integration_subtype=integration_subtype,
        integration_uri=integration_uri, integration_method=integration_method,
        credentials_arn=credentials_arn, request_parameters=request_parameters,
        response_parameters=response_parameters, connection_type=connection_type,
        payload_format_version=payload_format_version, timeout_in_millis=timeout_in_millis,
        description=description)))
    save(call, integrations, api_id, integration_id, new)
    return shown(new)


@apigatewayv2.operation
def get_integration(call: Call, api_id: str, integration_id: str) -> Config:
    """An integration."""
    return shown(need(call, integrations, "Integration", api_id, integration_id))


@apigatewayv2.operation
def get_integrations(call: Call, api_id: str, max_results: str | None = None,
                     next_token: str | None = None) -> Config:
    """The integrations of an API."""
    need_api(call, api_id)
    return page((shown(one) for _, one in integrations.items(call, api_id)), max_results, next_token)


@apigatewayv2.operation
def delete_integration(call: Call, api_id: str, integration_id: str) -> None:
    """Remove an integration that no route leads to."""
    need(call, integrations, "Integration", api_id, integration_id)
    users = [one.route_id for _, one in routes.items(call, api_id)
             if one.target == f"integrations/{integration_id}"]
    if users:
        raise ConflictException(f"Cannot delete Integration '{integration_id}'. Integration is referenced by "
                                f"routes: {', '.join(users)}")
    remove(call, integrations, api_id, integration_id)


def _checked(one: Integration) -> Integration:
    if not 50 <= one.timeout_in_millis <= limits.MAX_TIMEOUT_MS:
        raise BadRequestException("Timeout should be between 50 ms and 30000 ms")
    if one.connection_type != "INTERNET":
        raise BadRequestException("cloudlet has no VPC links: the connection type must be INTERNET")
    if one.payload_format_version not in ("1.0", "2.0"):
        raise BadRequestException("PayloadFormatVersion must be one of 1.0, 2.0")
    transforms.check(one)
    if one.credentials_arn and not _ROLE.fullmatch(one.credentials_arn):
        raise BadRequestException(f"The credentials must be the ARN of a role: {one.credentials_arn}")
    if one.integration_subtype is not None and one.integration_type == "AWS_PROXY":
        actions.check(one)
        return one
    if one.request_parameters or one.integration_subtype is not None:
        raise BadRequestException("cloudlet maps request parameters to the operations of AWS_PROXY "
                                  "integrations with a subtype, and nowhere else")
    if one.integration_type == "HTTP_PROXY":
        _check_http(one)
    elif one.integration_type != "AWS_PROXY":
        raise BadRequestException(f"HTTP APIs do not support the integration type {one.integration_type}")
    elif not one.integration_uri or not _LAMBDA.fullmatch(one.integration_uri):
        raise BadRequestException("Invalid function ARN or invalid uri")
    return one


def _check_http(one: Integration) -> None:
    if not re.match(r"https?://", one.integration_uri or ""):
        raise BadRequestException("Invalid HTTP endpoint specified for URI")
    if one.credentials_arn:
        raise BadRequestException("HTTP integrations have no credentials")
    if one.integration_method not in _METHODS:
        raise BadRequestException("HTTP integrations need an integration method")
    if one.payload_format_version != "1.0":
        raise BadRequestException("PayloadFormatVersion must be 1.0 for HTTP integrations")

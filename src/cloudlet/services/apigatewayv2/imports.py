"""APIs from OpenAPI documents, and as such."""

from typing import Any

import msgspec

from ...kernel import Call
from . import openapi
from .apis import checked_cors, clear_parts, new_api
from .authorizers import new_authorizer
from .errors import BadRequestException
from .integrations import new_integration
from .openapi import Definition
from .records import (
    BELL,
    Api,
    Config,
    apis,
    contents_of,
    deployments,
    need,
    need_api,
    shown_api,
    stages,
    tagged,
)
from .routes import new_route
from .service import apigatewayv2


@apigatewayv2.operation
def import_api(call: Call, body: str) -> Config:
    """Make an API of an OpenAPI document."""
    definition = openapi.read(openapi.load(body))
    api = new_api(call, definition.api["name"], tags=tagged({}, definition.tags))
    return _define(call, api, definition)


@apigatewayv2.operation
def reimport_api(call: Call, api_id: str, body: str) -> Config:
    """Let an API be what an OpenAPI document says, and nothing else."""
    api = need_api(call, api_id)
    definition = openapi.read(openapi.load(body))
    clear_parts(call, api_id)
    api.tags = tagged(api.tags, definition.tags)
    return _define(call, api, definition)


@apigatewayv2.operation
def export_api(call: Call, api_id: str, specification: str, output_type: str, export_version: str = "1.0",
               include_extensions: bool = True, stage_name: str | None = None) -> Config:
    """An API, or what a stage of it serves, as an OpenAPI document."""
    api = need_api(call, api_id)
    if specification != "OAS30" or output_type not in ("JSON", "YAML") or export_version != "1.0":
        raise BadRequestException("An API is exported as OAS30, in JSON or YAML, with the export version 1.0")
    contents = contents_of(call, api_id)
    if stage_name is not None:
        stage = need(call, stages, "stage", api_id, stage_name)
        deployment = deployments.get(call, api_id, stage.deployment_id or "")
        contents = deployment.contents if deployment else contents
    return {"body": openapi.dump(openapi.write(api, contents, extensions=include_extensions), output_type)}


def _define(call: Call, api: Api, definition: Definition) -> Config:
    members: dict[str, Any] = {
        "cors_configuration": None,
        "disable_execute_api_endpoint": False,
    } | definition.api
    members["cors_configuration"] = checked_cors(members["cors_configuration"])
    api = msgspec.structs.replace(api, **members)
    apis.put(call, api.api_id, record=api)
    call.tx.ring(BELL)
    ids = {name: new_authorizer(call, api.api_id, name=name, **members)
           for name, members in definition.authorizers.items()}
    for wanted in definition.routes:
        route: Config = {"operation_name": wanted.operation}
        if wanted.integration:
            integration = new_integration(call, api.api_id, **wanted.integration)
            route["target"] = f"integrations/{integration.integration_id}"
        if wanted.authorizer:
            if wanted.authorizer not in ids:
                raise BadRequestException(
                    f"The route {wanted.key} names the security scheme {wanted.authorizer}, "
                    "which has no authorizer"
                )
            authorizer = ids[wanted.authorizer]
            route |= {
                "authorizer_id": authorizer.authorizer_id,
                "authorization_scopes": wanted.scopes or None,
                "authorization_type": "JWT" if authorizer.authorizer_type == "JWT" else "CUSTOM",
            }
        new_route(call, api.api_id, wanted.key, **route)
    return shown_api(call, api)

"""OpenAPI 3 documents, with API Gateway's extensions, as what they define; and back.

What AWS would pass over with a warning is refused here, by its place in the document.
"""

import json
from typing import Any

import msgspec
import yaml

from .errors import BadRequestException
from .records import Api, Authorizer, Contents, Integration

Config = dict[str, Any]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method")
_INTEGRATION = {"type": "integration_type", "uri": "integration_uri", "httpMethod": "integration_method",
                "payloadFormatVersion": "payload_format_version", "timeoutInMillis": "timeout_in_millis",
                "description": "description", "connectionType": "connection_type",
                "integrationSubtype": "integration_subtype", "credentials": "credentials_arn",
                "requestParameters": "request_parameters", "responseParameters": "response_parameters"}
_AUTHORIZER = {
    "type": "authorizer_type",
    "identitySource": "identity_source",
    "authorizerUri": "authorizer_uri",
    "authorizerPayloadFormatVersion": "authorizer_payload_format_version",
    "authorizerResultTtlInSeconds": "authorizer_result_ttl_in_seconds",
    "enableSimpleResponses": "enable_simple_responses",
    "jwtConfiguration": "jwt_configuration",
}
_ENDPOINT = "x-amazon-apigateway-endpoint-configuration"


class Wanted(msgspec.Struct):
    """A route that a document defines."""

    key: str
    integration: Config | None
    authorizer: str = ""
    scopes: list[str] = []
    operation: str | None = None


class Definition(msgspec.Struct):
    """What a document defines."""

    api: Config
    routes: list[Wanted]
    authorizers: dict[str, Config]
    tags: dict[str, str]


def load(text: str) -> Config:
    """A document in JSON or YAML."""
    try:
        document = yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError:
        raise BadRequestException("Unable to parse API definition because of a malformed document") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise BadRequestException("Unable to parse API definition because of an unsupported version: "
                                  "cloudlet imports OpenAPI 3")
    return document


def read(document: Config) -> Definition:
    """What a document defines; BadRequestException says what of it can't be honoured."""
    info = document.get("info") or {}
    api: Config = {"name": str(info.get("title") or "API"), "version": _text(info.get("version")),
                   "description": _text(info.get("description"))}
    cors = document.get("x-amazon-apigateway-cors")
    if cors:
        api["cors_configuration"] = {name[0].upper() + name[1:]: value for name, value in cors.items()}
    if _ENDPOINT in document:
        api["disable_execute_api_endpoint"] = _true(document[_ENDPOINT].get("disableExecuteApiEndpoint"))
    tags = {str(tag["name"]): str(tag["x-amazon-apigateway-tag-value"]) for tag in document.get("tags") or ()
            if "x-amazon-apigateway-tag-value" in tag}
    return Definition(api, _routes(document), _authorizers(document), tags)


def write(api: Api, contents: Contents, *, extensions: bool) -> Config:
    """An API as a document."""
    document: Config = {"openapi": "3.0.1", "info": {"title": api.name, "version": api.version or "1.0"}}
    if api.description:
        document["info"]["description"] = api.description
    by_id = {one.integration_id: one for one in contents.integrations}
    names = {one.authorizer_id: one for one in contents.authorizers}
    paths: Config = document.setdefault("paths", {})
    for route in contents.routes:
        method, _, path = route.route_key.partition(" ")
        operation: Config = {
            "responses": {"default": {"description": f"Default response for {route.route_key}"}}
        }
        variables = [part.strip("{}+") for part in path.split("/") if part.startswith("{")]
        if variables:
            operation["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in variables
            ]
        if route.authorizer_id in names:
            operation["security"] = [{names[route.authorizer_id].name: route.authorization_scopes or []}]
        integration = by_id.get((route.target or "").removeprefix("integrations/"))
        if extensions and integration:
            operation["x-amazon-apigateway-integration"] = _integration_shown(integration)
        if method == "$default":
            operation["isDefaultRoute"] = True
        verb = "x-amazon-apigateway-any-method" if method in ("ANY", "$default") else method.lower()
        paths.setdefault(path or "/$default", {})[verb] = operation
    if contents.authorizers:
        document["components"] = {"securitySchemes": {
            one.name: _authorizer_shown(one, extensions) for one in contents.authorizers}}
    if extensions:
        if api.cors_configuration:
            document["x-amazon-apigateway-cors"] = {
                name[0].lower() + name[1:]: value for name, value in api.cors_configuration.items()}
        document["x-amazon-apigateway-importexport-version"] = "1.0"
    return document


def _routes(document: Config) -> list[Wanted]:
    found: list[Wanted] = []
    for path, item in (document.get("paths") or {}).items():
        for method, operation in (item or {}).items():
            if method not in _METHODS:
                if method in ("parameters", "summary", "description"):
                    continue
                raise BadRequestException(f"cloudlet does not honour {method} in the path {path}")
            found.append(_route(document, str(path), method, operation or {}))
    return found


def _route(document: Config, path: str, method: str, operation: Config) -> Wanted:
    default = path.strip("/") == "$default" or _true(operation.get("isDefaultRoute"))
    verb = "ANY" if method == _METHODS[-1] else method.upper()
    key = "$default" if default else f"{verb} {path}"
    integration = operation.get("x-amazon-apigateway-integration")
    if integration and "$ref" in integration:
        name = str(integration["$ref"]).rpartition("/")[2]
        shared = (document.get("components") or {}).get("x-amazon-apigateway-integrations") or {}
        if name not in shared:
            raise BadRequestException(f"Unable to resolve {integration['$ref']} of the route {key}")
        integration = shared[name]
    wanted = Wanted(
        key,
        _members(integration, _INTEGRATION, f"the integration of {key}") if integration else None,
        operation=_text(operation.get("operationId")),
    )
    if wanted.integration:
        wanted.integration["integration_type"] = str(wanted.integration.get("integration_type", "")).upper()
        if wanted.integration["integration_type"] == "AWS_PROXY":
            wanted.integration.pop("integration_method", None)
        elif "integration_method" in wanted.integration:
            wanted.integration["integration_method"] = wanted.integration["integration_method"].upper()
    security = operation.get("security", document.get("security")) or []
    for requirement in security[:1]:
        for name, scopes in requirement.items():
            wanted.authorizer, wanted.scopes = str(name), list(scopes or [])
    return wanted


def _authorizers(document: Config) -> dict[str, Config]:
    found: dict[str, Config] = {}
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    for name, scheme in schemes.items():
        extension = scheme.get("x-amazon-apigateway-authorizer")
        if extension is None:
            continue
        members = _members(extension, _AUTHORIZER, f"the authorizer {name}")
        members["authorizer_type"] = str(members.get("authorizer_type", "")).upper()
        source = members.get("identity_source", [])
        members["identity_source"] = (
            [part.strip() for part in source.split(",")] if isinstance(source, str) else source
        )
        if "jwt_configuration" in members:
            config = members["jwt_configuration"]
            audience = config.get("audience") or []
            members["jwt_configuration"] = {
                "Issuer": config.get("issuer"),
                "Audience": audience if isinstance(audience, list) else [audience],
            }
        found[str(name)] = members
    return found


def _members(extension: Config, known: dict[str, str], what: str) -> Config:
    unknown = [name for name, value in extension.items()
               if name not in known and name != "$ref" and (value or name != "credentials")]
    if unknown:
        raise BadRequestException(f"cloudlet does not honour {', '.join(unknown)} of {what}")
    found = {known[name]: value for name, value in extension.items() if name in known and value is not None}
    for name in ("timeout_in_millis", "authorizer_result_ttl_in_seconds"):
        if name in found:
            found[name] = int(found[name])
    if "enable_simple_responses" in found:
        found["enable_simple_responses"] = _true(found["enable_simple_responses"])
    for name in ("payload_format_version", "authorizer_payload_format_version"):
        if name in found:
            found[name] = str(found[name])
    return found


def _integration_shown(one: Integration) -> Config:
    found = {
        wire: getattr(one, name) for wire, name in _INTEGRATION.items() if getattr(one, name) is not None
    }
    return found | {"type": one.integration_type.lower()}


def _authorizer_shown(one: Authorizer, extensions: bool) -> Config:
    jwt = one.authorizer_type == "JWT"
    scheme: Config = (
        {"type": "oauth2"} if jwt else {"type": "apiKey", "name": "Authorization", "in": "header"}
    )
    if not extensions:
        return scheme
    found = {wire: getattr(one, name) for wire, name in _AUTHORIZER.items() if getattr(one, name) is not None}
    found |= {"type": one.authorizer_type.lower(), "identitySource": ",".join(one.identity_source)}
    if one.jwt_configuration:
        found["jwtConfiguration"] = {"issuer": one.jwt_configuration["Issuer"],
                                     "audience": one.jwt_configuration["Audience"]}
    return scheme | {"x-amazon-apigateway-authorizer": found}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def dump(document: Config, form: str) -> bytes:
    """A document as ``JSON`` or ``YAML``."""
    if form == "YAML":
        return yaml.safe_dump(document, sort_keys=False).encode()
    return json.dumps(document).encode()

"""APIs from OpenAPI documents, as SAM makes them, and back."""

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import visit


def document(arn, **more):
    integration = {"type": "aws_proxy", "httpMethod": "POST", "payloadFormatVersion": "2.0",
                   "uri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"}
    return {
        "openapi": "3.0.1", "info": {"title": "mine", "version": "1.0"},
        "tags": [{"name": "httpapi:createdBy", "x-amazon-apigateway-tag-value": "SAM"}],
        "paths": {
            "/users/{id}": {"get": {"x-amazon-apigateway-integration": integration, "responses": {},
                                    "parameters": [{"name": "id", "in": "path", "required": True}]}},
            "/any": {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": integration}},
            "$default": {"x-amazon-apigateway-any-method": {
                "x-amazon-apigateway-integration": integration, "isDefaultRoute": True, "responses": {}}}},
        "x-amazon-apigateway-cors": {"allowOrigins": ["https://x"], "allowMethods": ["GET"]}} | more


def refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def keys(api, id):
    return sorted(route["RouteKey"] for route in api.get_routes(ApiId=id)["Items"])


def test_a_document_as_sam_makes_it_is_served(api, echo):
    made = api.import_api(Body=json.dumps(document(echo)))
    id = made["ApiId"]
    assert (made["Name"], made["Version"], made["Tags"]) == ("mine", "1.0", {"httpapi:createdBy": "SAM"})
    assert made["CorsConfiguration"] == {"AllowOrigins": ["https://x"], "AllowMethods": ["GET"]}
    assert keys(api, id) == ["$default", "ANY /any", "GET /users/{id}"]
    api.create_stage(ApiId=id, StageName="$default", AutoDeploy=True)
    assert visit(made["ApiEndpoint"] + "/users/7").json["pathParameters"] == {"id": "7"}
    assert visit(made["ApiEndpoint"] + "/else", "PUT").json["routeKey"] == "$default"


def test_a_document_replaces_what_was(api, echo):
    id = api.import_api(Body=json.dumps(document(echo)))["ApiId"]
    smaller = document(echo)
    del smaller["paths"]["/any"], smaller["x-amazon-apigateway-cors"]
    api.reimport_api(ApiId=id, Body=json.dumps(smaller))
    assert keys(api, id) == ["$default", "GET /users/{id}"]
    assert "CorsConfiguration" not in api.get_api(ApiId=id)


def test_security_schemes_become_authorizers(api, echo):
    schemes = {
        "securitySchemes": {
            "J": {
                "type": "oauth2",
                "x-amazon-apigateway-authorizer": {
                    "type": "jwt",
                    "identitySource": "$request.header.Authorization",
                    "jwtConfiguration": {"issuer": "https://i", "audience": ["a"]},
                },
            },
            "L": {
                "type": "apiKey",
                "name": "Unused",
                "in": "header",
                "x-amazon-apigateway-authorizer": {
                    "type": "request",
                    "identitySource": ["$request.header.X"],
                    "authorizerPayloadFormatVersion": "2.0",
                    "authorizerUri": echo,
                    "authorizerResultTtlInSeconds": 10,
                    "enableSimpleResponses": True,
                },
            },
        }
    }
    body = document(echo, components=schemes)
    body["paths"]["/any"]["x-amazon-apigateway-any-method"]["security"] = [{"L": []}]
    body["paths"]["/users/{id}"]["get"]["security"] = [{"J": ["read"]}]
    id = api.import_api(Body=json.dumps(body))["ApiId"]
    routes = {route["RouteKey"]: route for route in api.get_routes(ApiId=id)["Items"]}
    assert routes["ANY /any"]["AuthorizationType"] == "CUSTOM"
    assert routes["GET /users/{id}"]["AuthorizationType"] == "JWT"
    assert routes["GET /users/{id}"]["AuthorizationScopes"] == ["read"]
    found = {one["Name"]: one for one in api.get_authorizers(ApiId=id)["Items"]}
    assert found["J"]["JwtConfiguration"] == {"Issuer": "https://i", "Audience": ["a"]}
    assert found["L"]["AuthorizerResultTtlInSeconds"] == 10


def test_an_export_can_be_imported_again(api, echo):
    id = api.import_api(Body=json.dumps(document(echo)))["ApiId"]
    for form in ("JSON", "YAML"):
        body = api.export_api(ApiId=id, Specification="OAS30", OutputType=form)["body"].read().decode()
        again = api.import_api(Body=body)["ApiId"]
        assert keys(api, again) == keys(api, id)


def test_what_a_document_says_is_honoured_or_refused(api, echo):
    wrong = document(echo)
    wrong["paths"]["/any"]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"] = {
        "type": "aws_proxy", "uri": echo, "requestParameters": {"a": "b"}}
    code, message = refusal(api.import_api, Body=json.dumps(wrong))
    assert code == "BadRequestException" and "request parameters" in message
    assert refusal(api.import_api, Body="{")[0] == "BadRequestException"
    assert refusal(api.import_api, Body='{"swagger": "2.0"}')[0] == "BadRequestException"
    before = len(api.get_apis()["Items"])
    wrong = document(echo)
    wrong["paths"]["nonsense"] = {"get": {}}
    assert refusal(api.import_api, Body=json.dumps(wrong))[0] == "BadRequestException"
    assert len(api.get_apis()["Items"]) == before

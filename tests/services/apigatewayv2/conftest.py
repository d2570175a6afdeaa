"""Functions behind APIs, and a plain HTTP client to visit them."""

import http.client
import io
import json
import zipfile
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

ECHO = "def handler(event, context): return {'statusCode': 200, 'body': __import__('json').dumps(event)}"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict
    lists: list
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def visit(url, method="GET", body=None, headers=None):
    """One request with nothing added."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return Answer(
            answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.getheaders(), answer.read()
        )
    finally:
        connection.close()


@pytest.fixture
def api(cloudlet):
    return cloudlet.client("apigatewayv2")


def packed(source):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", source)
    return buffer.getvalue()


def deploy(cloudlet, name, source=ECHO, **settings):
    """A Python function that any API may invoke; its ARN."""
    client = cloudlet.client("lambda")
    arn = client.create_function(
        FunctionName=name,
        Role="arn:aws:iam::000000000000:role/any",
        Runtime="python3.11",
        Handler="app.handler",
        Code={"ZipFile": packed(source)},
        **settings,
    )["FunctionArn"]
    client.add_permission(FunctionName=name, StatementId="apis", Action="lambda:InvokeFunction",
                          Principal="apigateway.amazonaws.com")
    return arn


@pytest.fixture(scope="module")
def echo(cloudlet):
    """A function that answers with its event."""
    return deploy(cloudlet, "echo")


@pytest.fixture
def function(cloudlet, request):
    """Make a function of source text."""
    count = iter(range(100))
    return lambda source, **settings: deploy(
        cloudlet,
        f"{request.node.name[:50]}-{next(count)}".replace("[", "-").replace("]", ""),
        source,
        **settings,
    )


@pytest.fixture
def serve(api):
    """An API whose routes lead to functions, with a stage; the API's id and its endpoint."""
    def serve(routes, version="2.0", stage="$default", cors=None, **settings):
        made = api.create_api(
            Name="test", ProtocolType="HTTP", **({"CorsConfiguration": cors} if cors else {})
        )
        id = made["ApiId"]
        for key, arn in routes.items():
            integration = api.create_integration(ApiId=id, IntegrationType="AWS_PROXY", IntegrationUri=arn,
                                                 PayloadFormatVersion=version)["IntegrationId"]
            api.create_route(ApiId=id, RouteKey=key, Target=f"integrations/{integration}")
        api.create_stage(ApiId=id, StageName=stage, AutoDeploy=True, **settings)
        return id, made["ApiEndpoint"]
    return serve

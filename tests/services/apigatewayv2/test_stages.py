"""Stages, deployments, throttling, access logs, CORS, and servers of others."""

import http.server
import threading

import pytest
from botocore.exceptions import ClientError

from .conftest import ECHO, deploy, visit


def refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"]


def test_a_named_stage_is_the_first_part_of_the_path(serve, echo, api):
    id, url = serve({"GET /": echo, "GET /users": echo}, stage="prod")
    event = visit(url + "/prod/users").json
    assert (event["rawPath"], event["routeKey"]) == ("/prod/users", "GET /users")
    assert event["requestContext"]["stage"] == "prod"
    assert visit(url + "/prod").json["routeKey"] == "GET /"
    assert visit(url + "/users").status == 404
    api.create_stage(ApiId=id, StageName="$default", AutoDeploy=True)
    assert visit(url + "/users").json["requestContext"]["stage"] == "$default"


def test_a_stage_without_auto_deploy_serves_what_was_deployed(api, echo):
    made = api.create_api(Name="deployed", ProtocolType="HTTP", Target=echo)
    id, url = made["ApiId"], made["ApiEndpoint"]
    api.create_stage(ApiId=id, StageName="fixed")
    assert visit(url + "/fixed/").status == 404
    first = api.create_deployment(ApiId=id, StageName="fixed")
    assert first["DeploymentStatus"] == "DEPLOYED"
    route = api.get_routes(ApiId=id)["Items"][0]["RouteId"]
    api.update_route(ApiId=id, RouteId=route, RouteKey="GET /only")
    assert visit(url + "/fixed/anything").status == 200
    assert visit(url + "/anything").status == 404
    api.create_deployment(ApiId=id, StageName="fixed")
    assert visit(url + "/fixed/anything").status == 404
    api.update_stage(ApiId=id, StageName="fixed", DeploymentId=first["DeploymentId"])
    assert visit(url + "/fixed/anything").status == 200
    assert (
        refusal(api.delete_deployment, ApiId=id, DeploymentId=first["DeploymentId"]) == "BadRequestException"
    )
    assert refusal(api.create_deployment, ApiId=id, StageName="$default") == "BadRequestException"
    api.update_stage(ApiId=id, StageName="$default", AutoDeploy=False)
    api.update_route(ApiId=id, RouteId=route, RouteKey="GET /other")
    assert visit(url + "/only").status == 200


def test_throttling_holds_on_the_clock(fresh):
    cloudlet = fresh()
    api, echo = cloudlet.client("apigatewayv2"), deploy(cloudlet, "echo", ECHO)
    made = api.create_api(Name="throttled", ProtocolType="HTTP", Target=echo)
    cloudlet.control("clock", {"freeze": True})
    api.update_stage(ApiId=made["ApiId"], StageName="$default",
                     DefaultRouteSettings={"ThrottlingBurstLimit": 2, "ThrottlingRateLimit": 1})
    url = made["ApiEndpoint"]
    assert [visit(url).status for _ in range(3)] == [200, 200, 429]
    assert visit(url).json == {"message": "Too Many Requests"}
    cloudlet.advance(1)
    assert [visit(url).status for _ in range(2)] == [200, 429]
    api.update_stage(ApiId=made["ApiId"], StageName="$default",
                     RouteSettings={"$default": {"ThrottlingRateLimit": 0, "ThrottlingBurstLimit": 0}})
    cloudlet.advance(10)
    assert visit(url).status == 429
    api.delete_route_settings(ApiId=made["ApiId"], StageName="$default", RouteKey="$default")
    cloudlet.advance(1)
    assert visit(url).status == 200


def test_an_access_log_has_a_line_for_each_visitor(serve, echo, cloudlet):
    logs = cloudlet.client("logs")
    logs.create_log_group(logGroupName="visitors")
    _, url = serve({"GET /{id}": echo}, AccessLogSettings={
        "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:visitors",
        "Format": "$context.httpMethod $context.routeKey $context.status $context.nothing"})
    visit(url + "/1"), visit(url + "/2")
    lines = [event["message"] for event in logs.filter_log_events(logGroupName="visitors")["events"]]
    assert lines == ["GET GET /{id} 200 -"] * 2


CORS = {"AllowOrigins": ["https://mine.example", "https://*.yours.example"], "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["x-a", "x-b"], "ExposeHeaders": ["x-c"], "MaxAge": 60, "AllowCredentials": True}


def test_a_preflight_is_answered_by_the_api_itself(serve, echo):
    _, url = serve({"POST /": echo}, cors=CORS)
    ask = {"Origin": "https://mine.example", "Access-Control-Request-Method": "POST"}
    answer = visit(url + "/", "OPTIONS", headers=ask)
    assert answer.status == 204 and answer.body == b""
    assert answer.headers["access-control-allow-origin"] == "https://mine.example"
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    assert answer.headers["access-control-allow-headers"] == "x-a,x-b"
    assert answer.headers["access-control-max-age"] == "60"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert visit(url + "/", "OPTIONS", headers=ask | {"Origin": "https://a.yours.example"}).headers[
        "access-control-allow-origin"] == "https://a.yours.example"
    foreign = visit(url + "/", "OPTIONS", headers=ask | {"Origin": "https://theirs.example"})
    assert foreign.status == 204 and "access-control-allow-origin" not in foreign.headers


def test_cors_headers_are_the_apis_and_not_the_functions(serve, function, api):
    own = function(
        "def handler(e, c): return {'statusCode': 200, 'headers': {'Access-Control-Allow-Origin': 'x'}}"
    )
    id, url = serve({"GET /": own}, cors=CORS)
    answer = visit(url + "/", headers={"Origin": "https://mine.example"})
    assert answer.headers["access-control-allow-origin"] == "https://mine.example"
    assert answer.headers["access-control-expose-headers"] == "x-c"
    assert "access-control-allow-origin" not in visit(url + "/").headers
    api.delete_cors_configuration(ApiId=id)
    assert visit(url + "/").headers["access-control-allow-origin"] == "x"
    assert refusal(api.update_api, ApiId=id, CorsConfiguration={
        "AllowOrigins": ["*"], "AllowCredentials": True}) == "BadRequestException"


class _Server(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(418)
        self.send_header("x-saw", f"{self.command} {self.path} {self.headers['x-mine']}")
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, *args):
        pass


def test_an_http_integration_passes_the_request_on(api):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        id = api.create_api(Name="proxy", ProtocolType="HTTP")["ApiId"]
        integration = api.create_integration(
            ApiId=id, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY", PayloadFormatVersion="1.0",
            IntegrationUri=f"http://127.0.0.1:{server.server_port}/base/{{rest}}")["IntegrationId"]
        api.create_route(ApiId=id, RouteKey="ANY /in/{rest+}", Target=f"integrations/{integration}")
        api.create_stage(ApiId=id, StageName="$default", AutoDeploy=True)
        url = api.get_api(ApiId=id)["ApiEndpoint"]
        answer = visit(url + "/in/a/b?x=1", "PUT", b"abc", {"X-Mine": "yes"})
        assert (answer.status, answer.body) == (418, b"cba")
        assert answer.headers["x-saw"] == "PUT /base/a/b?x=1 yes"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    gone = visit(url + "/in/a", "PUT", b"abc")
    assert (gone.status, gone.json) == (503, {"message": "Service Unavailable"})

"""What templates say of APIs."""

import json

import pytest

from .conftest import visit

ROLE = "arn:aws:iam::000000000000:role/any"
SAM = {
    "AWSTemplateFormatVersion": "2010-09-09", "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Hello": {"Type": "AWS::Serverless::Function", "Properties": {
            "Handler": "index.handler", "Runtime": "python3.11", "Role": ROLE,
            "InlineCode": "def handler(event, context): return {'route': event['routeKey']}",
            "Events": {"One": {"Type": "HttpApi", "Properties": {"Path": "/users/{id}", "Method": "GET"}},
                       "Rest": {"Type": "HttpApi"}}}}},
    "Outputs": {"Url": {"Value": {"Fn::GetAtt": ["ServerlessHttpApi", "ApiEndpoint"]}}}}


@pytest.fixture
def stack(cloudlet):
    """Create a stack, or update it; its outputs."""
    client = cloudlet.client("cloudformation")

    def stack(name, template, verb="create"):
        getattr(client, f"{verb}_stack")(StackName=name, TemplateBody=json.dumps(template),
                                         Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        client.get_waiter(f"stack_{verb}_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
        found = client.describe_stacks(StackName=name)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    return stack


def test_what_sam_makes_of_an_http_api_is_served(stack):
    url = stack("sam", SAM)["Url"]
    assert visit(url + "/users/7").json == {"route": "GET /users/{id}"}
    assert visit(url + "/").json == {"route": "$default"}


def plain(arn, key, **stage):
    return {
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "plain",
                    "ProtocolType": "HTTP",
                    "CorsConfiguration": {"AllowOrigins": ["https://x"]},
                    "Tags": {"a": "b"},
                },
            },
            "Integration": {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationUri": arn,
                    "PayloadFormatVersion": "2.0",
                },
            },
            "Route": {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "RouteKey": key,
                    "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]},
                },
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "StageName": "prod",
                    "AutoDeploy": True,
                    "DefaultRouteSettings": {"ThrottlingBurstLimit": "50", "ThrottlingRateLimit": "10"},
                    **stage,
                },
            },
        },
        "Outputs": {
            "Url": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}},
            "Id": {"Value": {"Ref": "Api"}},
        },
    }


def test_a_template_makes_changes_and_removes_an_api(stack, echo, api, cloudlet):
    out = stack("plain", plain(echo, "GET /a", StageVariables={"v": "1", "w": "2"}))
    assert visit(out["Url"] + "/prod/a").json["stageVariables"] == {"v": "1", "w": "2"}
    assert api.get_stage(ApiId=out["Id"], StageName="prod")["DefaultRouteSettings"] == {
        "ThrottlingBurstLimit": 50, "ThrottlingRateLimit": 10}
    changed = stack("plain", plain(echo, "GET /b", StageVariables={"v": "3"}), "update")
    assert changed == out
    assert visit(out["Url"] + "/prod/a").status == 404
    assert visit(out["Url"] + "/prod/b").json["stageVariables"] == {"v": "3"}
    client = cloudlet.client("cloudformation")
    client.delete_stack(StackName="plain")
    client.get_waiter("stack_delete_complete").wait(StackName="plain", WaiterConfig={"Delay": 0.05})
    assert visit(out["Url"] + "/prod/b").status == 404

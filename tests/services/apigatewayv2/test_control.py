"""The control plane: what can be made, listed, changed and not."""

import pytest
from botocore.exceptions import ClientError

from .conftest import visit


def refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_an_api_is_shown_as_it_was_made(api):
    made = api.create_api(Name="shown", ProtocolType="HTTP", Description="d", Version="1", Tags={"a": "b"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["ApiEndpoint"].endswith(f"/_site/execute-api/{made['ApiId']}")
    assert made["RouteSelectionExpression"] == "$request.method $request.path"
    got = api.get_api(ApiId=made["ApiId"])
    assert (got["Name"], got["Description"], got["Version"], got["Tags"]) == ("shown", "d", "1", {"a": "b"})
    assert api.update_api(ApiId=made["ApiId"], Name="other")["Name"] == "other"
    assert made["ApiId"] in [one["ApiId"] for one in api.get_apis()["Items"]]
    api.delete_api(ApiId=made["ApiId"])
    assert refusal(api.get_api, ApiId=made["ApiId"]) == (
        "NotFoundException", f"Invalid API identifier specified 000000000000:{made['ApiId']}")


def test_apis_of_another_region_or_account_are_not_seen(api, cloudlet):
    id = api.create_api(Name="here", ProtocolType="HTTP")["ApiId"]
    for there in (cloudlet.client("apigatewayv2", region="eu-west-1"),
                  cloudlet.client("apigatewayv2", key="111111111111")):
        assert refusal(there.get_api, ApiId=id)[0] == "NotFoundException"


def test_lists_come_in_pages(api):
    id = api.create_api(Name="pages", ProtocolType="HTTP")["ApiId"]
    for n in range(5):
        api.create_route(ApiId=id, RouteKey=f"GET /{n}")
    pages = list(api.get_paginator("get_routes").paginate(ApiId=id, PaginationConfig={"PageSize": 2}))
    assert [len(page["Items"]) for page in pages] == [2, 2, 1]


@pytest.mark.parametrize("key", ["GET", "FETCH /a", "GET a", "GET /{a+}/b", "GET /a{b}", "/a", "get /a"])
def test_a_route_key_has_a_form(api, key):
    id = api.create_api(Name="keys", ProtocolType="HTTP")["ApiId"]
    assert refusal(api.create_route, ApiId=id, RouteKey=key)[0] == "BadRequestException"


def test_routes_are_unique_and_lead_somewhere(api):
    id = api.create_api(Name="unique", ProtocolType="HTTP")["ApiId"]
    api.create_route(ApiId=id, RouteKey="GET /a")
    assert refusal(api.create_route, ApiId=id, RouteKey="GET /a") == (
        "ConflictException", "Route with key GET /a already exists for this API")
    assert refusal(api.create_route, ApiId=id, RouteKey="GET /b", Target="integrations/nope")[0] == (
        "BadRequestException")
    assert refusal(api.get_route, ApiId=id, RouteId="nope")[0] == "NotFoundException"


def test_an_integration_in_use_stays(api, serve, echo):
    id, _ = serve({"GET /": echo})
    integration = api.get_integrations(ApiId=id)["Items"][0]["IntegrationId"]
    assert refusal(api.delete_integration, ApiId=id, IntegrationId=integration)[0] == "ConflictException"
    route = api.get_routes(ApiId=id)["Items"][0]["RouteId"]
    api.delete_route(ApiId=id, RouteId=route)
    api.delete_integration(ApiId=id, IntegrationId=integration)


@pytest.mark.parametrize("members", [
    {"IntegrationType": "MOCK"}, {"IntegrationType": "AWS_PROXY", "IntegrationUri": "nonsense"},
    {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "ftp://x", "IntegrationMethod": "GET"},
    {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "http://x"},
    {"IntegrationType": "AWS_PROXY", "IntegrationUri": "arn:aws:lambda:us-east-1:000000000000:function:f",
     "TimeoutInMillis": 31_000}])
def test_an_integration_that_can_not_work_is_refused(api, members):
    id = api.create_api(Name="refused", ProtocolType="HTTP")["ApiId"]
    assert refusal(api.create_integration, ApiId=id, **members)[0] == "BadRequestException"


def test_what_is_not_honoured_is_refused_by_name(api):
    assert refusal(api.create_api, Name="ws", ProtocolType="WEBSOCKET")[0] == "BadRequestException"
    id = api.create_api(Name="named", ProtocolType="HTTP")["ApiId"]
    assert "AWS_IAM" in refusal(api.create_route, ApiId=id, RouteKey="GET /", AuthorizationType="AWS_IAM")[1]
    code, message = refusal(api.create_integration, ApiId=id, IntegrationType="AWS_PROXY",
                            IntegrationSubtype="AppConfig-GetConfiguration")
    assert code == "NotHonoured" and "AppConfig" in message
    code, message = refusal(api.create_integration, ApiId=id, IntegrationType="AWS_PROXY",
                            TlsConfig={"ServerNameToVerify": "x"})
    assert code == "NotHonoured" and "TlsConfig" in message


def test_a_disabled_endpoint_is_not_found(api, serve, echo):
    id, url = serve({"GET /": echo})
    api.update_api(ApiId=id, DisableExecuteApiEndpoint=True)
    assert visit(url + "/").status == 404
    api.update_api(ApiId=id, DisableExecuteApiEndpoint=False)
    assert visit(url + "/").status == 200


def test_tags_of_apis_and_stages(api):
    id = api.create_api(Name="tags", ProtocolType="HTTP", Tags={"a": "1"})["ApiId"]
    api.create_stage(ApiId=id, StageName="s", Tags={"s": "1"})
    arn = f"arn:aws:apigateway:us-east-1::/apis/{id}"
    api.tag_resource(ResourceArn=arn, Tags={"b": "2"})
    assert api.get_tags(ResourceArn=arn)["Tags"] == {"a": "1", "b": "2"}
    api.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert api.get_api(ApiId=id)["Tags"] == {"b": "2"}
    assert api.get_tags(ResourceArn=f"{arn}/stages/s")["Tags"] == {"s": "1"}


def test_a_stage_has_its_own_rules(api):
    id = api.create_api(Name="stages", ProtocolType="HTTP")["ApiId"]
    api.create_stage(ApiId=id, StageName="s", StageVariables={"a": "1", "b": "2"})
    assert refusal(api.create_stage, ApiId=id, StageName="s") == ("ConflictException", "Stage already exists")
    assert refusal(api.create_stage, ApiId=id, StageName="no/slash")[0] == "BadRequestException"
    assert refusal(api.create_stage, ApiId=id, StageName="d", DeploymentId="nope")[0] == "NotFoundException"
    changed = api.update_stage(ApiId=id, StageName="s", StageVariables={"a": "", "c": "3"})
    assert changed["StageVariables"] == {"b": "2", "c": "3"}
    assert (
        refusal(
            api.update_stage, ApiId=id, StageName="s", DefaultRouteSettings={"DetailedMetricsEnabled": True}
        )[0]
        == "BadRequestException"
    )
    api.delete_stage(ApiId=id, StageName="s")
    assert refusal(api.get_stage, ApiId=id, StageName="s")[0] == "NotFoundException"

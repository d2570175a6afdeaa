"""Function URLs and permissions in templates: what SAM adds by itself, and what a plain template must say."""

import json

import pytest

from .conftest import PYTHON, ROLE, zipped
from .visiting import visit

CODE = "def handler(event, context): return context.function_version"


@pytest.fixture
def stack(cloudlet, request):
    """Make a stack of these resources; its outputs, or what became of it."""
    client = cloudlet.client("cloudformation")
    name = "".join(c if c.isalnum() else "-" for c in request.node.name).strip("-")

    def stack(resources, outputs, **more):
        template = {"Resources": resources, **more, "Outputs": {
            key: {"Value": value} for key, value in outputs.items()}}
        client.create_stack(StackName=name, TemplateBody=json.dumps(template),
                            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
        made, = client.describe_stacks(StackName=name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}
    yield stack
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})


@pytest.mark.parametrize("alias", [{}, {"AutoPublishAlias": "live"}])
def test_a_sam_function_with_a_public_url_can_be_visited(stack, cloudlet, alias):
    bucket, key = "code", f"app{len(alias)}.zip"
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=zipped(app_py=CODE))
    made = stack({"Hello": {"Type": "AWS::Serverless::Function", "Properties": {
        "Runtime": PYTHON, "Handler": "app.handler", "CodeUri": f"s3://{bucket}/{key}",
        "FunctionUrlConfig": {"AuthType": "NONE", "Cors": {"AllowOrigins": ["*"]}}, **alias}}},
        {"Url": {"Fn::GetAtt": ["HelloUrl", "FunctionUrl"]}}, Transform="AWS::Serverless-2016-10-31")
    answer = visit(made["Url"], headers={"Origin": "https://a.example"})
    assert (answer.status, answer.body) == (200, b"1" if alias else b"$LATEST")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


def test_a_plain_template_must_give_both_permissions(stack, cloudlet):
    function = {"Type": "AWS::Lambda::Function", "Properties": {
        "Runtime": PYTHON, "Handler": "index.handler", "Role": ROLE, "Code": {"ZipFile": CODE}}}
    url = {"Type": "AWS::Lambda::Url", "Properties": {
        "AuthType": "NONE", "TargetFunctionArn": {"Fn::GetAtt": ["F", "Arn"]}}}
    said = {"FunctionName": {"Ref": "F"}, "Principal": "*"}
    made = stack({
        "F": function, "U": url,
        "P": {"Type": "AWS::Lambda::Permission", "Properties": {
            **said, "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}}},
        {"Url": {"Fn::GetAtt": ["U", "FunctionUrl"]}, "Name": {"Ref": "F"}})
    assert visit(made["Url"]).status == 403
    cloudlet.client("lambda").add_permission(
        FunctionName=made["Name"], StatementId="more", Action="lambda:InvokeFunction", Principal="*",
        InvokedViaFunctionUrl=True)
    assert visit(made["Url"]).status == 200


def test_a_template_shares_a_layer(stack, cloudlet):
    layer = cloudlet.client("lambda").publish_layer_version(
        LayerName="of-a-stack", Content={"ZipFile": zipped(a_py="")})["LayerVersionArn"]
    stack({"P": {"Type": "AWS::Lambda::LayerVersionPermission", "Properties": {
        "Action": "lambda:GetLayerVersion", "LayerVersionArn": layer, "Principal": "222222222222"}}},
        {"Id": {"Ref": "P"}})
    stranger = cloudlet.client("lambda", key="222222222222")
    assert stranger.get_layer_version_by_arn(Arn=layer)["LayerVersionArn"] == layer

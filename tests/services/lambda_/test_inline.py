"""Inline code that answers for a custom resource, with the module that CloudFormation puts beside it."""

import json

import pytest

from .conftest import PYTHON, ROLE

_PYTHON = """
import cfnresponse

def handler(event, context):
    if event["RequestType"] == "Create" and event["ResourceProperties"]["Size"] == "0":
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason="too small")
    else:
        cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Size": "it is 1"}, "thing")
"""
_JAVASCRIPT = """
const response = require('cfn-response');
exports.handler = (event, context) => {
  const ok = event.RequestType !== 'Create' || event.ResourceProperties.Size !== '0';
  response.send(event, context, ok ? response.SUCCESS : response.FAILED, { Size: 'it is 1' }, 'thing');
};
"""

_STUBBORN = """
const https = require('https');
const url = require('url');
exports.handler = (event, context) => {
  const ok = event.RequestType !== 'Create' || event.ResourceProperties.Size !== '0';
  const body = JSON.stringify({
    Status: ok ? 'SUCCESS' : 'FAILED', Reason: 'See the details in CloudWatch Log Stream: x',
    PhysicalResourceId: 'thing', StackId: event.StackId, RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId, Data: { Size: 'it is 1' } });
  const { hostname, path } = url.parse(event.ResponseURL);
  const headers = { 'content-type': '', 'content-length': body.length };
  const request = https.request({ hostname, port: 443, path, method: 'PUT', headers }, () => context.done());
  request.write(body);
  request.end();
};
"""  # as the copies of cfn-response do it that applications bring along


def _template(code, runtime, size):
    return json.dumps({
        "Resources": {
            "Maker": {"Type": "AWS::Lambda::Function", "Properties": {
                "Code": {"ZipFile": code}, "Role": ROLE, "Runtime": runtime, "Handler": "index.handler"}},
            "Thing": {"Type": "Custom::Thing", "Properties": {
                "ServiceToken": {"Fn::GetAtt": ["Maker", "Arn"]}, "Size": size}}},
        "Outputs": {"Size": {"Value": {"Fn::GetAtt": ["Thing", "Size"]}}, "Id": {"Value": {"Ref": "Thing"}}}})


@pytest.fixture(params=[_PYTHON, _JAVASCRIPT, _STUBBORN], ids=["python", "javascript", "stubborn"])
def maker(request):
    """Code and a runtime for it."""
    return request.param, PYTHON if request.param is _PYTHON else request.getfixturevalue("node")


def test_inline_code_answers_for_a_custom_resource(cloudlet, eventually, maker):
    client, name = cloudlet.client("cloudformation"), f"inline-{abs(hash(maker))}"

    def stack():
        found = client.describe_stacks(StackName=name)["Stacks"][0]
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

    client.create_stack(StackName=name, TemplateBody=_template(*maker, 1))
    made = eventually(stack)
    assert made["StackStatus"] == "CREATE_COMPLETE"
    assert {one["OutputKey"]: one["OutputValue"] for one in made["Outputs"]} == {
        "Size": "it is 1", "Id": "thing"}


def test_what_inline_code_can_not_make_fails_with_its_reason(cloudlet, eventually, maker):
    client, name = cloudlet.client("cloudformation"), f"inline-fails-{abs(hash(maker))}"

    def over():
        found = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return None if found.endswith("_IN_PROGRESS") else found

    client.create_stack(StackName=name, TemplateBody=_template(*maker, 0))
    assert eventually(over) == "ROLLBACK_COMPLETE"
    reasons = [one.get("ResourceStatusReason", "")
               for one in client.describe_stack_events(StackName=name)["StackEvents"]]
    said = "too small" if maker[0] is _PYTHON else "See the details in CloudWatch Log Stream: "
    assert any(f"Message returned: {said}" in reason for reason in reasons), reasons

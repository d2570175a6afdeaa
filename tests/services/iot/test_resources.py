"""Topic rules in templates: CloudFormation's type, and SAM's event of a function."""

import json
import time

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/iot"
RULE = {"Type": "AWS::IoT::TopicRule", "Properties": {
    "Tags": [{"Key": "team", "Value": "home"}],
    "TopicRulePayload": {
        "Sql": "SELECT * FROM 'built/#'", "AwsIotSqlVersion": "2016-03-23", "RuleDisabled": False,
        "Actions": [{"Sqs": {"QueueUrl": {"Ref": "Queue"}, "RoleArn": ROLE, "UseBase64": "false"}},
                    {"DynamoDBv2": {"PutItem": {"TableName": "t"}, "RoleArn": ROLE}}],
        "ErrorAction": {"Republish": {"Topic": "errors", "RoleArn": ROLE, "Qos": "1"}}}}}
TEMPLATE = {
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Rule": RULE},
    "Outputs": {"Rule": {"Value": {"Ref": "Rule"}}, "Arn": {"Value": {"Fn::GetAtt": ["Rule", "Arn"]}},
                "Queue": {"Value": {"Ref": "Queue"}}}}
SAM = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {"Told": {"Type": "AWS::Serverless::Function", "Properties": {
        "Runtime": "python3.11", "Handler": "index.handler",
        "InlineCode": "def handler(event, context):\n    print('got', event['n'])\n",
        "Events": {"Sensor": {"Type": "IoTRule", "Properties": {
            "Sql": "SELECT n FROM 'sensors/+'", "AwsIotSqlVersion": "2016-03-23"}}}}}},
    "Outputs": {"Name": {"Value": {"Ref": "Told"}}}}


def deploy(running, name: str, template: dict, *, update: bool = False) -> dict[str, str]:
    """A stack's outputs, once it stands."""
    client = running.client("cloudformation")
    (client.update_stack if update else client.create_stack)(
        StackName=name, TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    waiter = client.get_waiter("stack_update_complete" if update else "stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1})
    return {one["OutputKey"]: one["OutputValue"]
            for one in client.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}


def test_a_template_makes_changes_and_deletes_a_rule(cloudlet):
    iot, sqs = cloudlet.client("iot"), cloudlet.client("sqs")
    found = deploy(cloudlet, "built-of-iot", TEMPLATE)
    assert found["Rule"].startswith("built_of_iot_Rule_") and found["Arn"].endswith(f":rule/{found['Rule']}")
    shown = iot.get_topic_rule(ruleName=found["Rule"])["rule"]
    assert shown["errorAction"] == {"republish": {"topic": "errors", "roleArn": ROLE, "qos": 1}}
    assert shown["actions"][1] == {"dynamoDBv2": {"putItem": {"tableName": "t"}, "roleArn": ROLE}}
    assert {"Key": "team", "Value": "home"} in iot.list_tags_for_resource(resourceArn=found["Arn"])["tags"]
    cloudlet.client("iot-data").publish(topic="built/x", payload=b"{}")
    assert sqs.receive_message(QueueUrl=found["Queue"], WaitTimeSeconds=5)["Messages"][0]["Body"] == "{}"
    changed = json.loads(json.dumps(TEMPLATE))
    changed["Resources"]["Rule"]["Properties"].pop("Tags")
    changed["Resources"]["Rule"]["Properties"]["TopicRulePayload"] |= {
        "RuleDisabled": True,
        "Description": "d",
    }
    assert deploy(cloudlet, "built-of-iot", changed, update=True)["Rule"] == found["Rule"]
    shown = iot.get_topic_rule(ruleName=found["Rule"])["rule"]
    assert (shown["ruleDisabled"], shown["description"]) == (True, "d")
    tags = iot.list_tags_for_resource(resourceArn=found["Arn"])["tags"]
    assert "team" not in [tag["Key"] for tag in tags]
    stacks = cloudlet.client("cloudformation")
    stacks.delete_stack(StackName="built-of-iot")
    stacks.get_waiter("stack_delete_complete").wait(StackName="built-of-iot", WaiterConfig={"Delay": 0.1})
    with pytest.raises(ClientError, match="was denied"):
        iot.get_topic_rule(ruleName=found["Rule"])


def test_a_function_of_sam_hears_of_messages(cloudlet):
    function = deploy(cloudlet, "hears-of-iot", SAM)["Name"]
    cloudlet.client("iot-data").publish(topic="sensors/one", payload=b'{"n": 3, "m": 4}')
    logs, deadline = cloudlet.client("logs"), time.monotonic() + 20

    def written() -> list[str]:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        except ClientError:
            return []
        return [one["message"].strip() for one in found if one["message"].startswith("got")]

    while not written():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert written() == ["got 3"]


def test_an_action_that_is_not_here_fails_before_anything_is_made(cloudlet):
    template = json.loads(json.dumps(TEMPLATE))
    payload = template["Resources"]["Rule"]["Properties"]["TopicRulePayload"]
    payload["Actions"] = [{"Timestream": {"DatabaseName": "d"}}]
    with pytest.raises(ClientError, match="Timestream"):
        deploy(cloudlet, "refused-of-iot", template)

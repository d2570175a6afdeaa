"""EventBridge in templates: CloudFormation's types, and SAM's events."""

import json

import pytest

from .conftest import Inbox

RESOURCES = {
    "Bus": {"Type": "AWS::Events::EventBus", "Properties": {
        "Name": "built", "Description": "one", "Tags": [{"Key": "team", "Value": "a"}]}},
    "Friend": {"Type": "AWS::Events::EventBusPolicy", "Properties": {
        "EventBusName": {"Ref": "Bus"}, "StatementId": "friend", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "events:PutEvents",
            "Resource": {"Fn::GetAtt": ["Bus", "Arn"]}}}},
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Open": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                       "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                       "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}}}]}}},
    "Rule": {"Type": "AWS::Events::Rule", "Properties": {
        "EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": ["shop"]},
        "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "InputPath": "$.detail",
                     "RetryPolicy": {"MaximumRetryAttempts": "4"}}]}},
    "Archive": {"Type": "AWS::Events::Archive", "Properties": {
        "SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}, "RetentionDays": 7,
        "EventPattern": {"source": ["shop"]}}},
    "Connection": {"Type": "AWS::Events::Connection", "Properties": {
        "AuthorizationType": "API_KEY", "AuthParameters": {
            "ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"},
            "InvocationHttpParameters": {"HeaderParameters": [{"Key": "a", "Value": "b"}]}}}},
    "Destination": {"Type": "AWS::Events::ApiDestination", "Properties": {
        "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]}, "HttpMethod": "POST",
        "InvocationEndpoint": "https://example.com", "InvocationRateLimitPerSecond": 10}},
}
OUTPUTS = {name: {"Value": {"Ref": name}}
           for name in ("Bus", "Rule", "Archive", "Connection", "Destination", "Queue")}
SAM = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {"Told": {"Type": "AWS::Serverless::Function", "Properties": {
        "Runtime": "python3.11", "Handler": "index.handler",
        "InlineCode": "import json\ndef handler(event, context):\n    print('GOT ' + json.dumps(event))\n",
        "Events": {
            "Placed": {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["shop"]}}},
            "Old": {"Type": "CloudWatchEvent", "Properties": {"Pattern": {"source": ["old"]}}},
            "Nightly": {"Type": "Schedule", "Properties": {
                "Schedule": "cron(0 3 * * ? *)", "Input": '{"night": true}', "Enabled": True,
                "RetryPolicy": {"MaximumRetryAttempts": 3}}}}}}},
    "Outputs": {"Name": {"Value": {"Ref": "Told"}}},
}


def deploy(running, name, template, *, update=False):
    """A stack's outputs, once it stands."""
    client = running.client("cloudformation")
    (client.update_stack if update else client.create_stack)(
        StackName=name, TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    waiter = client.get_waiter("stack_update_complete" if update else "stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1})
    outputs = client.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {one["OutputKey"]: one["OutputValue"] for one in outputs}


def test_a_template_makes_changes_and_deletes_all_of_it(cloudlet, refused):
    events = cloudlet.client("events")
    found = deploy(cloudlet, "built", {"Resources": RESOURCES, "Outputs": OUTPUTS})
    bus, rule = found["Rule"].split("|")
    assert (found["Bus"], bus) == ("built", "built") and rule.startswith("built-Rule-")
    described = events.describe_event_bus(Name="built")
    assert described["Description"] == "one"
    assert json.loads(described["Policy"])["Statement"][0]["Sid"] == "friend"
    inbox = Inbox(cloudlet)
    inbox.url = found["Queue"]
    events.put_events(Entries=[{"EventBusName": "built", "Source": "shop", "DetailType": "t",
                                "Detail": '{"n":1}'}])
    assert inbox.bodies() == ['{"n":1}']
    assert events.describe_archive(ArchiveName=found["Archive"])["EventCount"] == 1
    destination = events.describe_api_destination(Name=found["Destination"])
    assert (destination["ApiDestinationState"], destination["InvocationRateLimitPerSecond"]) == ("ACTIVE", 10)

    changed = json.loads(json.dumps(RESOURCES))
    changed["Bus"]["Properties"] = {"Name": "built"}
    changed["Rule"]["Properties"]["State"] = "DISABLED"
    changed["Rule"]["Properties"]["Targets"][0]["Id"] = "renamed"
    changed["Archive"]["Properties"].pop("EventPattern")
    del changed["Friend"]
    deploy(cloudlet, "built", {"Resources": changed, "Outputs": OUTPUTS}, update=True)
    described = events.describe_event_bus(Name="built")
    assert "Description" not in described and "Policy" not in described
    assert events.describe_rule(Name=rule, EventBusName="built")["State"] == "DISABLED"
    targets = events.list_targets_by_rule(Rule=rule, EventBusName="built")["Targets"]
    assert [target["Id"] for target in targets] == ["renamed"]
    assert "EventPattern" not in events.describe_archive(ArchiveName=found["Archive"])

    client = cloudlet.client("cloudformation")
    client.delete_stack(StackName="built")
    client.get_waiter("stack_delete_complete").wait(StackName="built", WaiterConfig={"Delay": 0.1})
    assert refused(events.describe_event_bus, Name="built")[0] == "ResourceNotFoundException"
    assert refused(events.describe_connection, Name=found["Connection"])[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(("type", "properties", "name"), [
    ("EventBus", {"Name": "x", "LogConfig": {"Level": "INFO"}}, "LogConfig"),
    ("EventBus", {"Name": "x", "EventSourceName": "aws.partner/a/b"}, "EventSourceName"),
    ("Rule", {"EventPattern": {"a": [1]}, "Targets": [{
        "Id": "x", "Arn": "arn:aws:ecs:us-east-1:0:cluster/c", "EcsParameters": {"TaskDefinitionArn": "t"}}]},
     "EcsParameters")])
def test_what_is_not_honoured_is_refused_before_anything_is_made(cloudlet, refused, type, properties, name):
    code, message = refused(cloudlet.client("cloudformation").create_stack, StackName="refused",
                            TemplateBody=json.dumps(
        {"Resources": {"X": {"Type": f"AWS::Events::{type}", "Properties": properties}}}))
    assert code == "ValidationError" and name in message


def test_sams_events_invoke_their_function(fresh):
    pytest.importorskip("samtranslator", reason="the SAM translator is not installed")
    running = fresh()
    running.control("clock", {"freeze": True, "set": 1736539200})  # 2025-01-10T20:00:00Z
    name = deploy(running, "sam", SAM)["Name"]
    running.client("events").put_events(Entries=[
        {"Source": source, "DetailType": "t", "Detail": "{}"} for source in ("shop", "old", "other")])
    logs = running.client("logs")

    def got(count):
        """What the function printed, once it has run so often."""
        for _ in range(5000):
            try:
                found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="GOT")
            except logs.exceptions.ResourceNotFoundException:
                continue
            lines = found["events"]
            if len(lines) >= count:
                return [json.loads(line["message"].partition("GOT ")[2]) for line in lines]
        raise AssertionError("it never ran so often")

    assert sorted(event["source"] for event in got(2)) == ["old", "shop"]
    running.advance(8 * 3600)
    assert {"night": True} in got(3)

"""Mappings in templates: CloudFormation's type with all it can say, and SAM's events."""

import json

import pytest

CODE = "def handler(event, context):\n    return {}\n"
TABLE = {"Type": "AWS::DynamoDB::Table", "Properties": {
    "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}}}
FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {
    "Runtime": "python3.11", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/any",
    "Code": {"ZipFile": CODE}}}


@pytest.fixture
def stack(cloudlet, request):
    """Deploys a template under one name, again and again; what mappings there are comes back."""
    client, functions = cloudlet.client("cloudformation"), cloudlet.client("lambda")
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    there = []

    def deploy(template):
        given = {"StackName": name, "TemplateBody": json.dumps(template),
                 "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]}
        kind = "update" if there else "create"
        getattr(client, f"{kind}_stack")(**given)
        there.append(name)
        client.get_waiter(f"stack_{kind}_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
        resources = {one["LogicalResourceId"]: one["PhysicalResourceId"]
                     for one in client.list_stack_resources(StackName=name)["StackResourceSummaries"]}
        return {logical: functions.get_event_source_mapping(UUID=physical)
                for logical, physical in resources.items() if logical.startswith("Mapping")}

    deploy.delete = lambda: (client.delete_stack(StackName=name), client.get_waiter(
        "stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1}))
    return deploy


def mapping(**properties):
    return {"Resources": {"Table": TABLE, "Function": FUNCTION, "Failed": {"Type": "AWS::SQS::Queue"},
                          "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
                              "EventSourceArn": {"Fn::GetAtt": ["Table", "StreamArn"]},
                              "FunctionName": {"Ref": "Function"}, "StartingPosition": "TRIM_HORIZON",
                              **properties}}}}


SAID = {"BatchSize": 7, "MaximumBatchingWindowInSeconds": 2, "ParallelizationFactor": 3,
        "MaximumRecordAgeInSeconds": 120, "MaximumRetryAttempts": 4, "BisectBatchOnFunctionError": True,
        "TumblingWindowInSeconds": 60, "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}}


def test_a_stack_makes_changes_and_deletes_a_mapping_of_a_stream(stack, cloudlet):
    failed = {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failed", "Arn"]}}}
    tags = [{"Key": "team", "Value": "a"}]
    made = stack(mapping(**SAID, DestinationConfig=failed, Tags=tags))["Mapping"]
    assert {key: made[key] for key in SAID} == SAID and made["StartingPosition"] == "TRIM_HORIZON"
    assert made["DestinationConfig"]["OnFailure"]["Destination"].startswith("arn:aws:sqs:")
    functions = cloudlet.client("lambda")
    assert functions.list_tags(Resource=made["EventSourceMappingArn"])["Tags"]["team"] == "a"
    now = stack(mapping(BatchSize=8, Tags=[{"Key": "team", "Value": "b"}]))["Mapping"]
    assert now["UUID"] == made["UUID"] and now["BatchSize"] == 8
    assert (now["MaximumRetryAttempts"], now["TumblingWindowInSeconds"], now["DestinationConfig"],
            now["FunctionResponseTypes"]) == (-1, 0, {"OnFailure": {}}, [])
    assert "FilterCriteria" not in now
    assert functions.list_tags(Resource=made["EventSourceMappingArn"])["Tags"]["team"] == "b"
    assert stack(mapping())["Mapping"]["BatchSize"] == 100
    stack.delete()


def test_sams_events_are_mappings(stack, cloudlet):
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {
        "Table": TABLE, "Queue": {"Type": "AWS::SQS::Queue"},
        "Function": {"Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "python3.11", "Handler": "index.handler", "InlineCode": CODE, "Events": {
                "Changed": {"Type": "DynamoDB", "Properties": {
                    "Stream": {"Fn::GetAtt": ["Table", "StreamArn"]}, "StartingPosition": "LATEST",
                    "BatchSize": 5, "BisectBatchOnFunctionError": True, "MaximumRetryAttempts": 2,
                    "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["REMOVE"]}'}]}}},
                "Asked": {"Type": "SQS", "Properties": {
                    "Queue": {"Fn::GetAtt": ["Queue", "Arn"]}, "BatchSize": 50,
                    "MaximumBatchingWindowInSeconds": 5, "ScalingConfig": {"MaximumConcurrency": 4},
                    "FunctionResponseTypes": ["ReportBatchItemFailures"]}}}}}}}
    stack(template)
    listed = cloudlet.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    changed, = (one for one in listed if ":table/" in one["EventSourceArn"])
    asked, = (one for one in listed if ":sqs:" in one["EventSourceArn"])
    assert (changed["BatchSize"], changed["BisectBatchOnFunctionError"], changed["MaximumRetryAttempts"]) == (
        5, True, 2)
    assert changed["FilterCriteria"] == {"Filters": [{"Pattern": '{"eventName": ["REMOVE"]}'}]}
    assert (asked["BatchSize"], asked["ScalingConfig"]) == (50, {"MaximumConcurrency": 4})
    stack.delete()

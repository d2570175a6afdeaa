"""Schedules in templates: CloudFormation's types, and SAM's ScheduleV2 events."""

import json

import pytest

from .conftest import ROLE

CODE = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["HEARD"], MessageBody=json.dumps(event))
"""


@pytest.fixture
def stack(cloudlet, request):
    """Deploys a template under one name, again and again; the physical ids come back."""
    client = cloudlet.client("cloudformation")
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    there = []

    def deploy(template):
        kind = "update" if there else "create"
        getattr(client, f"{kind}_stack")(StackName=name, TemplateBody=json.dumps(template), Capabilities=[
            "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        there.append(name)
        client.get_waiter(f"stack_{kind}_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
        outputs = client.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
        return {one["OutputKey"]: one["OutputValue"] for one in outputs}

    deploy.delete = lambda: (client.delete_stack(StackName=name), client.get_waiter(
        "stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1}))
    return deploy


def template(expression, tags=(), **more):
    return {
        "Resources": {
            "Box": {"Type": "AWS::SQS::Queue"},
            "Group": {
                "Type": "AWS::Scheduler::ScheduleGroup",
                "Properties": {"Name": "stacked", "Tags": [{"Key": key, "Value": "v"} for key in tags]},
            },
            "Schedule": {
                "Type": "AWS::Scheduler::Schedule",
                "Properties": {
                    "GroupName": {"Ref": "Group"},
                    "ScheduleExpression": expression,
                    "FlexibleTimeWindow": {"Mode": "OFF"},
                    "Target": {
                        "Arn": {"Fn::GetAtt": ["Box", "Arn"]},
                        "RoleArn": ROLE,
                        "Input": "hello",
                        "RetryPolicy": {"MaximumRetryAttempts": "3"},
                    },
                    **more,
                },
            },
        },
        "Outputs": {
            "Name": {"Value": {"Ref": "Schedule"}},
            "Arn": {"Value": {"Fn::GetAtt": ["Schedule", "Arn"]}},
            "Group": {"Value": {"Fn::GetAtt": ["Group", "Arn"]}},
        },
    }


def test_a_stack_makes_changes_and_deletes_a_schedule_and_its_group(stack, scheduler, refused):
    made = stack(template("rate(1 day)", ["a"], StartDate="2099-01-01T00:00:00.000Z"))
    found = scheduler.get_schedule(Name=made["Name"], GroupName="stacked")
    assert found["Arn"] == made["Arn"] and found["StartDate"].year == 2099
    assert found["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 3
    assert [tag["Key"] for tag in scheduler.list_tags_for_resource(ResourceArn=made["Group"])["Tags"]] == [
        "a"
    ]
    again = stack(template("at(2099-01-01T00:00:00)", ["b"], Description="new", State="DISABLED"))
    assert again == made
    found = scheduler.get_schedule(Name=made["Name"], GroupName="stacked")
    assert (found["ScheduleExpression"], found["Description"]) == ("at(2099-01-01T00:00:00)", "new")
    assert "StartDate" not in found and found["State"] == "DISABLED"
    assert [tag["Key"] for tag in scheduler.list_tags_for_resource(ResourceArn=made["Group"])["Tags"]] == [
        "b"
    ]
    stack.delete()
    assert refused(scheduler.get_schedule_group, Name="stacked")[0] == "ResourceNotFoundException"


def test_sams_event_runs_a_function_as_the_role_that_sam_makes(stack, cloudlet, scheduler):
    made = stack({
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Heard": {"Type": "AWS::SQS::Queue"},
            "Hello": {"Type": "AWS::Serverless::Function", "Properties": {
                "Runtime": "python3.11", "Handler": "index.handler", "InlineCode": CODE, "Timeout": 30,
                "Environment": {"Variables": {"HEARD": {"Ref": "Heard"}}},
                "Policies": [{"SQSSendMessagePolicy": {"QueueName": {"Fn::GetAtt": ["Heard", "QueueName"]}}}],
                "Events": {"Tick": {"Type": "ScheduleV2", "Properties": {
                    "ScheduleExpression": "rate(1 day)", "Input": '{"tick": 1}',
                    "RetryPolicy": {"MaximumRetryAttempts": 5},
                    "DeadLetterConfig": {"Type": "SQS", "QueueLogicalId": "Dead"}}}}}}},
        "Outputs": {"Heard": {"Value": {"Ref": "Heard"}}}})
    got = cloudlet.client("sqs").receive_message(QueueUrl=made["Heard"], WaitTimeSeconds=20)["Messages"]
    assert [one["Body"] for one in got] == ['{"tick": 1}']
    name = next(one["Name"] for one in scheduler.list_schedules(GroupName="default")["Schedules"]
                if "Tick" in one["Name"])
    target = scheduler.get_schedule(Name=name)["Target"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 5 and target["DeadLetterConfig"]["Arn"]
    role = target["RoleArn"].rpartition("/")[2]
    assert "TickRole" in role and cloudlet.client("iam").get_role(RoleName=role)
    stack.delete()

"""What is there already belongs to whoever made it: no stack takes it over."""

import json

import pytest
from botocore.exceptions import WaiterError

ROLE = "arn:aws:iam::000000000000:role/any"
MACHINE = {"RoleArn": ROLE, "DefinitionString": json.dumps(
    {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})}
# by type: its properties, and how one sees that it is there
TYPES = {
    "AWS::SQS::Queue": ({"QueueName": "claimed"}, "sqs", "get_queue_url", {"QueueName": "claimed"}),
    "AWS::SNS::Topic": ({"TopicName": "claimed"}, "sns", "get_topic_attributes",
                        {"TopicArn": "arn:aws:sns:us-east-1:000000000000:claimed"}),
    "AWS::Events::Rule": ({"Name": "claimed", "EventPattern": {"source": ["a"]}}, "events", "describe_rule",
                          {"Name": "claimed"}),
    "AWS::S3::Bucket": ({"BucketName": "claimed"}, "s3", "head_bucket", {"Bucket": "claimed"}),
    "AWS::StepFunctions::StateMachine": (
        {"StateMachineName": "claimed", **MACHINE}, "stepfunctions", "describe_state_machine",
        {"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:claimed"}),
    "AWS::StepFunctions::Activity": (
        {"Name": "claimed"}, "stepfunctions", "describe_activity",
        {"activityArn": "arn:aws:states:us-east-1:000000000000:activity:claimed"}),
}


@pytest.mark.parametrize("type", TYPES)
def test_a_second_stack_fails_and_leaves_what_the_first_has(cloudlet, type):
    properties, service, operation, which = TYPES[type]
    stacks = cloudlet.client("cloudformation")
    template = json.dumps({"Resources": {"It": {"Type": type, "Properties": properties}}})
    first, second = (f"{name}-{type.replace('::', '-')}" for name in ("first", "second"))
    for name in (first, second):
        stacks.create_stack(StackName=name, TemplateBody=template)
        waiter = stacks.get_waiter("stack_create_complete")
        if name == first:
            waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1})
        else:
            with pytest.raises(WaiterError):
                waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1})
    reasons = [event.get("ResourceStatusReason", "")
               for event in stacks.describe_stack_events(StackName=second)["StackEvents"]]
    assert any(f"Resource of type '{type}' with identifier 'claimed' already exists." in one
               for one in reasons), reasons
    getattr(cloudlet.client(service), operation)(**which)

"""Tags: a resource has its stack's and its own, and loses those that neither gives it any more."""

import json

import pytest

ROLE = "arn:aws:iam::000000000000:role/any"
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole"}]}
KEY = {"AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
       "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
# by type: further properties, what Ref or an attribute gives, and how tags are asked for by that
TYPES = {
    "AWS::SQS::Queue": ({}, "Ref", "sqs", "list_queue_tags", "QueueUrl"),
    "AWS::SNS::Topic": ({}, "Ref", "sns", "list_tags_for_resource", "ResourceArn"),
    "AWS::Events::Rule": ({"EventPattern": {"source": ["a"]}}, "Arn", "events", "list_tags_for_resource",
                          "ResourceARN"),
    "AWS::Events::EventBus": ({"Name": "tagged"}, "Arn", "events", "list_tags_for_resource", "ResourceARN"),
    "AWS::SecretsManager::Secret": ({"SecretString": "x"}, "Ref", "secretsmanager", "describe_secret",
                                    "SecretId"),
    "AWS::Logs::LogGroup": ({}, "Ref", "logs", "list_tags_log_group", "logGroupName"),
    "AWS::DynamoDB::Table": (KEY, "Arn", "dynamodb", "list_tags_of_resource", "ResourceArn"),
    "AWS::Kinesis::Stream": ({}, "Arn", "kinesis", "list_tags_for_resource", "ResourceARN"),
    "AWS::Scheduler::ScheduleGroup": ({}, "Arn", "scheduler", "list_tags_for_resource", "ResourceArn"),
    "AWS::IAM::Role": ({"AssumeRolePolicyDocument": TRUST}, "Ref", "iam", "list_role_tags", "RoleName"),
    "AWS::IoT::TopicRule": ({"TopicRulePayload": {"Sql": "SELECT * FROM 'a'", "Actions": []}}, "Arn", "iot",
                            "list_tags_for_resource", "resourceArn"),
    "AWS::KinesisFirehose::DeliveryStream": (
        {"S3DestinationConfiguration": {"BucketARN": "arn:aws:s3:::any", "RoleARN": ROLE}}, "Ref", "firehose",
        "list_tags_for_delivery_stream", "DeliveryStreamName"),
}


def bring(cloudlet, type, own, stacks, *, update=False):
    """The resource's tags, once its stack stands with these of its own and those of the stack."""
    more, attribute, service, operation, member = TYPES[type]
    value = {"Ref": "It"} if attribute == "Ref" else {"Fn::GetAtt": ["It", attribute]}
    template = {"Resources": {"It": {"Type": type, "Properties": {**more, "Tags": listed(own)}}},
                "Outputs": {"Id": {"Value": value}}}
    client, name = cloudlet.client("cloudformation"), type.replace("::", "-")
    (client.update_stack if update else client.create_stack)(
        StackName=name, TemplateBody=json.dumps(template), Tags=listed(stacks),
        Capabilities=["CAPABILITY_IAM"])
    waiter = client.get_waiter("stack_update_complete" if update else "stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1})
    id = client.describe_stacks(StackName=name)["Stacks"][0]["Outputs"][0]["OutputValue"]
    answer = getattr(cloudlet.client(service), operation)(**{member: id})
    found = answer.get("Tags") or answer.get("tags") or {}
    return found if isinstance(found, dict) else {tag["Key"]: tag["Value"] for tag in found}


def listed(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.mark.parametrize("type", TYPES)
def test_a_resource_has_the_tags_that_its_stack_and_its_template_give_it_now(cloudlet, type):
    assert bring(cloudlet, type, {"own": "1", "both": "own"}, {"stack": "1", "both": "stack"}) == {
        "own": "1", "stack": "1", "both": "own"}
    assert bring(cloudlet, type, {"new": "2"}, {"stack": "2"}, update=True) == {"new": "2", "stack": "2"}
    assert bring(cloudlet, type, {}, {"last": "3"}, update=True) == {"last": "3"}

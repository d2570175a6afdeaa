"""State machines in templates: CloudFormation's types, and SAM's."""

import json

import pytest

from .conftest import ROLE

DEFINITION = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "${Said}", "End": True}}}


@pytest.fixture
def stack(cloudlet, request):
    """Deploys a template under one name, again and again; the outputs come back."""
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


def out(**values):
    return {name: {"Value": value} for name, value in values.items()}


def machine(said="hello", **more):
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": {
        "RoleArn": ROLE, "DefinitionSubstitutions": {"Said": said}, **more}}


def ran(cloudlet, arn, input="{}"):
    """The output of an execution."""
    client = cloudlet.client("stepfunctions")
    execution = client.start_execution(stateMachineArn=arn, input=input)["executionArn"]
    cloudlet.advance(0)
    return json.loads(client.describe_execution(executionArn=execution)["output"])


@pytest.mark.parametrize("given", [{"Definition": DEFINITION}, {"DefinitionString": json.dumps(DEFINITION)}])
def test_a_state_machine_is_made_changed_and_deleted(stack, cloudlet, sfn, given):
    outputs = out(Arn={"Ref": "M"}, Name={"Fn::GetAtt": ["M", "Name"]},
                  Revision={"Fn::GetAtt": ["M", "StateMachineRevisionId"]})
    made = stack({"Resources": {"M": machine(**given)}, "Outputs": outputs})
    assert ran(cloudlet, made["Arn"]) == "hello"
    assert (made["Arn"].endswith(made["Name"]), made["Revision"]) == (True, "INITIAL")
    changed = stack({"Outputs": outputs, "Resources": {
        "M": machine('"quoted"', Tags=[{"Key": "k", "Value": "v"}], **given)}})
    assert changed["Arn"] == made["Arn"]
    assert changed["Revision"] != "INITIAL"
    assert ran(cloudlet, made["Arn"]) == '"quoted"'
    assert {"key": "k", "value": "v"} in sfn.list_tags_for_resource(resourceArn=made["Arn"])["tags"]
    stack.delete()
    with pytest.raises(sfn.exceptions.StateMachineDoesNotExist):
        sfn.describe_state_machine(stateMachineArn=made["Arn"])


def test_a_definition_may_be_an_object_in_s3(stack, cloudlet, unique):
    s3, bucket = cloudlet.client("s3"), unique("definitions")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="flow.yaml", Body=(
        "StartAt: P\nStates:\n  P:\n    Type: Pass\n    Result: ${Said}\n    End: true\n"))
    made = stack({"Outputs": out(Arn={"Ref": "M"}), "Resources": {
        "M": machine("from S3", DefinitionS3Location={"Bucket": bucket, "Key": "flow.yaml"})}})
    assert ran(cloudlet, made["Arn"]) == "from S3"


def test_versions_aliases_activities_and_logs_come_along(stack, cloudlet, sfn):
    made = stack({
        "Outputs": out(Alias={"Ref": "Live"}, Version={"Ref": "One"}, Activity={"Ref": "Work"}),
        "Resources": {
            "Log": {"Type": "AWS::Logs::LogGroup"},
            "M": machine(Definition=DEFINITION, TracingConfiguration={"Enabled": True}, LoggingConfiguration={
                "Level": "ALL", "IncludeExecutionData": True, "Destinations": [
                    {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["Log", "Arn"]}}}]}),
            "One": {"Type": "AWS::StepFunctions::StateMachineVersion", "Properties": {
                "StateMachineArn": {"Ref": "M"},
                "StateMachineRevisionId": {"Fn::GetAtt": ["M", "StateMachineRevisionId"]}}},
            "Live": {"Type": "AWS::StepFunctions::StateMachineAlias", "Properties": {
                "Name": "live", "RoutingConfiguration": [
                    {"StateMachineVersionArn": {"Ref": "One"}, "Weight": 100}]}},
            "Work": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "made-by-a-stack"}}}})
    assert made["Version"].endswith(":1")
    assert ran(cloudlet, made["Alias"]) == "hello"
    assert sfn.describe_activity(activityArn=made["Activity"])["name"] == "made-by-a-stack"
    stack.delete()
    with pytest.raises(sfn.exceptions.ActivityDoesNotExist):
        sfn.describe_activity(activityArn=made["Activity"])


def test_sam_makes_a_state_machine_its_role_and_what_starts_it(stack, cloudlet, unique):
    bus = unique("sam")
    made = stack(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Outputs": out(Arn={"Ref": "Flow"}, Queue={"Ref": "Queue"}),
            "Resources": {
                "Queue": {"Type": "AWS::SQS::Queue"},
                "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": bus}},
                "Flow": {
                    "Type": "AWS::Serverless::StateMachine",
                    "Properties": {
                        "Definition": {
                            "StartAt": "Send",
                            "States": {
                                "Send": {
                                    "Type": "Task",
                                    "Resource": "arn:aws:states:::sqs:sendMessage",
                                    "End": True,
                                    "Parameters": {"QueueUrl": "${Url}", "MessageBody.$": "$"},
                                }
                            },
                        },
                        "DefinitionSubstitutions": {"Url": {"Ref": "Queue"}},
                        "Policies": [
                            {"SQSSendMessagePolicy": {"QueueName": {"Fn::GetAtt": ["Queue", "QueueName"]}}}
                        ],
                        "Events": {
                            "Sold": {
                                "Type": "EventBridgeRule",
                                "Properties": {
                                    "EventBusName": {"Ref": "Bus"},
                                    "Pattern": {"source": ["shop"]},
                                    "InputPath": "$.detail",
                                },
                            },
                            "Hourly": {
                                "Type": "Schedule",
                                "Properties": {"Schedule": "rate(1 hour)", "Input": '{"hourly": true}'},
                            },
                        },
                    },
                },
            },
        }
    )
    sqs = cloudlet.client("sqs")
    ran_ = cloudlet.client("stepfunctions").start_execution(stateMachineArn=made["Arn"], input='{"n": 1}')
    assert ran_["executionArn"]
    cloudlet.client("events").put_events(Entries=[{
        "Source": "shop", "DetailType": "sold", "Detail": '{"n": 2}', "EventBusName": bus}])
    cloudlet.advance(3601)
    found = sqs.receive_message(QueueUrl=made["Queue"], MaxNumberOfMessages=10)["Messages"]
    bodies = [json.loads(one["Body"]) for one in found]
    assert {"n": 1} in bodies and {"n": 2} in bodies and {"hourly": True} in bodies
    stack.delete()

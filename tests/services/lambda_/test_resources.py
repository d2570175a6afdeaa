"""Lambda in templates: every property reaches its operation, and goes back when it is taken out."""

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import ROLE, zipped

CODE = {"ZipFile": "def handler(event, context): return 1"}


@pytest.fixture
def stack(cloudlet, request, eventually):
    """Deploy resources as a stack of the test's own, and change them."""
    client = cloudlet.client("cloudformation")
    name = f"stack-{abs(hash(request.node.name))}"

    class Stack:
        def deploy(self, **resources):
            """Make the stack be these resources; their physical ids come back."""
            text = json.dumps({"Resources": {
                logical: {"Type": f"AWS::{kind}", "Properties": properties}
                for logical, (kind, properties) in resources.items()}})
            exists = any(one["StackName"] == name and one["StackStatus"] != "DELETE_COMPLETE"
                         for one in client.describe_stacks()["Stacks"])
            (client.update_stack if exists else client.create_stack)(StackName=name, TemplateBody=text)
            assert "ROLLBACK" not in self.over(name), self.reasons()
            return self.ids()

        def over(self, which):
            """The status of a stack, once nothing is in progress any more."""
            def status():
                found = client.describe_stacks(StackName=which)["Stacks"][0]["StackStatus"]
                return None if found.endswith("_IN_PROGRESS") else found
            return eventually(status)

        def reasons(self):
            events = client.describe_stack_events(StackName=name)["StackEvents"]
            return [one["ResourceStatusReason"] for one in events if one.get("ResourceStatusReason")]

        def ids(self):
            found = client.describe_stack_resources(StackName=name)["StackResources"]
            return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

        def delete(self):
            id = client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
            client.delete_stack(StackName=name)
            assert self.over(id) == "DELETE_COMPLETE"

    return Stack()


def function(**properties):
    """A function's type and properties."""
    return "Lambda::Function", {"Role": ROLE, "Runtime": "python3.11", "Handler": "index.handler",
                                "Code": CODE, **properties}


def test_a_functions_settings_come_and_go(cloudlet, stack):
    client = cloudlet.client("lambda")
    cloudlet.client("sqs").create_queue(QueueName="letters")
    letters = "arn:aws:sqs:us-east-1:000000000000:letters"
    full = {
        "Description": "full", "Timeout": "9", "MemorySize": 256, "Environment": {"Variables": {"AB": "c"}},
        "EphemeralStorage": {"Size": 1024}, "TracingConfig": {"Mode": "Active"},
        "DeadLetterConfig": {"TargetArn": letters}, "ReservedConcurrentExecutions": 5,
        "RecursiveLoop": "Allow", "RuntimeManagementConfig": {"UpdateRuntimeOn": "Auto"},
        "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "LogGroup": "own"},
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}
    name = stack.deploy(One=function(**full))["One"]
    found = client.get_function(FunctionName=name)
    shown = found["Configuration"]
    assert (shown["Description"], shown["Timeout"], shown["MemorySize"]) == ("full", 9, 256)
    assert (shown["EphemeralStorage"], shown["TracingConfig"]) == ({"Size": 1024}, {"Mode": "Active"})
    assert shown["LoggingConfig"] == {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG",
                                      "SystemLogLevel": "INFO", "LogGroup": "own"}
    assert found["Tags"] == {"a": "1", "b": "2"}
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"

    assert stack.deploy(One=function(Tags=[{"Key": "b", "Value": "3"}]))["One"] == name
    found = client.get_function(FunctionName=name)
    bare = found["Configuration"]
    assert (bare["Description"], bare["Timeout"], bare["MemorySize"]) == ("", 3, 128)
    assert (bare["EphemeralStorage"], bare["TracingConfig"]) == ({"Size": 512}, {"Mode": "PassThrough"})
    assert bare["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert not {"Environment", "DeadLetterConfig"} & bare.keys()
    assert found["Tags"] == {"b": "3"}
    assert "Concurrency" not in found
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    assert bare["CodeSha256"] == shown["CodeSha256"]


def test_a_function_with_another_name_is_another(cloudlet, stack):
    client = cloudlet.client("lambda")
    assert stack.deploy(One=function(FunctionName="before"))["One"] == "before"
    assert stack.deploy(One=function(FunctionName="after"))["One"] == "after"
    client.get_function(FunctionName="after")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="before")


def test_versions_and_aliases_follow_the_template(cloudlet, stack):
    client = cloudlet.client("lambda")
    resources = {
        "One": function(FunctionName="versioned"),
        "First": ("Lambda::Version", {"FunctionName": {"Ref": "One"}, "Description": "first",
                                      "RuntimePolicy": {"UpdateRuntimeOn": "Auto"}}),
        "Live": ("Lambda::Alias", {"FunctionName": {"Ref": "One"}, "Name": "live",
                                   "FunctionVersion": {"Fn::GetAtt": "First.Version"}})}
    first = stack.deploy(**resources)
    assert first["First"].endswith(":versioned:1")
    changed = {"ZipFile": "def handler(event, context): return 2"}
    resources["One"] = function(FunctionName="versioned", Code=changed)
    resources["Second"] = ("Lambda::Version", {
        "FunctionName": {"Fn::GetAtt": "One.Arn"}, "Description": "second"})
    resources["Live"][1]["RoutingConfig"] = {"AdditionalVersionWeights": [
        {"FunctionVersion": {"Fn::GetAtt": "Second.Version"}, "FunctionWeight": 0.25}]}
    second = stack.deploy(**resources)
    assert second["First"] == first["First"]
    alias = client.get_alias(FunctionName="versioned", Name="live")
    assert alias["FunctionVersion"] == "1"
    assert alias["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.25}}
    del resources["Live"][1]["RoutingConfig"]
    stack.deploy(**resources)
    assert "RoutingConfig" not in client.get_alias(FunctionName="versioned", Name="live")
    assert json.load(client.invoke(FunctionName="versioned:live")["Payload"]) == 1
    stack.delete()
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="versioned")


def test_layers_and_who_may_use_them(cloudlet, stack):
    s3, client = cloudlet.client("s3"), cloudlet.client("lambda")
    s3.create_bucket(Bucket="stack-layers")
    for name in "ab":
        s3.put_object(Bucket="stack-layers", Key=f"{name}.zip",
                      Body=zipped(**{"python/part_py": f"NAME = '{name}'"}))
    content = {"S3Bucket": "stack-layers", "S3Key": "a.zip"}
    source = {"ZipFile": "import part\ndef handler(event, context): return part.NAME"}

    def deploy():
        return stack.deploy(
            Layer=("Lambda::LayerVersion", {"Content": dict(content), "CompatibleRuntimes": ["python3.11"],
                                            "LayerName": "stacked"}),
            Shared=("Lambda::LayerVersionPermission", {
                "LayerVersionArn": {"Ref": "Layer"}, "Principal": "111111111111",
                "Action": "lambda:GetLayerVersion"}),
            One=function(FunctionName="layered", Code=source, Layers=[{"Ref": "Layer"}]))

    first = deploy()
    assert json.load(client.invoke(FunctionName="layered")["Payload"]) == "a"
    policy = client.get_layer_version_policy(LayerName="stacked", VersionNumber=1)["Policy"]
    assert json.loads(policy)["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    content["S3Key"] = "b.zip"
    second = deploy()
    assert (first["Layer"].rpartition(":")[2], second["Layer"].rpartition(":")[2]) == ("1", "2")
    assert json.load(client.invoke(FunctionName="layered")["Payload"]) == "b"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_layer_version(LayerName="stacked", VersionNumber=1)


def test_what_becomes_of_events_and_where_they_come_from(cloudlet, stack):
    client, sqs = cloudlet.client("lambda"), cloudlet.client("sqs")
    mapping = {"FunctionName": {"Ref": "One"}, "EventSourceArn": {"Fn::GetAtt": "Source.Arn"},
               "BatchSize": 5, "FunctionResponseTypes": ["ReportBatchItemFailures"],
               "ScalingConfig": {"MaximumConcurrency": 3}, "Tags": [{"Key": "a", "Value": "1"}]}
    events = {"FunctionName": {"Ref": "One"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": 1,
              "MaximumEventAgeInSeconds": 600,
              "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": "Told.Arn"}}}}

    def deploy():
        return stack.deploy(
            Source=("SQS::Queue", {"QueueName": "stack-source"}), Told=("SQS::Queue", {}),
            One=function(FunctionName="receiver"), Mapping=("Lambda::EventSourceMapping", dict(mapping)),
            Events=("Lambda::EventInvokeConfig", dict(events)))

    first = deploy()
    found = client.get_event_source_mapping(UUID=first["Mapping"])
    assert (found["BatchSize"], found["ScalingConfig"]) == (5, {"MaximumConcurrency": 3})
    assert client.list_tags(Resource=found["EventSourceMappingArn"])["Tags"] == {"a": "1"}
    told = client.get_function_event_invoke_config(FunctionName="receiver")
    assert (told["MaximumRetryAttempts"], told["MaximumEventAgeInSeconds"]) == (1, 600)
    assert told["DestinationConfig"]["OnFailure"]["Destination"].startswith("arn:aws:sqs:")

    for gone in ("ScalingConfig", "FunctionResponseTypes"):
        del mapping[gone]
    mapping |= {"BatchSize": 7, "Tags": [{"Key": "b", "Value": "2"}]}
    for gone in ("MaximumRetryAttempts", "DestinationConfig"):
        del events[gone]
    assert deploy()["Mapping"] == first["Mapping"]
    found = client.get_event_source_mapping(UUID=first["Mapping"])
    assert (found["BatchSize"], found["FunctionResponseTypes"]) == (7, [])
    assert "ScalingConfig" not in found
    assert client.list_tags(Resource=found["EventSourceMappingArn"])["Tags"] == {"b": "2"}
    told = client.get_function_event_invoke_config(FunctionName="receiver")
    assert "MaximumRetryAttempts" not in told
    assert told["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    sqs.get_queue_url(QueueName="stack-source")


def test_a_url_and_a_permission(cloudlet, stack):
    client = cloudlet.client("lambda")
    ids = stack.deploy(
        One=function(FunctionName="public"),
        Url=("Lambda::Url", {"TargetFunctionArn": {"Ref": "One"}, "AuthType": "NONE",
                             "Cors": {"AllowOrigins": ["*"]}}),
        Permission=("Lambda::Permission", {
            "FunctionName": {"Ref": "One"}, "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com", "SourceAccount": "000000000000"}))
    assert client.get_function_url_config(FunctionName="public")["Cors"] == {"AllowOrigins": ["*"]}
    statement, = json.loads(client.get_policy(FunctionName="public")["Policy"])["Statement"]
    assert statement["Sid"] == ids["Permission"]


def test_a_property_that_is_not_honoured_fails_before_anything_is_made(cloudlet, stack):
    with pytest.raises(ClientError, match="KmsKeyArn"):
        stack.deploy(One=function(FunctionName="never", KmsKeyArn="arn:aws:kms:us-east-1:000000000000:key/x"))
    client = cloudlet.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="never")


def test_what_fails_half_way_leaves_no_function(cloudlet, stack):
    with pytest.raises(AssertionError):
        stack.deploy(One=function(FunctionName="half", ReservedConcurrentExecutions=1000))
    assert any("UnreservedConcurrentExecution" in reason for reason in stack.reasons())
    client = cloudlet.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="half")

"""Nested stacks, custom resources, and what templates refer to elsewhere."""

import json
import threading
import urllib.request
from importlib.util import find_spec

import pytest
from botocore.exceptions import ClientError

_TOY = "Type: 'AWS::CloudFormation::Toy'"
_INNER = (
    f"Parameters: {{Name: {{Type: String}}}}\nResources: {{Toy: {{{_TOY}, Properties: {{Name: !Ref "
    f"Name}}}}}}\n"
    "Outputs: {Name: {Value: !Ref Toy}}"
)


def test_a_stack_may_hold_a_stack(cloudlet, stacks):
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="inner.yaml", Body=_INNER.encode())
    text = (
        f"Parameters: {{Name: {{Type: String, Default: one}}}}\nResources:\n  Inner:\n"
        f"    Type: AWS::CloudFormation::Stack\n    Properties: {{TemplateURL: "
        f"'{cloudlet.url}/templates/inner.yaml',"
        " Parameters: {Name: !Ref Name}}\nOutputs: {Name: {Value: !GetAtt Inner.Outputs.Name}}"
    )
    stacks.client.create_stack(StackName="outer", TemplateBody=text)
    assert stacks.outputs("outer") == {"Name": "one"}
    inner = stacks.client.describe_stacks(StackName=stacks.resources("outer")["Inner"])["Stacks"][0]
    assert inner["StackStatus"] == "CREATE_COMPLETE"
    assert (
        inner["ParentId"]
        == inner["RootId"]
        == stacks.client.describe_stacks(StackName="outer")["Stacks"][0]["StackId"]
    )
    stacks.client.update_stack(
        StackName="outer",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Name", "ParameterValue": "two"}],
    )
    assert stacks.outputs("outer") == {"Name": "two"}
    stacks.client.delete_stack(StackName="outer")
    assert stacks.status(inner["StackId"]) == "DELETE_COMPLETE"


class Provider:
    """Answers the requests of custom resources from a queue, as a function would."""

    def __init__(self, cloudlet, name, answer):
        self.sqs, self.answer, self.requests = cloudlet.client("sqs"), answer, []
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._over.is_set():
            for message in self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=1).get("Messages", ()):
                request = json.loads(message["Body"])
                self.requests.append(request)
                body = {
                    "StackId": request["StackId"],
                    "RequestId": request["RequestId"],
                    "LogicalResourceId": request["LogicalResourceId"],
                } | self.answer(request)
                urllib.request.urlopen(
                    urllib.request.Request(
                        request["ResponseURL"], method="PUT", data=json.dumps(body).encode()
                    )
                ).close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def _custom(arn, size):
    return (
        f"Resources:\n  It: {{Type: 'Custom::Thing', Properties: {{ServiceToken: '{arn}', Size: {size}, "
        f"On: true}}}}\n"
        "Outputs: {Answer: {Value: !GetAtt It.Answer}, Id: {Value: !Ref It}}"
    )


def test_a_custom_resource_is_made_by_who_answers(cloudlet, stacks):
    def answer(request):
        return {
            "Status": "SUCCESS",
            "PhysicalResourceId": "thing-1",
            "Data": {"Answer": f"size {request['ResourceProperties']['Size']}"},
        }

    with Provider(cloudlet, "provider", answer) as provider:
        made = stacks.client.create_stack(StackName="custom", TemplateBody=_custom(provider.arn, 1))
        assert stacks.outputs("custom") == {"Answer": "size 1", "Id": "thing-1"}
        stacks.client.update_stack(StackName="custom", TemplateBody=_custom(provider.arn, 2))
        assert stacks.outputs("custom")["Answer"] == "size 2"
        stacks.client.delete_stack(StackName="custom")
        assert stacks.status(made["StackId"]) == "DELETE_COMPLETE"
    create, update, delete = provider.requests
    assert (create["RequestType"], create["ResourceType"], create["StackId"]) == (
        "Create",
        "Custom::Thing",
        made["StackId"],
    )
    assert create["ResourceProperties"] == {"ServiceToken": provider.arn, "Size": "1", "On": "true"}
    assert (update["RequestType"], update["OldResourceProperties"]["Size"]) == ("Update", "1")
    assert (delete["RequestType"], delete["PhysicalResourceId"]) == ("Delete", "thing-1")


def test_a_custom_resource_with_a_new_id_is_a_new_one(cloudlet, stacks):
    def answer(request):
        return {
            "Status": "SUCCESS",
            "PhysicalResourceId": f"thing-{request['ResourceProperties']['Size']}",
            "Data": {"Answer": "x"},
        }

    with Provider(cloudlet, "renewer", answer) as provider:
        stacks.client.create_stack(StackName="renewed", TemplateBody=_custom(provider.arn, 1))
        stacks.client.update_stack(StackName="renewed", TemplateBody=_custom(provider.arn, 2))
        assert stacks.outputs("renewed")["Id"] == "thing-2"
    assert [(one["RequestType"], one.get("PhysicalResourceId")) for one in provider.requests] == [
        ("Create", None),
        ("Update", "thing-1"),
        ("Delete", "thing-1"),
    ]


def test_a_custom_resource_that_fails_says_why(cloudlet, stacks):
    def answer(request):
        ok = request["RequestType"] == "Delete"
        return {"Status": "SUCCESS" if ok else "FAILED", "Reason": "no luck", "PhysicalResourceId": "thing"}

    with Provider(cloudlet, "refuser", answer) as provider:
        stacks.client.create_stack(StackName="luckless", TemplateBody=_custom(provider.arn, 1))
    events = stacks.client.describe_stack_events(StackName="luckless")["StackEvents"]
    reason = next(e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == "CREATE_FAILED")
    assert reason.startswith(
        "Received response status [FAILED] from custom resource. Message returned: no luck"
    )


@pytest.mark.skipif(
    not all(find_spec(f"cloudlet.services.{name}.service") for name in ("ssm", "secretsmanager")),
    reason="needs the services ssm and secretsmanager",
)
def test_templates_refer_to_parameters_and_secrets(cloudlet, stacks, deeds):
    ssm, secrets = cloudlet.client("ssm"), cloudlet.client("secretsmanager")
    ssm.put_parameter(Name="/app/name", Value="stored", Type="String")
    secrets.create_secret(Name="db", SecretString='{"password": "hush"}')
    text = (
        "Parameters: {Name: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /app/name}}\n"
        f"Resources:\n  A: {{{_TOY}, Properties: {{Name: !Ref Name}}}}\n"
        f"  B: {{{_TOY}, Properties: {{Name: '{{{{resolve:ssm:/app/name}}}}-b'}}}}\n"
        f"  C: {{{_TOY}, Properties: {{Secret: "
        f"'{{{{resolve:secretsmanager:db:SecretString:password}}}}'}}}}\n"
    )
    stacks.client.create_stack(StackName="refers", TemplateBody=text)
    assert stacks.status("refers") == "CREATE_COMPLETE"
    assert ("create", "C", "hush") in deeds
    found = stacks.resources("refers")
    assert (found["A"], found["B"]) == ("stored", "stored-b")
    parameter = stacks.client.describe_stacks(StackName="refers")["Stacks"][0]["Parameters"][0]
    assert parameter == {"ParameterKey": "Name", "ParameterValue": "/app/name", "ResolvedValue": "stored"}
    events = json.dumps(stacks.client.describe_stack_events(StackName="refers")["StackEvents"], default=str)
    assert "hush" not in events
    with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/app/none\]"):
        stacks.client.create_stack(
            StackName="none",
            TemplateBody=text,
            Parameters=[{"ParameterKey": "Name", "ParameterValue": "/app/none"}],
        )


def test_a_wait_condition_waits_for_its_handle(cloudlet, stacks):
    text = (
        "Resources:\n  Handle: {Type: 'AWS::CloudFormation::WaitConditionHandle'}\n  Signaller:\n"
        f"    {_TOY}\n    Properties: {{Name: !Ref Handle}}\n"
        "Outputs: {Url: {Value: !Ref Handle}}"
    )
    stacks.client.create_stack(StackName="waits", TemplateBody=text)
    url = stacks.outputs("waits")["Url"]
    said = {"Status": "SUCCESS", "UniqueId": "one", "Data": "done", "Reason": ""}
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", data=json.dumps(said).encode())).close()
    waiting = (
        "  Wait: {Type: 'AWS::CloudFormation::WaitCondition', "
        "Properties: {Handle: !Ref Handle, Timeout: 60}}\n"
    )
    stacks.client.update_stack(
        StackName="waits",
        TemplateBody=text.replace("Outputs: {", waiting + "Outputs: {Data: {Value: !GetAtt Wait.Data}, "),
    )
    assert stacks.outputs("waits")["Data"] == '{"one":"done"}'


def test_what_sam_and_cdk_write_is_understood(stacks):
    stacks.client.create_stack(
        StackName="cdk",
        TemplateBody="Resources: {M: {Type: 'AWS::CDK::Metadata', Properties: {Analytics: v2}}}",
    )
    assert stacks.status("cdk") == "CREATE_COMPLETE"
    sam = (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {Handler: a.b, Runtime: python3.12, InlineCode: x, Colour: red}\n"
    )
    with pytest.raises(
        stacks.client.exceptions.InsufficientCapabilitiesException, match="CAPABILITY_AUTO_EXPAND"
    ):
        stacks.client.create_stack(
            StackName="sam",
            TemplateBody="Transform: AWS::LanguageExtensions\nResources: {A: {Type: 'AWS::CDK::Metadata'}}",
        )
    with pytest.raises(
        ClientError, match=r"Transform AWS::Serverless-2016-10-31 failed with: .* \[F\] .*Colour.* \(line 3\)"
    ):
        stacks.client.create_stack(
            StackName="sam", TemplateBody=sam, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        )

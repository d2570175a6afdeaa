"""Cloud assemblies, as ``cdk synth`` leaves them."""

import asyncio
import json

import pytest

from cloudlet.app import Options, running
from cloudlet.deploy import DeployError, deploy, find
from cloudlet.identity import root

_ROOT = root("000000000000")
_BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
_VERSION = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}
_RULE = {"Assertions": [{"Assert": {"Fn::Not": [{"Fn::Contains": [
    ["1", "2", "3", "4", "5"], {"Ref": "BootstrapVersion"}]}]}, "AssertDescription": "bootstrap first"}]}


def _function(key, **more):
    return {"Type": "AWS::Lambda::Function", "Properties": {
        "Code": {"S3Bucket": {"Fn::Sub": _BUCKET}, "S3Key": key}, "Handler": "app.handler",
        "Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/any", **more}}


def _source(path, key, packaging="file"):
    return {"source": {"path": path, "packaging": packaging},
            "destinations": {"current": {"bucketName": _BUCKET, "objectKey": key}}}


@pytest.fixture
def assembly(tmp_path):
    """A project with a ``cdk.out`` of these stacks: templates, and the files they name."""
    out = tmp_path / "cdk.out"
    out.mkdir()

    def make(files=None, **stacks):
        (out / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": {
            "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
            **{name: {"type": "aws:cloudformation:stack", "properties": {
                "templateFile": f"{name}.template.json", "stackName": f"my-{name}", "tags": {"team": "blue"}}}
               for name in stacks}}}))
        for name, resources in stacks.items():
            (out / f"{name}.template.json").write_text(json.dumps({
                "Resources": resources, "Parameters": {"BootstrapVersion": _VERSION},
                "Rules": {"CheckBootstrapVersion": _RULE}}))
            (out / f"{name}.assets.json").write_text(json.dumps({"version": "36.0.0", "files": files or {}}))
        return tmp_path

    make.out = out
    return make


def deployed(path, story=None):
    """Deploy what is in ``path``, and let a story look at what came of it."""
    async def run():
        async with running(Options(port=0)) as cloudlet:
            async def ask(service, operation, **params):
                return await cloudlet.kernel.invoke(_ROOT, service, operation, params, region="us-east-1")

            outcome = await deploy(cloudlet.kernel, find(path), principal=_ROOT)
            assert outcome.ok, (outcome.reason, outcome.failures)
            names = {one.logical_id: one.physical_id for one in outcome.resources}
            return await story(ask, names) if story else names
    return asyncio.run(run())


def test_a_project_with_one_stack_is_an_application(assembly):
    folder = assembly(Shop={"Q": {"Type": "AWS::SQS::Queue"}})
    for path in (folder, assembly.out, assembly.out / "Shop.template.json"):
        found = find(path)
        assert (found.stack_name, found.template.name, found.home, found.tags) == (
            "my-Shop", "Shop.template.json", folder / ".cloudlet", {"team": "blue"})


def test_of_several_stacks_one_must_be_named(assembly):
    folder = assembly(Shop={"Q": {"Type": "AWS::SQS::Queue"}}, Till={"T": {"Type": "AWS::SNS::Topic"}})
    with pytest.raises(DeployError, match=r"has 2 stacks. .*`cloudlet deploy .*Till.template.json`"):
        find(folder)
    assert find(assembly.out / "Till.template.json").stack_name == "my-Till"


def test_code_of_the_cdk_runs_from_where_it_lies(assembly):
    folder = assembly({"a1": _source("asset.a1", "a1.zip", "zip")}, Shop={"F": _function("a1.zip")})
    (assembly.out / "asset.a1").mkdir()
    (assembly.out / "asset.a1/app.py").write_text("def handler(event, context): return 'from cdk.out'")

    async def story(ask, names):
        return (await ask("lambda", "Invoke", FunctionName=names["F"], Payload=b"{}"))["Payload"]

    assert deployed(folder, story) == b'"from cdk.out"'


def test_a_nested_stack_of_the_cdk_has_code_too(assembly):
    url = {"Fn::Join": ["", ["https://s3.", {"Ref": "AWS::Region"}, ".amazonaws.com/",
                             {"Fn::Sub": _BUCKET}, "/n1.json"]]}
    folder = assembly(
        {"a1": _source("asset.a1", "a1.zip", "zip"), "n1": _source("Inner.nested.template.json", "n1.json")},
        Shop={"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}})
    (assembly.out / "Inner.nested.template.json").write_text(json.dumps({
        "Resources": {"F": _function("a1.zip", FunctionName="inner")}}))
    (assembly.out / "asset.a1").mkdir()
    (assembly.out / "asset.a1/app.py").write_text("def handler(event, context): return 'nested'")

    async def story(ask, names):
        return (await ask("lambda", "Invoke", FunctionName="inner", Payload=b"{}"))["Payload"]

    assert deployed(folder, story) == b'"nested"'


def test_other_files_are_put_into_the_bucket_of_the_bootstrap(assembly):
    folder = assembly(
        {"d1": _source("definition.json", "d1.json"), "unused": _source("gone.json", "gone.json")},
        Shop={"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {
            "RoleArn": "arn:aws:iam::000000000000:role/any",
            "DefinitionS3Location": {"Bucket": {"Fn::Sub": _BUCKET}, "Key": "d1.json"}}}})
    (assembly.out / "definition.json").write_text(
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')

    async def story(ask, names):
        machine = await ask("stepfunctions", "DescribeStateMachine", stateMachineArn=names["M"])
        version = await ask("ssm", "GetParameter", Name="/cdk-bootstrap/hnb659fds/version")
        listed = await ask("s3", "ListObjectsV2", Bucket="cdk-hnb659fds-assets-000000000000-us-east-1")
        return (json.loads(machine["definition"])["StartAt"], int(version["Parameter"]["Value"]) > 5,
                [one["Key"] for one in listed["Contents"]])

    assert deployed(folder, story) == ("A", True, ["d1.json"])

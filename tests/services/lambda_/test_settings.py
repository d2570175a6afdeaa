"""Settings of functions: in AWS's words where they are refused, and honest where they are kept."""

import io
import zipfile

import pytest
from botocore.exceptions import ClientError

from .conftest import PYTHON, ROLE, zipped

ONE = "def handler(event, context): return 1"
INVALID, VALIDATION = "InvalidParameterValueException", "ValidationException"


@pytest.fixture
def create(cloudlet):
    """Create a function that is sound but for what is given."""
    client = cloudlet.client("lambda")

    def create(**settings):
        return client.create_function(**{
            "FunctionName": "sound", "Role": ROLE, "Runtime": PYTHON, "Handler": "app.handler",
            "Code": {"ZipFile": zipped(app_py=ONE)}, **settings})

    return create


def refusal(call, **params):
    """What an operation answers when it refuses: its code and its message."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_constraints_are_told_in_awss_words(create):
    where = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must "
    assert refusal(create, Role="r1") == (VALIDATION, where.format("r1", "role") + (
        r"satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"))
    assert refusal(create, FunctionName="x" * 65) == (INVALID, where.format("x" * 65, "functionName")
                                                      + "have length less than or equal to 64")
    assert refusal(create, Timeout=901) == (VALIDATION, where.format(901, "timeout")
                                            + "have value less than or equal to 900")
    assert refusal(create, MemorySize=10241)[1].endswith("have value less than or equal to 10240")
    assert refusal(create, EphemeralStorage={"Size": 10241})[1] == (
        where.format(10241, "ephemeralStorage.size") + "have value less than or equal to 10240")
    assert refusal(create, SnapStart={"ApplyOn": "x"})[1].endswith(
        "Member must satisfy enum value set: [PublishedVersions, None]")


def test_runtimes_that_were_or_never_were_are_told_apart(create):
    assert refusal(create, Runtime="python3.7") == (
        INVALID, "The runtime parameter of python3.7 is no longer supported for creating or updating AWS "
                 "Lambda functions. We recommend you use a supported runtime while creating or updating "
                 "functions.")
    code, message = refusal(create, Runtime="PYTHON3.9")
    assert code == INVALID
    assert message.startswith("Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must "
                              "satisfy enum value set: [nodejs16.x,")
    assert message.endswith("] or be a valid ARN")


@pytest.mark.parametrize(("settings", "name"), [
    ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/x"}, "KMSKeyArn"),
    ({"FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-"
                                    "12345678901234567", "LocalMountPath": "/mnt/x"}]}, "FileSystemConfigs"),
    ({"ImageConfig": {"Command": ["x"]}}, "ImageConfig"),
    ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "VpcConfig"),
    ({"PublishTo": "LATEST_PUBLISHED", "Publish": True}, "PublishTo"),
    ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "TenancyConfig"),
    ({"Code": {"ZipFile": b"x", "SourceKMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/x"}},
     "SourceKMSKeyArn"),
    ({"Code": {"S3Bucket": "bucket", "S3Key": "key", "S3ObjectStorageMode": "REFERENCE"}},
     "S3ObjectStorageMode")])
def test_what_is_not_honoured_is_refused_by_name(create, settings, name):
    code, message = refusal(create, **settings)
    assert code == "NotHonoured"
    assert name in message


def test_environments_are_bounded(create):
    code, message = refusal(create, Environment={"Variables": {"AWS_REGION": "x", "LAMBDA_TASK_ROOT": "y"}})
    assert code == INVALID
    assert message.endswith("Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT")
    code, message = refusal(create, Environment={"Variables": {"LARGE": "x" * 5000}})
    assert code == INVALID
    assert f'exceeded the 4KB limit. String measured: {{"LARGE":"{"x" * 5000}"}}' in message


def test_packages_are_bounded_and_must_be_packages(create, cloudlet):
    assert refusal(create, Code={"ZipFile": b"no zip"}) == (
        INVALID, "Could not unzip uploaded file. Please check your file, then try to upload again.")
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    assert refusal(create, Code={"ZipFile": empty.getvalue()}) == (
        INVALID, "Uploaded file must be a non-empty zip")
    assert refusal(create, Code={"ZipFile": b"x" * 52_428_801}) == (
        "RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes")
    assert refusal(create, Code={"S3Bucket": "nowhere", "S3Key": "x"}) == (
        INVALID, "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The "
                 "specified bucket does not exist")
    assert refusal(create, Code={}) == (INVALID, "Please provide a source for function code.")
    assert refusal(create, Code={"ImageUri": "x"})[0] == INVALID


def test_a_role_that_does_not_trust_lambda_is_refused(create, cloudlet):
    iam = cloudlet.client("iam")
    trust = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"%s"},' \
            '"Action":"sts:AssumeRole"}}'
    other = iam.create_role(RoleName="not-for-lambda", AssumeRolePolicyDocument=trust % "ec2.amazonaws.com")
    code, message = refusal(create, Role=other["Role"]["Arn"])
    assert code == INVALID
    assert message.startswith("The role defined for the function cannot be assumed by Lambda.")
    right = iam.create_role(RoleName="for-lambda", AssumeRolePolicyDocument=trust % "lambda.amazonaws.com")
    made = create(FunctionName="trusted", Role=right["Role"]["Arn"])
    assert (made["State"], made["LastUpdateStatus"]) == ("Active", "Successful")
    client = cloudlet.client("lambda")
    assert refusal(client.update_function_configuration, FunctionName="trusted",
                   Role=other["Role"]["Arn"])[1] == message


def test_an_update_changes_only_what_it_says(create, cloudlet):
    client = cloudlet.client("lambda")
    create(FunctionName="partly", Description="one", Timeout=7, MemorySize=256,
           Environment={"Variables": {"COLOUR": "red"}}, TracingConfig={"Mode": "Active"},
           LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"})
    changed = client.update_function_configuration(FunctionName="partly", Description="two")
    assert (changed["Timeout"], changed["MemorySize"], changed["Description"]) == (7, 256, "two")
    assert changed["Environment"] == {"Variables": {"COLOUR": "red"}}
    assert changed["TracingConfig"] == {"Mode": "Active"}
    group = {"LogGroup": "/aws/lambda/partly"}
    assert changed["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "INFO", **group}
    changed = client.update_function_configuration(FunctionName="partly", LoggingConfig={"LogFormat": "Text"})
    assert changed["LoggingConfig"] == {"LogFormat": "Text", **group}
    assert refusal(client.update_function_configuration, FunctionName="partly",
                   LoggingConfig={"SystemLogLevel": "WARN"}) == (
        INVALID, 'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your '
                 'request or change the LogFormat to "JSON" and try again.')


def test_a_dry_run_changes_nothing(create, cloudlet):
    client = cloudlet.client("lambda")
    made = create(FunctionName="dry")
    other = client.update_function_code(FunctionName="dry", ZipFile=zipped(app_py="x = 1"), DryRun=True)
    assert other["CodeSha256"] != made["CodeSha256"]
    found = client.get_function_configuration(FunctionName="dry")
    assert (found["CodeSha256"], found["RevisionId"]) == (made["CodeSha256"], made["RevisionId"])


def test_functions_are_listed_in_pages(fresh):
    client = fresh().client("lambda")
    for name in "cab":
        client.create_function(FunctionName=name, Role=ROLE, Runtime=PYTHON, Handler="app.handler",
                               Code={"ZipFile": zipped(app_py=ONE)}, Publish=True)
    page = client.list_functions(MaxItems=2)
    assert [one["FunctionName"] for one in page["Functions"]] == ["a", "b"]
    page = client.list_functions(MaxItems=2, Marker=page["NextMarker"])
    assert ([one["FunctionName"] for one in page["Functions"]], page.get("NextMarker")) == (["c"], None)
    pages = client.get_paginator("list_functions").paginate(
        FunctionVersion="ALL", PaginationConfig={"PageSize": 4})
    found = [one["FunctionArn"].split(":", 6)[6] for page in pages for one in page["Functions"]]
    assert found == ["a:$LATEST", "a:1", "b:$LATEST", "b:1", "c:$LATEST", "c:1"]


def test_the_account_counts_its_code(fresh):
    client = fresh().client("lambda")
    code = zipped(app_py=ONE)

    def used():
        return tuple(client.get_account_settings()["AccountUsage"].values())

    assert used() == (0, 0)
    client.create_function(FunctionName="f", Role=ROLE, Runtime=PYTHON, Handler="app.handler",
                           Code={"ZipFile": code})
    client.publish_version(FunctionName="f")
    client.publish_layer_version(LayerName="l", Content={"ZipFile": code})
    assert used() == (3 * len(code), 1)
    larger = zipped(app_py=ONE + "\n" * 1000)
    client.update_function_code(FunctionName="f", ZipFile=larger)
    assert used() == (2 * len(code) + len(larger), 1)
    client.delete_layer_version(LayerName="l", VersionNumber=1)
    client.delete_function(FunctionName="f")
    assert used() == (0, 0)


def test_tags_are_kept_and_bounded(create, cloudlet):
    client = cloudlet.client("lambda")
    arn = create(FunctionName="tagged", Tags={"a": "1"})["FunctionArn"]
    before = client.get_function_configuration(FunctionName="tagged")["RevisionId"]
    client.tag_resource(Resource=arn, Tags={"b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["a", "unknown"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    assert client.get_function(FunctionName="tagged")["Tags"] == {"b": "2"}
    assert client.get_function_configuration(FunctionName="tagged")["RevisionId"] != before
    many = {str(n): "x" for n in range(50)}
    too_many = (INVALID, "Number of tags exceeds resource tag limit.")
    assert refusal(client.tag_resource, Resource=arn, Tags=many) == too_many
    assert refusal(create, FunctionName="never", Tags=many | {"50": "x"}) == too_many
    assert refusal(client.tag_resource, Resource=arn, Tags={"aws:x": "y"})[0] == INVALID
    assert refusal(client.tag_resource, Resource=f"{arn}:1", Tags={"a": "b"}) == (
        INVALID, "Tags on function aliases and versions are not supported. Please specify a function ARN.")
    assert refusal(client.list_tags, Resource=f"{arn}-gone") == (
        "ResourceNotFoundException", f"Function not found: {arn}-gone")


def test_mappings_have_tags_too(create, cloudlet):
    client = cloudlet.client("lambda")
    create(FunctionName="mapped")
    cloudlet.client("sqs").create_queue(QueueName="mapped")
    made = client.create_event_source_mapping(
        FunctionName="mapped", EventSourceArn="arn:aws:sqs:us-east-1:000000000000:mapped", Tags={"a": "1"})
    arn = made["EventSourceMappingArn"]
    client.tag_resource(Resource=arn, Tags={"b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["a"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    gone = arn[:-12] + "0" * 12
    assert refusal(client.list_tags, Resource=gone) == (
        "ResourceNotFoundException", f"Event source mapping not found: {gone}")


def test_there_is_one_build_of_a_runtime_and_no_code_signing(create, cloudlet):
    client = cloudlet.client("lambda")
    arn = create(FunctionName="plain")["FunctionArn"]
    where = {"FunctionName": "plain"}
    auto = client.put_runtime_management_config(**where, UpdateRuntimeOn="Auto")
    assert (auto["UpdateRuntimeOn"], auto["FunctionArn"]) == ("Auto", arn)
    code, message = refusal(client.put_runtime_management_config, **where, UpdateRuntimeOn="FunctionUpdate")
    assert code == "NotHonoured"
    assert "UpdateRuntimeOn" in message
    assert "CodeSigningConfigArn" not in client.get_function_code_signing_config(**where)
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/x/abc"
    assert refusal(client.create_code_signing_config, AllowedPublishers={
        "SigningProfileVersionArns": [profile]})[0] == "NotHonoured"
    config = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-12345678901234567"
    assert refusal(client.get_code_signing_config, CodeSigningConfigArn=config) == (
        "ResourceNotFoundException", f"The Lambda code signing configuration {config} can not be found.")
    assert refusal(client.put_function_code_signing_config, **where, CodeSigningConfigArn=config) == (
        "NotHonoured", "cloudlet does not serve lambda:PutFunctionCodeSigningConfig. `cloudlet coverage` "
                       "lists what is served.")

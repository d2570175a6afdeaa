"""What published applications do that our own did not: see docs/applications.md."""

import io
import json
import sys
import zipfile

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
WHO = """\
import boto3

def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]
"""


def test_a_log_group_without_tags_and_a_bucket_that_only_wants_a_bucket_key_are_made(cloudlet):
    template = {"Resources": {
        "Lines": {"Type": "AWS::Logs::LogGroup",
                  "Properties": {"LogGroupName": "lines", "RetentionInDays": 1}},
        "Files": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "files", "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"BucketKeyEnabled": True}]}}}}}
    cloudformation = cloudlet.client("cloudformation")
    cloudformation.create_stack(StackName="plain", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="plain", WaiterConfig={"Delay": 0.1})
    group, = cloudlet.client("logs").describe_log_groups(logGroupNamePrefix="lines")["logGroups"]
    assert group["retentionInDays"] == 1
    rule, = cloudlet.client("s3").get_bucket_encryption(Bucket="files")[
        "ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_a_function_whose_role_exists_is_that_role(cloudlet):
    trust = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
    role = cloudlet.client("iam").create_role(
        RoleName="runner", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", WHO)
    functions = cloudlet.client("lambda")
    functions.create_function(FunctionName="who", Runtime=RUNTIME, Role=role, Handler="app.handler",
                              Code={"ZipFile": package.getvalue()})
    answer = functions.invoke(FunctionName="who")["Payload"].read()
    assert json.loads(answer) == "arn:aws:sts::000000000000:assumed-role/runner/who"

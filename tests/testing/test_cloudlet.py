"""Every test has a cloudlet of its own, and plain SDKs reach it."""

import sys
import urllib.request

import boto3
import pytest

from cloudlet.testing.cloudlet import DeploymentFailed

RUNTIME = "python" + ".".join(map(str, sys.version_info[:2]))
AT_IMPORT = {}  # what an application makes when its module is imported
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
  Front:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import os, boto3
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl=os.environ["LETTERS"], MessageBody="from the front")
            print("somebody is here")
            return os.environ["GREETING"]
      Handler: index.handler
      Runtime: RUNTIME
      Environment: {Variables: {GREETING: !Ref Greeting, LETTERS: !Ref Letters}}
      Events:
        Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /, Method: GET}}
  Letters:
    Type: AWS::SQS::Queue
  Shelf:
    Type: AWS::S3::Bucket
    Properties: {BucketName: shelf}
Outputs:
  Letters: {Value: !Ref Letters}
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE.replace("RUNTIME", RUNTIME))
    return path


@pytest.mark.parametrize("turn", [1, 2])
def test_nothing_is_left_of_the_test_before(cloudlet, turn):
    s3, sqs = cloudlet.client("s3"), cloudlet.client("sqs")
    assert s3.list_buckets()["Buckets"] == []
    assert "QueueUrls" not in sqs.list_queues()
    assert cloudlet.events() == []
    s3.create_bucket(Bucket="the-name-everybody-takes")
    sqs.create_queue(QueueName="orders")
    cloudlet.faults.error(service="sts")
    cloudlet.clock.advance(days=400)


@pytest.mark.parametrize("turn", [1, 2])
def test_clients_that_a_module_made_reach_the_cloudlet_of_each_test(cloudlet, turn):
    sqs = AT_IMPORT.setdefault("sqs", boto3.client("sqs"))
    table = AT_IMPORT.setdefault("dynamodb", boto3.resource("dynamodb"))
    assert "QueueUrls" not in sqs.list_queues()
    sqs.create_queue(QueueName="orders")
    assert list(table.tables.all()) == []
    assert len(cloudlet.client("sqs").list_queues()["QueueUrls"]) == 1


def test_an_application_is_deployed_visited_and_watched(cloudlet, template):
    outputs = cloudlet.deploy(template, parameters={"Greeting": "good evening"})
    with urllib.request.urlopen(cloudlet.url("Api")) as answer:
        assert answer.read() == b"good evening"
    assert outputs["Letters"].endswith(cloudlet.name_of("Letters"))
    assert [one.body for one in cloudlet.sent("Letters")] == ["from the front"]
    visit, = cloudlet.invocations("Front")
    assert visit.event["rawPath"] == "/"
    assert visit.result == "good evening"
    assert visit.logs == ["somebody is here"]
    with pytest.raises(KeyError, match=r"No URL is called Apy\. There are: Api"):
        cloudlet.url("Apy")


def test_a_deployment_that_fails_says_which_resource_and_why(cloudlet, template):
    cloudlet.client("s3").create_bucket(Bucket="shelf")
    with pytest.raises(DeploymentFailed, match=r"Shelf \(AWS::S3::Bucket\): "):
        cloudlet.deploy(template)
    with pytest.raises(DeploymentFailed, match=r"There is no nowhere\.yaml"):
        cloudlet.deploy("nowhere.yaml")


def test_faults_know_logical_names(cloudlet, template):
    outputs = cloudlet.deploy(template)
    cloudlet.faults.error("Letters")
    with pytest.raises(Exception, match="InternalFailure"):
        cloudlet.client("sqs").send_message(QueueUrl=outputs["Letters"], MessageBody="x")

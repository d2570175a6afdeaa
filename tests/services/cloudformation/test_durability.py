"""What becomes of a deployment when the cloudlet ends in the middle of it."""

import json
import urllib.request

_TEXT = """
Resources:
  First: {Type: 'AWS::CloudFormation::Toy'}
  It: {Type: 'Custom::Thing', DependsOn: First, Properties: {ServiceToken: %s}}
  Last: {Type: 'AWS::CloudFormation::Toy', DependsOn: It}
"""


def _queue(cloudlet):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="provider")["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _request(cloudlet, url):
    message = cloudlet.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
    return json.loads(message["Body"])


def _answer(cloudlet, request):
    path = request["ResponseURL"].partition("/_site/")[2]
    body = json.dumps({"Status": "SUCCESS", "PhysicalResourceId": "thing"}).encode()
    urllib.request.urlopen(
        urllib.request.Request(f"{cloudlet.url}/_site/{path}", method="PUT", data=body)
    ).close()


def test_a_deployment_goes_on_after_a_restart(fresh, deeds):
    before = fresh()
    url, arn = _queue(before)
    cloudformation = before.client("cloudformation")
    cloudformation.create_change_set(
        StackName="long", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=_TEXT % arn
    )
    cloudformation.execute_change_set(
        StackName="long", ChangeSetName="c"
    )  # it answers before the provider does
    _request(before, url)
    assert (
        cloudformation.describe_stacks(StackName="long")["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    )
    before.stop()

    after = fresh()
    _answer(after, _request(after, url.replace(before.url, after.url)))
    cloudformation = after.client("cloudformation")
    cloudformation.get_waiter("stack_create_complete").wait(StackName="long", WaiterConfig={"Delay": 1})
    assert [deed[:2] for deed in deeds] == [("create", "First"), ("create", "Last")]


def test_a_custom_resource_that_nobody_answers_fails_after_an_hour(fresh, deeds):
    cloudlet = fresh()
    url, arn = _queue(cloudlet)
    cloudformation = cloudlet.client("cloudformation")
    cloudformation.create_stack(StackName="silent", TemplateBody=_TEXT % arn, OnFailure="DO_NOTHING")
    _request(cloudlet, url)
    cloudlet.advance(3601)
    cloudformation.get_waiter("stack_exists").wait(StackName="silent")
    found = cloudformation.describe_stack_events(StackName="silent")["StackEvents"]
    while found[0]["ResourceStatus"] != "CREATE_FAILED" or found[0]["LogicalResourceId"] != "silent":
        found = cloudformation.describe_stack_events(StackName="silent")["StackEvents"]
    assert found[1]["ResourceStatusReason"].startswith("CloudFormation did not receive a response")

"""Each integration, end to end: a task does what it says, and what came of it is the state's result."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from .conftest import task

DOUBLE = """
class Sorry(Exception): pass
def handler(event, context):
    if event.get("fail"):
        raise Sorry("it can't be")
    return {"doubled": event.get("n", 0) * 2}
"""


def test_a_function_is_a_task(flow, deploy):
    double = deploy(DOUBLE)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{double.name}"
    machine = flow(task(arn))
    execution = machine.start({"n": 21})
    machine.rest()
    assert json.loads(machine.describe(execution)["output"]) == {"doubled": 42}
    assert machine.types(execution)[2:5] == [
        "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]


def test_a_function_that_fails_gives_its_own_error(flow, deploy):
    double = deploy(DOUBLE)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{double.name}"
    found = flow(task(arn)).run({"fail": True})
    assert (found["status"], found["error"]) == ("FAILED", "Sorry")
    assert json.loads(found["cause"])["errorMessage"] == "it can't be"


def test_lambda_invoke_tells_what_is_around_the_result(flow, deploy):
    double = deploy(DOUBLE)
    machine = flow(task("lambda:invoke", Parameters={"FunctionName": double.name, "Payload.$": "$"}))
    found = machine.output({"n": 4})
    assert found["Payload"] == {"doubled": 8}
    assert (found["StatusCode"], found["ExecutedVersion"]) == (200, "$LATEST")
    assert found["SdkHttpMetadata"]["HttpStatusCode"] == 200


def test_a_function_that_is_not_there_can_be_caught(flow):
    machine = flow({"StartAt": "A", "States": {
        "A": {**task("lambda:invoke", Parameters={"FunctionName": "nobody"}),
              "Catch": [{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "Next": "B"}]},
        "B": {"Type": "Pass", "End": True}}})
    assert machine.output()["Error"] == "Lambda.ResourceNotFoundException"


def test_a_message_is_sent(flow, cloudlet, unique):
    sqs, name = cloudlet.client("sqs"), unique("queue")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    machine = flow(task("sqs:sendMessage", Parameters={"QueueUrl": url, "MessageBody.$": "$"}))
    found = machine.output({"a": 1})
    message = sqs.receive_message(QueueUrl=url)["Messages"][0]
    assert json.loads(message["Body"]) == {"a": 1}
    assert found["MessageId"] == message["MessageId"]
    assert found["MD5OfMessageBody"] == message["MD5OfBody"]


def test_a_topic_is_told(flow, cloudlet, unique):
    sqs, sns, name = cloudlet.client("sqs"), cloudlet.client("sns"), unique("told")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:000000000000:{name}",
                  Attributes={"RawMessageDelivery": "true"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*",
                                               "Resource": "*"}})})
    flow(task("sns:publish", Parameters={"TopicArn": topic, "Message.$": "$"})).output({"b": 2})
    assert json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]) == {"b": 2}


@pytest.fixture
def table(cloudlet, unique):
    """A table of the test's own."""
    name = unique("table")
    cloudlet.client("dynamodb").create_table(
        TableName=name, KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    return name


def test_items_are_put_read_changed_and_deleted(flow, table, cloudlet):
    key = {"pk": {"S.$": "$.id"}}
    machine = flow({"StartAt": "Put", "States": {
        "Put": {**task("dynamodb:putItem", end=False, ResultPath=None, Next="Change",
                       Parameters={"TableName": table, "Item": {**key, "n": {"N": "1"}}})},
        "Change": {**task("dynamodb:updateItem", end=False, ResultPath="$.changed", Next="Get", Parameters={
            "TableName": table, "Key": key, "UpdateExpression": "ADD n :two", "ReturnValues": "ALL_NEW",
            "ExpressionAttributeValues": {":two": {"N": "2"}}})},
        "Get": {**task("dynamodb:getItem", end=False, ResultPath="$.read", Next="Delete",
                       Parameters={"TableName": table, "Key": key})},
        "Delete": task("dynamodb:deleteItem", ResultPath=None,
                       Parameters={"TableName": table, "Key": key})}})
    found = machine.output({"id": "x"})
    assert found["changed"]["Attributes"]["n"] == {"N": "3"}
    assert found["read"]["Item"] == {"pk": {"S": "x"}, "n": {"N": "3"}}
    assert cloudlet.client("dynamodb").scan(TableName=table)["Count"] == 0


def test_a_text_in_an_item_is_a_string(flow, table):
    machine = flow({"StartAt": "Put", "States": {
        "Put": {**task("dynamodb:putItem", end=False, ResultPath=None, Next="Get",
                       Parameters={"TableName": table, "Item": {"pk.$": "$.id", "n": {"N": "1"}}})},
        "Get": task("dynamodb:getItem", OutputPath="$.Item",
                    Parameters={"TableName": table, "Key": {"pk.$": "$.id"}})}})
    assert machine.output({"id": "x"}) == {"pk": {"S": "x"}, "n": {"N": "1"}}


def test_any_operation_is_a_task_with_the_error_names_of_the_sdk(flow, table, cloudlet):
    put = {"TableName": table, "Item": {"pk": {"S": "x"}}, "ConditionExpression": "attribute_not_exists(pk)"}
    machine = flow(task("aws-sdk:dynamodb:putItem", Parameters=put))
    assert machine.output() == {}
    found = machine.run()
    assert found["error"] == "DynamoDb.ConditionalCheckFailedException"
    assert found["cause"].startswith("The conditional request failed (Service: DynamoDb, Status Code: 400, "
                                     "Request ID: ")


def test_names_begin_with_a_capital_whatever_the_api_calls_them(flow, unique):
    name = unique("group")
    machine = flow({"StartAt": "Make", "States": {
        "Make": {**task("aws-sdk:cloudwatchlogs:createLogGroup", end=False, Next="Look",
                        Parameters={"LogGroupName": name})},
        "Look": task("aws-sdk:cloudwatchlogs:describeLogGroups", Parameters={"LogGroupNamePrefix": name})}})
    assert [group["LogGroupName"] for group in machine.output()["LogGroups"]] == [name]


def test_an_object_is_written_and_read(flow, cloudlet, unique):
    bucket = unique("bucket")
    cloudlet.client("s3").create_bucket(Bucket=bucket)
    machine = flow(
        {
            "StartAt": "Put",
            "States": {
                "Put": {
                    **task(
                        "aws-sdk:s3:putObject",
                        end=False,
                        Next="Get",
                        ResultPath="$.put",
                        Parameters={"Bucket": bucket, "Key": "k", "Body.$": "$.body"},
                    )
                },
                "Get": {
                    **task(
                        "aws-sdk:s3:getObject",
                        end=False,
                        Next="Miss",
                        ResultPath="$.got",
                        Parameters={"Bucket": bucket, "Key": "k"},
                    )
                },
                "Miss": {
                    **task("aws-sdk:s3:getObject", Parameters={"Bucket": bucket, "Key": "none"}),
                    "Catch": [
                        {"ErrorEquals": ["S3.NoSuchKeyException"], "ResultPath": "$.missed", "Next": "End"}
                    ],
                },
                "End": {"Type": "Succeed"},
            },
        }
    )
    found = machine.output({"body": {"deep": [1, 2]}})
    assert json.loads(found["got"]["Body"]) == {"deep": [1, 2]}
    assert found["put"]["ETag"] == found["got"]["ETag"]
    assert found["missed"]["Error"] == "S3.NoSuchKeyException"


def test_events_are_put_on_a_bus(flow, cloudlet, unique):
    sqs, events, name = cloudlet.client("sqs"), cloudlet.client("events"), unique("bus")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*",
                                               "Resource": "*"}})})
    events.create_event_bus(Name=name)
    events.put_rule(Name=name, EventBusName=name, EventPattern='{"source": ["shop"]}')
    events.put_targets(Rule=name, EventBusName=name, Targets=[
        {"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:000000000000:{name}"}])
    found = flow(task("events:putEvents", Parameters={"Entries": [
        {"Source": "shop", "DetailType": "sold", "Detail.$": "$", "EventBusName": name}]})).output({"n": 1})
    assert found["FailedEntryCount"] == 0
    event = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    assert (event["detail-type"], event["detail"]) == ("sold", {"n": 1})
    assert [arn.split(":")[5] for arn in event["resources"]] == ["stateMachine", "execution"]


def test_an_event_that_no_bus_takes_fails_the_task(flow):
    found = flow(task("events:putEvents", Parameters={"Entries": [
        {"Source": "shop", "DetailType": "sold", "Detail": "no object"}]})).run()
    assert found["error"] == "EventBridge.FailedEntry"


class Endpoint(BaseHTTPRequestHandler):
    """Says what it was asked."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        status = 418 if "teapot" in self.path else 200
        said = json.dumps({"path": self.path, "body": body, "key": self.headers.get("x-key"),
                           "type": self.headers.get("content-type")}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(cloudlet, unique):
    """Somebody else's server, and a connection to it."""
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    arn = cloudlet.client("events").create_connection(
        Name=unique("connection"), AuthorizationType="API_KEY", AuthParameters={
            "ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"}})["ConnectionArn"]
    yield f"http://127.0.0.1:{server.server_port}", arn
    server.shutdown()
    server.server_close()


def test_an_http_endpoint_is_asked_with_a_connections_secret(flow, endpoint):
    url, connection = endpoint
    asked = {"ApiEndpoint": f"{url}/orders", "Method": "POST", "RequestBody.$": "$",
             "QueryParameters": {"a": "b c"}, "Authentication": {"ConnectionArn": connection}}
    found = flow(task("http:invoke", Parameters=asked)).output({"n": 1})
    assert (found["StatusCode"], found["StatusText"]) == (200, "OK")
    assert found["ResponseBody"] == {"path": "/orders?a=b+c", "body": '{"n":1}', "key": "secret",
                                     "type": "application/json"}


def test_an_http_endpoint_that_refuses_fails_the_task_by_its_status(flow, endpoint):
    url, connection = endpoint
    found = flow(task("http:invoke", Parameters={
        "ApiEndpoint": f"{url}/teapot", "Method": "POST",
        "Authentication": {"ConnectionArn": connection}})).run()
    assert found["error"] == "States.Http.StatusCode.418"


def test_an_api_is_called(flow, deploy, cloudlet):
    function = deploy("def handler(event, context):\n    return {'method': event['requestContext']['http']"
                      "['method'], 'path': event['rawPath'], 'body': event.get('body')}")
    gateway = cloudlet.client("apigatewayv2")
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}"
    api = gateway.create_api(Name="called", ProtocolType="HTTP", Target=arn)["ApiId"]
    cloudlet.client("lambda").add_permission(FunctionName=function.name, StatementId="api",
                                             Action="lambda:InvokeFunction",
                                             Principal="apigateway.amazonaws.com")
    found = flow(task("apigateway:invoke", Parameters={
        "ApiEndpoint": f"{api}.execute-api.us-east-1.amazonaws.com", "Method": "POST", "Path": "/a/b",
        "RequestBody": {"x": 1}, "AuthType": "NO_AUTH"})).output()
    assert found["StatusCode"] == 200
    assert found["ResponseBody"] == {"method": "POST", "path": "/a/b", "body": '{"x":1}'}


def test_a_state_machine_starts_another_and_goes_on(flow):
    inner = flow({"Type": "Wait", "Seconds": 60})
    found = flow(task("states:startExecution", Parameters={"StateMachineArn": inner.arn})).output()
    assert inner.describe(found["ExecutionArn"])["status"] == "RUNNING"


@pytest.mark.parametrize(("pattern", "shown"), [("sync", '{"n":2}'), ("sync:2", {"n": 2})])
def test_a_state_machine_waits_for_another(flow, pattern, shown):
    inner = flow(
        {
            "StartAt": "W",
            "States": {
                "W": {"Type": "Wait", "Seconds": 60, "Next": "P"},
                "P": {"Type": "Pass", "Result": {"n": 2}, "End": True},
            },
        }
    )
    outer = flow(task(f"states:startExecution.{pattern}", Parameters={
        "StateMachineArn": inner.arn, "Input": {"a": 1}}))
    execution = outer.start()
    outer.rest(61)
    found = json.loads(outer.describe(execution)["output"])
    assert (found["Status"], found["Output"]) == ("SUCCEEDED", shown)
    assert outer.types(execution)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_nested_failure_fails_the_task(flow):
    inner = flow({"Type": "Fail", "Error": "Inner", "Cause": "no"})
    found = flow(task("states:startExecution.sync", Parameters={"StateMachineArn": inner.arn})).run()
    assert found["error"] == "States.TaskFailed"
    assert json.loads(found["cause"])["Error"] == "Inner"


def test_an_express_machine_can_not_be_waited_for(flow):
    inner = flow({"Type": "Succeed"}, kind="EXPRESS")
    outer = flow(task("states:startExecution.sync", Parameters={"StateMachineArn": inner.arn}))
    found = outer.run()
    assert found["error"] == "StepFunctions.StateMachineTypeNotSupportedException"
    assert "TaskSubmitFailed" in outer.types(found["executionArn"])


def test_parameters_that_can_not_be_meant_fail_the_execution_for_good(flow):
    machine = flow({**task("aws-sdk:sqs:sendMessage", Parameters={"QueueUrl.$": "$.u", "MessageBody": "b"}),
                    "Retry": [{"ErrorEquals": ["States.ALL"]}]})
    found = machine.run({"u": 7})
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
    assert "must be a string" in found["cause"]


def test_stopping_a_machine_stops_what_it_waits_for(flow, sfn):
    inner = flow({"Type": "Wait", "Seconds": 600})
    outer = flow(task("states:startExecution.sync", Parameters={"StateMachineArn": inner.arn}))
    execution = outer.start()
    outer.rest()
    sfn.stop_execution(executionArn=execution)
    outer.rest()
    [only] = sfn.list_executions(stateMachineArn=inner.arn)["executions"]
    assert only["status"] == "ABORTED"


def test_a_role_that_may_not_do_it_can_not(flow, cloudlet, unique):
    """The execution's role is who asks; what judges it is the resource's service."""
    iam, name = cloudlet.client("iam"), unique("closed")
    trust = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    with pytest.raises(cloudlet.client("stepfunctions").exceptions.ClientError) as refused:
        flow({"Type": "Succeed"}, role=role)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "authorized to assume the provided role" in str(refused.value)


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_role_may_let_in_for_state_machines_of_the_account_only(flow, cloudlet, unique, table, kind):
    """As the CDK's roles do; the state machine is the source at its creation and at every task."""
    iam = cloudlet.client("iam")

    def role(machines):
        trust = {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}, "ArnLike": {
                "aws:SourceArn": f"arn:aws:states:us-east-1:000000000000:stateMachine:{machines}"}}}}
        made = iam.create_role(RoleName=unique("cdk"), AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        iam.put_role_policy(RoleName=made["RoleName"], PolicyName="all", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}))
        return made["Arn"]

    read = task("dynamodb:getItem", Parameters={"TableName": table, "Key": {"pk": {"S": "x"}}})
    machine = flow(read, role=role("*"), kind=kind)
    assert (machine.run() if kind == "STANDARD" else machine.sync())["status"] == "SUCCEEDED"
    with pytest.raises(cloudlet.client("stepfunctions").exceptions.ClientError, match="authorized to assume"):
        flow(read, role=role("another"), kind=kind)

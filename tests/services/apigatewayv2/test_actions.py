"""Routes that lead to an operation of another service, without a function between."""

import json
from itertools import count
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from .conftest import visit

NUMBERS = count()
ROLE = "arn:aws:iam::000000000000:role/any"
WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86_400, "End": True}}}
DOUBLES = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True, "Parameters": {
    "n.$": "States.MathAdd($.n, $.n)"}}}}


@pytest.fixture
def act(api):
    """An API with a route to an operation; its endpoint."""
    def act(subtype, key="POST /", stage=None, **parameters):
        made = api.create_api(Name="acts", ProtocolType="HTTP")
        members = {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": subtype, "CredentialsArn": ROLE,
                   "PayloadFormatVersion": "1.0", **(parameters.pop("members", None) or {})}
        integration = api.create_integration(
            ApiId=made["ApiId"], RequestParameters=parameters, **members)["IntegrationId"]
        api.create_route(ApiId=made["ApiId"], RouteKey=key, Target=f"integrations/{integration}")
        api.create_stage(ApiId=made["ApiId"], StageName="$default", AutoDeploy=True, **(stage or {}))
        return made["ApiEndpoint"]
    return act


@pytest.fixture
def queue(cloudlet):
    """A queue; its URL, and what is in it."""
    client = cloudlet.client("sqs")
    url = client.create_queue(QueueName=f"acts-{next(NUMBERS)}")["QueueUrl"]

    def received():
        return client.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", [])
    return url, received


@pytest.fixture
def machine(cloudlet):
    """A state machine; its ARN."""
    def machine(definition, kind="STANDARD"):
        return cloudlet.client("stepfunctions").create_state_machine(
            name=f"acts-{next(NUMBERS)}", definition=json.dumps(definition), roleArn=ROLE, type=kind
        )["stateMachineArn"]
    return machine


def posted(url, body, **headers):
    return visit(url, "POST", body if isinstance(body, bytes) else json.dumps(body), headers)


def message(answer):
    return answer.status, answer.json["message"]


def refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


# -- each of them


def test_a_request_becomes_a_message_and_the_answer_is_the_queues(act, queue):
    url, received = queue
    answer = posted(
        act("SQS-SendMessage", QueueUrl=url, MessageBody="$request.body"), b"as it came \xe2\x98\x83"
    )
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml")
    found = received()[0]
    assert found["Body"] == "as it came ☃"
    space = {"s": "http://queue.amazonaws.com/doc/2012-11-05/"}
    result = ElementTree.fromstring(answer.body).find("s:SendMessageResult", space)
    assert result.find("s:MessageId", space).text == found["MessageId"]


def test_parameters_come_from_everywhere(act, queue):
    url, received = queue
    endpoint = act(
        "SQS-SendMessage",
        key="POST /to/{name}",
        stage={"StageVariables": {"colour": "blue"}},
        QueueUrl=url,
        MessageBody="$request.body.order",
        MessageAttributes=json.dumps(
            {
                name: {"DataType": "String", "StringValue": source}
                for name, source in {
                    "header": "${request.header.X-Mine}",
                    "query": "${request.querystring.q}",
                    "path": "${request.path.name}",
                    "whole": "${request.path}",
                    "item": "${request.body.lines[1].id}",
                    "stage": "<${stageVariables.colour}>",
                    "method": "${context.httpMethod} ${context.routeKey}",
                    "plain": "as it is",
                }.items()
            }
        ),
    )
    body = {"order": {"n": 1}, "lines": [{"id": "a"}, {"id": "b"}]}
    assert posted(f"{endpoint}/to/me?q=1&q=2", body, **{"x-mine": "yes"}).status == 200
    found = received()[0]
    assert found["Body"] == '{"n":1}'
    assert {name: one["StringValue"] for name, one in found["MessageAttributes"].items()} == {
        "header": "yes", "query": "1,2", "path": "me", "whole": "/to/me", "item": "b", "stage": "<blue>",
        "method": "POST POST /to/{name}", "plain": "as it is"}


def test_messages_are_received_and_deleted(act, queue, cloudlet):
    url, received = queue
    cloudlet.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    endpoint = act("SQS-ReceiveMessage", key="GET /", QueueUrl=url, MaxNumberOfMessages="1",
                   VisibilityTimeout="0", AttributeNames="SentTimestamp,ApproximateReceiveCount")
    space = "{http://queue.amazonaws.com/doc/2012-11-05/}"
    found = ElementTree.fromstring(visit(endpoint).body).find(f".//{space}Message")
    assert found.find(f"{space}Body").text == "hello"
    assert {one.text for one in found.iter(f"{space}Name")} == {"SentTimestamp", "ApproximateReceiveCount"}
    endpoint = act("SQS-DeleteMessage", QueueUrl=url, ReceiptHandle="$request.body.handle")
    assert posted(endpoint, {"handle": found.find(f"{space}ReceiptHandle").text}).status == 200
    assert received() == []


def test_a_queue_is_purged(act, queue, cloudlet):
    url, received = queue
    cloudlet.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    assert visit(act("SQS-PurgeQueue", key="DELETE /", QueueUrl=url), "DELETE").status == 200
    assert received() == []


def test_a_request_becomes_an_event(act, queue, cloudlet):
    url, received = queue
    arn = cloudlet.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])[
        "Attributes"]["QueueArn"]
    cloudlet.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*",
                                               "Resource": arn}})})
    events = cloudlet.client("events")
    events.put_rule(Name="web", EventPattern=json.dumps({"source": ["web"]}))
    events.put_targets(Rule="web", Targets=[{"Id": "q", "Arn": arn}])
    endpoint = act("EventBridge-PutEvents", Source="web", DetailType="$request.body.kind",
                   Detail="$request.body", Time="2024-05-06T07:08:09Z", Resources="$request.body.about")
    answer = posted(endpoint, {"kind": "Ordered", "about": ["arn:a", "arn:b"]})
    assert (answer.status, answer.json["FailedEntryCount"]) == (200, 0)
    event = json.loads(received()[0]["Body"])
    assert (event["detail-type"], event["detail"]["kind"], event["resources"], event["time"]) == (
        "Ordered", "Ordered", ["arn:a", "arn:b"], "2024-05-06T07:08:09Z")
    assert event["id"] == answer.json["Entries"][0]["EventId"]


def test_a_request_becomes_a_record(act, cloudlet):
    kinesis = cloudlet.client("kinesis")
    kinesis.create_stream(StreamName="visits", ShardCount=1)
    endpoint = act(
        "Kinesis-PutRecord", StreamName="visits", Data="$request.body", PartitionKey="$request.body.who"
    )
    answer = posted(endpoint, {"who": "me"})
    assert answer.json["ShardId"] == "shardId-000000000000"
    start = kinesis.get_shard_iterator(StreamName="visits", ShardId=answer.json["ShardId"],
                                       ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    record = kinesis.get_records(ShardIterator=start)["Records"][0]
    assert (record["Data"], record["PartitionKey"]) == (b'{"who": "me"}', "me")


def test_an_execution_is_started_and_stopped(act, machine, cloudlet):
    arn = machine(WAITS)
    answer = posted(act("StepFunctions-StartExecution", StateMachineArn=arn, Name="$request.body.name",
                        Input="$request.body"), {"name": "first"})
    started = answer.json["executionArn"]
    assert started.endswith(":first") and answer.json["startDate"] > 1.7e9
    endpoint = act("StepFunctions-StopExecution", key="DELETE /{name}", Cause="$context.requestId",
                   ExecutionArn=f"{started.removesuffix('first')}${{request.path.name}}")
    assert visit(endpoint + "/first", "DELETE").status == 200
    found = cloudlet.client("stepfunctions").describe_execution(executionArn=started)
    assert (found["status"], found["input"]) == ("ABORTED", '{"name": "first"}') and found["cause"]


def test_a_synchronous_execution_answers_with_its_output(act, machine):
    arn = machine(DOUBLES, "EXPRESS")
    answer = posted(
        act("StepFunctions-StartSyncExecution", StateMachineArn=arn, Input="$request.body"), {"n": 21}
    )
    assert (answer.status, answer.json["status"], json.loads(answer.json["output"])) == (
        200, "SUCCEEDED", {"n": 42})


# -- what goes wrong


@pytest.mark.parametrize("body", [
    b"", b"[]", b"no JSON", b'{"other": 1}', b'{"text": ""}', b'{"text": null}',
    b'{"padding": "' + b"x" * (100 << 10) + b'", "text": "too far"}'])
def test_a_parameter_that_leads_to_nothing_is_a_bad_request(act, queue, body):
    url, received = queue
    endpoint = act("SQS-SendMessage", QueueUrl=url, MessageBody="$request.body.text")
    assert message(posted(endpoint, body)) == (400, "Bad Request")
    assert received() == []


def test_so_is_one_that_could_be_left_out_and_one_of_another_kind(act, queue):
    url, _ = queue
    endpoint = act("SQS-SendMessage", QueueUrl=url, MessageBody="$request.body",
                   DelaySeconds="$request.header.delay")
    assert message(posted(endpoint, b"a")) == (400, "Bad Request")
    assert message(posted(endpoint, b"a", delay="soon")) == (400, "Bad Request")
    assert posted(endpoint, b"a", delay="0").status == 200


def test_what_the_service_refuses_is_an_internal_error_that_the_access_log_explains(act, api, cloudlet):
    logs = cloudlet.client("logs")
    logs.create_log_group(logGroupName="acts")
    group = logs.describe_log_groups(logGroupNamePrefix="acts")["logGroups"][0]["arn"].removesuffix(":*")
    endpoint = act("SQS-SendMessage", QueueUrl="$request.header.queue", MessageBody="b", stage={
        "AccessLogSettings": {"DestinationArn": group, "Format": "$context.integrationErrorMessage"}})
    assert message(posted(endpoint, b"a", queue="http://127.0.0.1/000000000000/none")) == (
        500, "Internal Server Error")
    assert message(posted(endpoint, b"a")) == (400, "Bad Request")
    lines = [one["message"] for one in logs.filter_log_events(logGroupName="acts")["events"]]
    assert "specified queue does not exist" in lines[0]
    assert lines[1] == "Unable to resolve property QueueUrl from source $request.header.queue."


def test_a_role_must_let_api_gateway_in(act, queue, cloudlet):
    url, received = queue
    iam = cloudlet.client("iam")

    def trust(service):
        return json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}})
    role = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))["Role"]
    endpoint = act("SQS-SendMessage", QueueUrl=url, MessageBody="m", members={"CredentialsArn": role["Arn"]})
    assert message(posted(endpoint, b"")) == (500, "Internal Server Error")
    assert received() == []
    iam.update_assume_role_policy(RoleName="sender", PolicyDocument=trust("apigateway.amazonaws.com"))
    assert posted(endpoint, b"").status == 200
    assert len(received()) == 1


def test_a_function_may_be_called_as_a_role_too(api, cloudlet, echo):
    trust = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
    role = cloudlet.client("iam").create_role(RoleName="caller", AssumeRolePolicyDocument=json.dumps(trust))
    made = api.create_api(Name="called", ProtocolType="HTTP", Target=echo)
    integration = api.get_integrations(ApiId=made["ApiId"])["Items"][0]["IntegrationId"]
    api.update_integration(ApiId=made["ApiId"], IntegrationId=integration, CredentialsArn=role["Role"]["Arn"])
    assert visit(made["ApiEndpoint"]).status == 500
    api.update_integration(ApiId=made["ApiId"], IntegrationId=integration, CredentialsArn=ROLE)
    assert visit(made["ApiEndpoint"]).status == 200


@pytest.mark.parametrize(("members", "said"), [
    ({"IntegrationSubtype": "SNS-Publish"}, "Operation: SNS-Publish is not supported."),
    ({"PayloadFormatVersion": "2.0"}, "payload format version 2.0"),
    ({"RequestParameters": {"QueueUrl": "q"}}, "MessageBody"),
    ({"RequestParameters": {"QueueUrl": "q", "MessageBody": "b", "Colour": "c"}}, "Colour"),
    ({"RequestParameters": {"QueueUrl": "q", "MessageBody": "$request.cookie.c"}},
     "Invalid source: $request.cookie.c specified for destination: MessageBody"),
    ({"RequestParameters": {"QueueUrl": "q", "MessageBody": "$request.body..b"}}, "Invalid source"),
    ({"RequestParameters": {"QueueUrl": "q", "MessageBody": "$response.body.b"}}, "Invalid source"),
    ({"CredentialsArn": None}, "CredentialsArn"), ({"CredentialsArn": "arn:aws:iam::*:user/*"}, "role"),
    ({"IntegrationUri": "arn:aws:lambda:us-east-1:000000000000:function:f"}, "URI"),
    ({"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "GET", "IntegrationUri": "http://x"}, "subtype"),
    ({"IntegrationSubtype": None}, "subtype"),
    ({"ResponseParameters": {"2xx": {"remove:header.a": "''"}}}, "2xx"),
    ({"ResponseParameters": {"200": {"remove:header.Connection": "''"}}}, "restricted"),
    ({"ResponseParameters": {"200": {"overwrite:body": "b"}}}, "overwrite:body"),
    ({"ResponseParameters": {"200": {"overwrite:statuscode": "$answer.body"}}}, "$answer.body")])
def test_what_can_not_work_is_refused_when_it_is_made(api, members, said):
    id = api.create_api(Name="refused", ProtocolType="HTTP")["ApiId"]
    given = {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "SQS-SendMessage", "CredentialsArn": ROLE,
             "PayloadFormatVersion": "1.0", "RequestParameters": {"QueueUrl": "q", "MessageBody": "b"}}
    params = {name: value for name, value in (given | members).items() if value is not None}
    code, text = refusal(api.create_integration, ApiId=id, **params)
    assert code == "BadRequestException" and said in text


def test_what_is_empty_in_an_update_is_removed(api):
    id = api.create_api(Name="updated", ProtocolType="HTTP")["ApiId"]
    made = api.create_integration(
        ApiId=id, IntegrationType="AWS_PROXY", IntegrationSubtype="SQS-SendMessage", CredentialsArn=ROLE,
        PayloadFormatVersion="1.0", ResponseParameters={"200": {"append:header.a": "b"}},
        RequestParameters={"QueueUrl": "q", "MessageBody": "b", "DelaySeconds": "1"})
    changed = api.update_integration(
        ApiId=id,
        IntegrationId=made["IntegrationId"],
        ResponseParameters={"200": {}},
        RequestParameters={"MessageBody": "c", "DelaySeconds": ""},
    )
    assert changed["RequestParameters"] == {"QueueUrl": "q", "MessageBody": "c"}
    assert changed["ResponseParameters"] == {}


# -- response parameters


def test_response_parameters_change_an_answer_by_its_status(act, machine):
    arn = machine(DOUBLES, "EXPRESS")
    endpoint = act(
        "StepFunctions-StartSyncExecution",
        StateMachineArn=arn,
        Input="$request.body",
        members={
            "ResponseParameters": {
                "200": {
                    "overwrite:statuscode": "201",
                    "append:header.how": "$response.body.status",
                    "overwrite:header.Content-Type": "application/json",
                    "append:header.nowhere": "$response.body.gone",
                    "append:header.stage": "<${context.stage}>",
                    "remove:header.x-mine": "''",
                }
            }
        },
    )
    answer = posted(endpoint, {"n": 1})
    assert (
        answer.status,
        answer.headers["how"],
        answer.headers["content-type"],
        answer.headers["stage"],
    ) == (201, "SUCCEEDED", "application/json", "<$default>")
    assert "nowhere" not in answer.headers


def test_a_functions_answer_is_changed_too(api, function):
    arn = function("def handler(event, context): return {'statusCode': 404, 'headers': {'a': '1', 'b': '2'}}")
    made = api.create_api(Name="changed", ProtocolType="HTTP", Target=arn)
    integration = api.get_integrations(ApiId=made["ApiId"])["Items"][0]["IntegrationId"]
    api.update_integration(ApiId=made["ApiId"], IntegrationId=integration, ResponseParameters={"404": {
        "overwrite:statuscode": "410", "append:header.a": "$request.header.who", "remove:header.b": "''"}})
    answer = visit(made["ApiEndpoint"], headers={"who": "me"})
    assert answer.status == 410 and "b" not in answer.headers
    assert [value for name, value in answer.lists if name.lower() == "a"] == ["1", "me"]


# -- where they are written


def test_a_documents_integrations_may_have_subtypes(api, queue):
    url, received = queue
    integration = {"type": "aws_proxy", "integrationSubtype": "SQS-SendMessage", "credentials": ROLE,
                   "requestParameters": {"QueueUrl": url, "MessageBody": "$request.body.text"},
                   "responseParameters": {"200": {"overwrite:statuscode": "202"},
                                          "400": {"overwrite:statuscode": "404"}},
                   "payloadFormatVersion": "1.0", "connectionType": "INTERNET"}
    body = {"openapi": "3.0.1", "info": {"title": "acts"}, "paths": {
        "/sqs": {"post": {"x-amazon-apigateway-integration": integration}}}}
    made = api.import_api(Body=json.dumps(body))
    api.create_stage(ApiId=made["ApiId"], StageName="$default", AutoDeploy=True)
    assert posted(made["ApiEndpoint"] + "/sqs", {"text": "hello"}).status == 202
    assert received()[0]["Body"] == "hello"
    assert message(posted(made["ApiEndpoint"] + "/sqs", {})) == (400, "Bad Request"), "the gateway's own"
    exported = json.loads(api.export_api(ApiId=made["ApiId"], Specification="OAS30", OutputType="JSON")[
        "body"].read())
    shown = exported["paths"]["/sqs"]["post"]["x-amazon-apigateway-integration"]
    assert shown == integration | {"timeoutInMillis": 30_000}


def template(queue, **more):
    return {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": "sts:AssumeRole",
                                "Principal": {"Service": "apigateway.amazonaws.com"},
                            }
                        ],
                    }
                },
            },
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "acts", "ProtocolType": "HTTP"}},
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
            },
            "Route": {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "RouteKey": "POST /",
                    "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Send"}]]},
                },
            },
            "Send": {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationSubtype": "SQS-SendMessage",
                    "PayloadFormatVersion": "1.0",
                    "CredentialsArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "RequestParameters": {
                        "QueueUrl": {"Ref": "Queue"},
                        "MessageBody": "$request.body",
                        **queue,
                    },
                    **more,
                },
            },
        },
        "Outputs": {
            "Url": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}},
            "Queue": {"Value": {"Ref": "Queue"}},
        },
    }


def test_a_template_makes_and_changes_an_integration_with_a_subtype(cloudlet):
    client, sqs = cloudlet.client("cloudformation"), cloudlet.client("sqs")

    def deployed(change, *body):
        getattr(client, f"{change}_stack")(StackName="acts", TemplateBody=json.dumps(template(*body[:1], **(
            body[1] if len(body) > 1 else {}))), Capabilities=["CAPABILITY_IAM"])
        client.get_waiter(f"stack_{change}_complete").wait(StackName="acts", WaiterConfig={"Delay": 1})
        outputs = client.describe_stacks(StackName="acts")["Stacks"][0]["Outputs"]
        return {one["OutputKey"]: one["OutputValue"] for one in outputs}
    out = deployed("create", {"DelaySeconds": "$request.header.delay"}, {"ResponseParameters": {"200": {
        "ResponseParameters": [{"Destination": "overwrite:statuscode", "Source": "202"}]}}})
    assert posted(out["Url"], b"first", delay="0").status == 202
    assert posted(out["Url"], b"no delay").status == 400
    deployed("update", {})
    assert posted(out["Url"], b"second").status == 200
    bodies = {one["Body"] for _ in range(2) for one in sqs.receive_message(QueueUrl=out["Queue"])["Messages"]}
    assert bodies == {"first", "second"}

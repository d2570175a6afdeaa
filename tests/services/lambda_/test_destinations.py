"""What becomes of events that nobody waits for: told to queues, functions and buckets, in AWS's shape."""

import json
import re
import urllib.request

import pytest
from botocore.exceptions import ClientError

from .conftest import ROLE, zipped

FINE = "def handler(event, context): return {'got': event}"
FAIL = "def handler(event, context): raise RuntimeError(event.get('say', 'not today'))"
INVALID = "InvalidParameterValueException"
ACCOUNT = "000000000000"


def create(cloudlet, name, source, **settings):
    """A function by that name."""
    client = cloudlet.client("lambda")
    client.create_function(FunctionName=name, Role=ROLE, Runtime="python3.11", Handler="app.handler",
                           Code={"ZipFile": zipped(app_py=source)}, **settings)
    return client


def queue(cloudlet, name):
    """A queue's ARN, and a function that takes one message from it."""
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]

    def receive():
        message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"],
                                      MessageSystemAttributeNames=["All"])["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message

    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}", receive


def to(success="", failure=""):
    """A destination config."""
    both = (("OnSuccess", success), ("OnFailure", failure))
    return {key: {"Destination": arn} for key, arn in both if arn}


def refusal(call, **params):
    """What an operation answers when it refuses: its code and its message."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_function_may_hear_of_anothers_success(cloudlet):
    arn, receive = queue(cloudlet, "heard-by-function")
    client = create(cloudlet, "speaker", FINE)
    create(cloudlet, "listener", FINE)
    client.put_function_event_invoke_config(FunctionName="listener", DestinationConfig=to(success=arn))
    client.put_function_event_invoke_config(
        FunctionName="speaker",
        DestinationConfig=to(success=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:listener"))
    answer = client.invoke(FunctionName="speaker", InvocationType="Event", Payload=b'{"n": 1}')
    outer = json.loads(receive()["Body"])
    inner = outer["requestPayload"]
    assert inner["requestContext"]["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert inner["responsePayload"] == {"got": {"n": 1}}
    assert outer["requestContext"]["requestId"] != inner["requestContext"]["requestId"]
    assert outer["requestContext"]["functionArn"].endswith(":listener:$LATEST")


def test_a_bucket_gets_a_record_of_a_failure(cloudlet, eventually):
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket="failures")
    client = create(cloudlet, "stored", FAIL)
    client.put_function_event_invoke_config(FunctionName="stored", MaximumRetryAttempts=0,
                                            DestinationConfig=to(failure="arn:aws:s3:::failures"))
    client.invoke(FunctionName="stored", InvocationType="Event", Payload=b'{"say": "no"}')
    key = eventually(lambda: s3.list_objects_v2(Bucket="failures").get("Contents"))[0]["Key"]
    day = r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3T\d\d\.\d\d\.\d\d"
    uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(f"aws/lambda/async/stored/{day}-{uuid}", key)
    record = json.load(s3.get_object(Bucket="failures", Key=key)["Body"])
    assert record["requestPayload"] == {"say": "no"}
    assert record["responsePayload"]["errorMessage"] == "no"
    assert record["responseContext"] == {
        "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}


def test_each_qualifier_has_destinations_of_its_own(cloudlet):
    (one, receive_one), (two, receive_two) = (queue(cloudlet, f"of-{name}") for name in ("latest", "alias"))
    client = create(cloudlet, "split", FINE)
    client.publish_version(FunctionName="split")
    client.create_alias(FunctionName="split", Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(FunctionName="split", DestinationConfig=to(success=one))
    client.put_function_event_invoke_config(FunctionName="split", Qualifier="live",
                                            DestinationConfig=to(success=two))
    client.invoke(FunctionName="split", InvocationType="Event")
    client.invoke(FunctionName="split:live", InvocationType="Event")
    told = [json.loads(receive()["Body"]) for receive in (receive_one, receive_two)]
    assert [one["requestContext"]["functionArn"].rpartition(":")[2] for one in told] == ["$LATEST", "live"]
    assert [one["responseContext"]["executedVersion"] for one in told] == ["$LATEST", "1"]


def test_a_dead_letter_tells_what_happened(cloudlet):
    arn, receive = queue(cloudlet, "dead")
    client = create(cloudlet, "dying", FAIL, DeadLetterConfig={"TargetArn": arn})
    client.put_function_event_invoke_config(FunctionName="dying", MaximumRetryAttempts=0)
    event = json.dumps({"say": "\x07" + "ä" * 600})
    answer = client.invoke(FunctionName="dying", InvocationType="Event", Payload=event.encode())
    message = receive()
    assert message["Body"] == event
    told = {key: (value["DataType"], value["StringValue"])
            for key, value in message["MessageAttributes"].items()}
    assert told == {"RequestID": ("String", answer["ResponseMetadata"]["RequestId"]),
                    "ErrorCode": ("Number", "200"), "ErrorMessage": ("String", " " + "ä" * 511)}


def test_a_retry_that_would_come_too_late_is_not_waited_for(cloudlet):
    arn, receive = queue(cloudlet, "too-late")
    client = create(cloudlet, "aged", FAIL)
    client.put_function_event_invoke_config(FunctionName="aged", MaximumEventAgeInSeconds=60,
                                            DestinationConfig=to(failure=arn))
    client.invoke(FunctionName="aged", InvocationType="Event", Payload=b"{}")
    # the first try takes a moment, so the retry, a minute later, would be older than the event may be
    told = json.loads(receive()["Body"])
    assert (told["requestContext"]["condition"], told["requestContext"]["approximateInvokeCount"]) == (
        "EventAgeExceeded", 1)
    assert told["responsePayload"]["errorMessage"] == "not today"


def test_a_stopped_functions_events_go_to_its_dead_letters_at_once(cloudlet):
    (dead, receive), (told, hear) = queue(cloudlet, "stopped-dead"), queue(cloudlet, "stopped-told")
    client = create(cloudlet, "stopped", FINE, DeadLetterConfig={"TargetArn": dead})
    client.put_function_event_invoke_config(FunctionName="stopped", DestinationConfig=to(failure=told))
    client.put_function_concurrency(FunctionName="stopped", ReservedConcurrentExecutions=0)
    client.invoke(FunctionName="stopped", InvocationType="Event", Payload=b'{"a": 1}')
    message = receive()
    assert message["Body"] == '{"a": 1}'
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    record = json.loads(hear()["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record


def test_a_throttled_event_backs_off_until_it_is_too_old(fresh, eventually):
    """The account has no place for long, so the event waits, and at last is given up."""
    cloudlet = fresh()
    arn, receive = queue(cloudlet, "old")
    client = create(cloudlet, "waiting", FINE)
    client.put_function_event_invoke_config(FunctionName="waiting", MaximumEventAgeInSeconds=60,
                                            DestinationConfig=to(failure=arn))
    running = cloudlet.cloudlet.pool.turns.running
    running[f"{ACCOUNT}/us-east-1"] = 1000
    client.invoke(FunctionName="waiting", InvocationType="Event", Payload=b'{"a": 1}')
    for _ in range(3):
        cloudlet.advance(21)
    record = json.loads(receive()["Body"])
    assert record["requestContext"] | {"requestId": "", "functionArn": ""} == {
        "requestId": "", "functionArn": "", "condition": "EventAgeExceeded", "approximateInvokeCount": 0}


def test_a_receiver_that_refuses_for_the_moment_is_told_later_and_both_can_be_seen(fresh, eventually):
    cloudlet = fresh()
    arn, receive = queue(cloudlet, "busy")
    client = create(cloudlet, "patient", FINE)
    client.put_function_event_invoke_config(FunctionName="patient", DestinationConfig=to(success=arn))
    cloudlet.control("faults", {"rules": [{"service": "sqs", "resource": "busy", "times": 1,
                                           "error": "ThrottlingException"}]})
    client.invoke(FunctionName="patient", InvocationType="Event", Payload=b"{}")

    def outcomes():
        asked = urllib.request.Request(f"{cloudlet.url}/_cloudlet/events",
                                       headers={"x-cloudlet-token": cloudlet.cloudlet.token})
        with urllib.request.urlopen(asked) as lines:
            return [one["outcome"] for one in map(json.loads, lines) if one["target"] == arn]

    assert eventually(outcomes) == ["refused"]
    cloudlet.advance(2)
    assert json.loads(receive()["Body"])["requestContext"]["condition"] == "Success"
    assert outcomes()[:3] == ["refused", "sent", "delivered"]


def test_settings_are_put_updated_listed_and_deleted(cloudlet):
    arn, _ = queue(cloudlet, "settled")
    client = create(cloudlet, "settled", FINE)
    where = {"FunctionName": "settled"}
    put = client.put_function_event_invoke_config(**where, MaximumRetryAttempts=1,
                                                  DestinationConfig=to(success=arn))
    assert put["DestinationConfig"] == {"OnSuccess": {"Destination": arn}, "OnFailure": {}}
    changed = client.update_function_event_invoke_config(**where, MaximumEventAgeInSeconds=100)
    assert (changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]) == (1, 100)
    assert changed["DestinationConfig"] == put["DestinationConfig"]
    anew = client.put_function_event_invoke_config(**where, MaximumRetryAttempts=2)
    assert "MaximumEventAgeInSeconds" not in anew
    assert anew["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    client.publish_version(**where)
    client.put_function_event_invoke_config(**where, Qualifier="1", MaximumRetryAttempts=0)
    page = client.list_function_event_invoke_configs(**where, MaxItems=1)
    rest = client.list_function_event_invoke_configs(**where, Marker=page["NextMarker"])
    arns = [one["FunctionArn"] for each in (page, rest) for one in each["FunctionEventInvokeConfigs"]]
    assert [one.rpartition(":")[2] for one in arns] == ["$LATEST", "1"]
    client.delete_function_event_invoke_config(**where)
    assert refusal(client.get_function_event_invoke_config, **where) == (
        "ResourceNotFoundException",
        f"The function arn:aws:lambda:us-east-1:{ACCOUNT}:function:settled:$LATEST doesn't have an "
        "EventInvokeConfig")


def test_destinations_that_make_no_sense_are_refused(cloudlet):
    client = create(cloudlet, "choosy", FINE)
    cloudlet.client("sqs").create_queue(QueueName="order.fifo", Attributes={"FifoQueue": "true"})
    own = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:choosy"

    def told(**config):
        return refusal(client.put_function_event_invoke_config, FunctionName="choosy", **config)

    assert told() == (INVALID, "You must specify at least one of error handling or destination setting.")
    assert told(DestinationConfig=to(failure=own)) == (
        INVALID, "You can't specify the function as a destination for itself.")
    missing = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:nowhere"
    for arn in (missing, missing.replace("lambda", "sqs"), "arn:aws:s3:::nowhere-at-all",
                f"arn:aws:sqs:us-east-1:{ACCOUNT}:order.fifo"):
        code, message = told(DestinationConfig=to(failure=arn))
        assert code == INVALID
        assert message.startswith(f"The destination ARN {arn} is invalid.")
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    assert told(DestinationConfig=to(success=role)) == (
        INVALID, "The provided destination config DestinationConfig("
                 f"onSuccess=OnSuccess(destination={role}), onFailure=null) is invalid.")
    _, message = told(DestinationConfig=to(success="arn:aws:s3:::bucket"))
    assert message.endswith("onFailure=null) is invalid.")
    put = client.put_function_event_invoke_config
    assert refusal(put, FunctionName="nobody", MaximumRetryAttempts=1) == (
        "ResourceNotFoundException", "The function doesn't exist.")


def test_the_functions_role_must_be_allowed_to_tell(cloudlet):
    arn, receive = queue(cloudlet, "guarded")
    iam = cloudlet.client("iam")
    role = iam.create_role(RoleName="teller", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
                                               "Principal": {"Service": "lambda.amazonaws.com"}}}))["Role"]
    client = cloudlet.client("lambda")
    settings = {"FunctionName": "teller", "Role": role["Arn"], "Runtime": "python3.11",
                "Handler": "app.handler", "Code": {"ZipFile": zipped(app_py=FAIL)}}
    assert refusal(client.create_function, **settings, DeadLetterConfig={"TargetArn": arn}) == (
        INVALID, "The provided execution role does not have permissions to call SendMessage on SQS")
    client.create_function(**settings)
    put = {"FunctionName": "teller", "MaximumRetryAttempts": 0, "DestinationConfig": to(failure=arn)}
    assert refusal(client.put_function_event_invoke_config, **put) == (
        INVALID, f"The function's execution role {role['Arn']} does not have permissions to call SendMessage "
                 f"on {arn}")
    iam.put_role_policy(RoleName="teller", PolicyName="may", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:SendMessage",
                                               "Resource": arn}}))
    client.put_function_event_invoke_config(**put)
    client.invoke(FunctionName="teller", InvocationType="Event", Payload=b"{}")
    message = receive()
    assert json.loads(message["Body"])["requestContext"]["condition"] == "RetriesExhausted"
    assert message["Attributes"]["SenderId"].endswith(":teller")


def test_what_is_told_goes_on_with_the_trace_of_the_event(cloudlet):
    arn, receive = queue(cloudlet, "traced")
    source = "import os\ndef handler(event, context): return os.environ['_X_AMZN_TRACE_ID']"
    client = create(cloudlet, "traced", source)
    client.put_function_event_invoke_config(FunctionName="traced", DestinationConfig=to(success=arn))
    client.invoke(FunctionName="traced", InvocationType="Event", Payload=b"{}")
    message = receive()
    seen, sent = json.loads(message["Body"])["responsePayload"], message["Attributes"]["AWSTraceHeader"]
    assert "Sampled=0" in seen  # nobody asked for more
    assert re.search(r"Lineage=1:[0-9a-f]{8}:1$", seen)
    assert (seen.partition(";")[0], seen.rpartition(";")[2]) == (
        sent.partition(";")[0], sent.rpartition(";")[2])

"""Python functions: the contract between a handler and its runtime."""

import base64
import json

from .conftest import PYTHON, ROLE, zipped


def test_a_handler_gets_its_event_and_gives_its_answer(deploy):
    double = deploy("def handler(event, context): return {'twice': event['n'] * 2}")
    assert double({"n": 21}) == ({"twice": 42}, None)


def test_the_context_tells_who_and_how_long(deploy):
    tell = deploy("""
def handler(event, context):
    return [context.function_name, context.function_version, context.memory_limit_in_mb,
            context.invoked_function_arn, 4000 < context.get_remaining_time_in_millis() <= 5000,
            len(context.aws_request_id)]
""", Timeout=5, MemorySize=256)
    answer, error = tell()
    assert error is None
    assert answer == [
        tell.name,
        "$LATEST",
        "256",
        f"arn:aws:lambda:us-east-1:000000000000:function:{tell.name}",
        True,
        36,
    ]


def test_the_environment_is_the_documented_one(deploy):
    tell = deploy("import os\ndef handler(event, context): return dict(os.environ)",
                  Environment={"Variables": {"COLOUR": "blue"}})
    answer, _ = tell()
    assert answer["COLOUR"] == "blue"
    assert answer["AWS_LAMBDA_FUNCTION_NAME"] == tell.name
    assert answer["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{tell.name}"
    assert answer["AWS_REGION"] == "us-east-1"
    assert answer["LAMBDA_TASK_ROOT"] == "/var/task"
    assert answer["_HANDLER"] == "app.handler"
    assert not [name for name in answer if name.startswith("_CLOUDLET")]


def test_an_exception_becomes_awss_error(deploy):
    fail = deploy("def handler(event, context):\n    raise ValueError('no ' + event)")
    answer, error = fail("way")
    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "no way")
    assert answer["stackTrace"] == [
        "  File \"/var/task/app.py\", line 2, in handler\n    raise ValueError('no ' + event)\n"
    ]
    assert len(answer["requestId"]) == 36


def test_an_import_error_is_told_at_the_first_call_and_at_the_next(deploy):
    broken = deploy("import nowhere_to_be_found\ndef handler(event, context): pass")
    for _ in range(2):
        answer, error = broken()
        assert error == "Unhandled"
        assert answer["errorType"] == "Runtime.ImportModuleError"
        assert (
            answer["errorMessage"] == "Unable to import module 'app': No module named 'nowhere_to_be_found'"
        )


def test_a_missing_handler_is_named(deploy):
    answer, error = deploy("x = 1", handler="app.gone")()
    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == (
        "Runtime.HandlerNotFound",
        "Handler 'gone' missing on module 'app'",
    )


def test_what_is_no_json_is_no_answer(deploy):
    answer, error = deploy("def handler(event, context): return {1, 2}")()
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.MarshalError"
    assert answer["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


def test_state_outside_the_handler_stays_in_a_warm_worker(deploy):
    count = deploy("n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n")
    assert [count()[0] for _ in range(3)] == [1, 2, 3]


def test_boto3_finds_the_cloudlet_by_itself(deploy, cloudlet):
    make = deploy("""
import boto3
def handler(event, context):
    return boto3.client("sqs").create_queue(QueueName="made-by-a-function")["QueueUrl"]
""", Timeout=20, MemorySize=512)
    assert make() == (f"{cloudlet.url}/000000000000/made-by-a-function", None)


def test_packages_of_cloudlet_itself_are_not_there(deploy):
    answer, _ = deploy("import msgspec\ndef handler(event, context): pass")()
    assert answer["errorType"] == "Runtime.ImportModuleError"


def test_what_is_written_comes_back_as_the_log_tail(deploy):
    talk = deploy("""
import logging
print("while loading")
def handler(event, context):
    print("in the handler")
    logging.getLogger().warning("careful\\nplease")
""")
    answer = talk.client.invoke(FunctionName=talk.name, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    id = answer["ResponseMetadata"]["RequestId"]
    assert "while loading\n" in log
    assert f"START RequestId: {id} Version: $LATEST\n" in log
    assert "in the handler\n" in log
    assert "[WARNING]" in log
    assert f"{id}\tcareful\nplease\n" in log
    assert f"END RequestId: {id}\n" in log
    assert f"REPORT RequestId: {id}\tDuration: " in log
    assert "Init Duration: " in log


def test_the_log_is_in_cloudwatch_logs(deploy, cloudlet, eventually):
    talk = deploy("def handler(event, context): print('for the record')")
    talk()
    logs = cloudlet.client("logs")

    def written():
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{talk.name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events]

    lines = eventually(written)
    assert [line.split()[0] for line in lines] == ["START", "for", "END", "REPORT"]


def test_a_functions_modules_may_be_called_as_the_runtimes_are(cloudlet):
    client = cloudlet.client("lambda")
    client.create_function(
        FunctionName="namesakes", Role=ROLE, Runtime=PYTHON, Handler="snapshot.handler",
        Code={"ZipFile": zipped(sandbox_py="WORD = 'mine'",
                                snapshot_py="import sandbox\ndef handler(e, c): return sandbox.WORD")})
    assert json.load(client.invoke(FunctionName="namesakes")["Payload"]) == "mine"


def test_what_sdks_put_before_the_host_is_found(cloudlet, deploy):
    iam, states = cloudlet.client("iam"), cloudlet.client("stepfunctions")
    role = iam.create_role(RoleName="express", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                "Principal": {"Service": "states.amazonaws.com"}}]}))
    machine = states.create_state_machine(
        name="express", type="EXPRESS", roleArn=role["Role"]["Arn"],
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}))
    call = deploy("import boto3\nfrom botocore.config import Config\n\ndef handler(event, context):\n"
                  "    states = boto3.client('stepfunctions', config=Config(inject_host_prefix=True))\n"
                  "    started = states.start_sync_execution(stateMachineArn=event, input='{\"a\": 1}')\n"
                  "    return started['output']\n", Timeout=30)
    assert call(machine["stateMachineArn"]) == ('{"a": 1}', None)

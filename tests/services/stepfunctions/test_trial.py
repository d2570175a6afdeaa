"""TestState: one state alone, mocked or in earnest."""

import json

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from .conftest import ROLE, task
from .test_tasks import endpoint  # noqa: F401  (a fixture)


@pytest.fixture
def trial(cloudlet):
    """Tests a state."""
    client = cloudlet.client("stepfunctions", config=Config(inject_host_prefix=False))

    def test(state, input=None, **options):
        text = json.dumps({} if input is None else input)
        return client.test_state(definition=json.dumps(state), input=text, **options)
    return test


def test_data_is_shown_on_its_way(trial):
    found = trial({"Type": "Pass", "Parameters": {"n.$": "$.a"}, "ResultPath": "$.r", "Next": "B"}, {"a": 1},
                  inspectionLevel="DEBUG")
    assert (found["status"], found["nextState"]) == ("SUCCEEDED", "B")
    assert json.loads(found["output"]) == {"a": 1, "r": {"n": 1}}
    assert json.loads(found["inspectionData"]["afterParameters"]) == {"n": 1}


def test_a_mock_stands_for_the_task(trial):
    state = {**task("lambda:invoke", end=False, Next="B", Parameters={"FunctionName": "f"}),
             "Catch": [{"ErrorEquals": ["Oh"], "Next": "C"}]}
    assert json.loads(trial(state, mock={"result": '{"a": 1}'})["output"]) == {"a": 1}
    caught = trial(state, mock={"errorOutput": {"error": "Oh", "cause": "no"}})
    assert (caught["status"], caught["nextState"]) == ("CAUGHT_ERROR", "C")


def test_without_a_mock_the_task_is_really_done(trial, cloudlet, unique):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName=unique("tested"))["QueueUrl"]
    state = task("sqs:sendMessage", Parameters={"QueueUrl": url, "MessageBody.$": "$.m"},
                 ResultSelector={"id.$": "$.MessageId"})
    found = trial(state, {"m": "hello"}, roleArn=ROLE)
    message = sqs.receive_message(QueueUrl=url)["Messages"][0]
    assert (message["Body"], json.loads(found["output"])) == ("hello", {"id": message["MessageId"]})
    state["Parameters"]["QueueUrl"] = url + "-not"
    found = trial(state, {"m": "hello"}, roleArn=ROLE)
    assert (found["status"], found["error"]) == ("FAILED", "SQS.QueueDoesNotExistException")


def test_an_http_request_is_traced_and_its_secrets_are_hidden(trial, endpoint):  # noqa: F811
    url, connection = endpoint
    state = task("http:invoke", Parameters={"ApiEndpoint": f"{url}/x", "Method": "POST",
                                            "RequestBody": {"a": 1},
                                            "Authentication": {"ConnectionArn": connection}})
    hidden = trial(state, roleArn=ROLE, inspectionLevel="TRACE")
    request = hidden["inspectionData"]["request"]
    assert (request["method"], request["body"], request["url"]) == ("POST", '{"a":1}', f"{url}/x")
    assert "secret" not in request["headers"]
    assert hidden["inspectionData"]["response"]["statusCode"] == "200"
    shown = trial(state, roleArn=ROLE, inspectionLevel="TRACE", revealSecrets=True)
    assert json.loads(shown["inspectionData"]["request"]["headers"])["x-key"] == "secret"


def test_a_state_is_chosen_from_a_whole_machine(trial):
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"},
                                          "B": {"Type": "Pass", "Result": 2, "End": True}}}
    assert trial(machine, stateName="B")["output"] == "2"
    with pytest.raises(ClientError, match="State not found in definition"):
        trial(machine, stateName="C")


@pytest.mark.parametrize(
    ("state", "options", "said"),
    [
        ({"Type": "Nonsense"}, {}, "should have one of these values"),
        (task("lambda:invoke", Parameters={"FunctionName": "f"}), {}, "A role is required"),
        ({"Type": "Pass", "End": True}, {"mock": {}}, "exactly one of"),
        (
            task("sqs:sendMessage.waitForTaskToken", Parameters={}),
            {"roleArn": ROLE},
            "only be tested with a mock",
        ),
    ],
)
def test_what_can_not_be_tested_is_refused(trial, state, options, said):
    with pytest.raises(ClientError, match=said):
        trial(state, **options)

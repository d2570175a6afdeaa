"""``cloudlet workflow``: machines run without being deployed, drawn, and shown as they ran."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cloudlet.cli import diagram, timeline

from .test_commands import Up, environment, run

SAGA = Path(__file__).parents[2] / "examples" / "orders-saga"
ORDER = '{"id": "o1", "sku": "kettle", "quantity": 1, "cents": 3900}'
NESTED = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Next": "Done",
            "Branches": [
                {
                    "StartAt": "Each",
                    "States": {
                        "Each": {
                            "Type": "Map",
                            "End": True,
                            "ItemsPath": "$.n",
                            "ItemProcessor": {
                                "StartAt": "Odd?",
                                "States": {
                                    "Odd?": {
                                        "Type": "Choice",
                                        "Default": "Skip",
                                        "Choices": [{"Variable": "$", "NumericLessThan": 2, "Next": "Break"}],
                                    },
                                    "Skip": {"Type": "Pass", "End": True},
                                    "Break": {"Type": "Fail", "Error": "TooSmall"},
                                },
                            },
                        }
                    },
                },
                {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 90, "End": True}}},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
        },
        "Done": {"Type": "Succeed"},
        "Sorry": {"Type": "Pass", "End": True},
    },
}


@pytest.fixture
def nested(tmp_path):
    file = tmp_path / "nested.asl.json"
    file.write_text(json.dumps(NESTED))
    return file


def rehearse(file, *arguments, folder=None):
    told = run("workflow", "run", str(file), "--json", *arguments, cwd=folder or file.parent)
    return told.returncode, json.loads(told.stdout) if told.stdout else told.stderr


def saga(case, folder):
    return rehearse(
        SAGA / "template.yaml",
        "--mock",
        str(SAGA / "mocks.json"),
        "--test-case",
        case,
        "-i",
        ORDER,
        folder=folder,
    )


def states(found):
    return [(visit["state"], visit["outcome"]) for visit in found["visits"]]


def test_a_machine_runs_against_mocks_and_its_waits_take_no_time(tmp_path):
    code, found = saga("bank comes back", tmp_path)
    assert (code, found["status"], json.loads(found["output"])) == (
        0,
        "SUCCEEDED",
        {"id": "o1", "status": "shipped"},
    )
    assert [(visit["retries"], visit["endedS"] - visit["beganS"]) for visit in found["visits"]
            if visit["state"] == "Pay"] == [(2, 180.0)]


def test_what_fails_is_told_and_is_the_exit_code(tmp_path):
    code, found = saga("no carrier", tmp_path)
    assert (code, found["status"], found["error"]) == (1, "FAILED", "OrderRejected")
    assert ("Ship", "caught") in states(found)
    assert states(found)[-3:] == [("Refund", "succeeded"), ("Release", "succeeded"), ("Rejected", "failed")]


def test_iterations_and_branches_are_told_apart(nested):
    code, found = rehearse(nested, "-i", '{"n": [2, 3]}')
    assert code == 0
    assert [visit["index"] for visit in found["visits"] if visit["state"] == "Odd?"] == [0, 1]
    assert {visit["state"]: visit["depth"] for visit in found["visits"]} == {
        "Both": 0, "Each": 1, "Nap": 1, "Odd?": 2, "Skip": 2, "Done": 0}
    assert found["tookS"] == 90


def test_a_branch_that_fails_fails_what_is_around_it_and_stops_the_others(nested):
    code, found = rehearse(nested, "-i", '{"n": [1]}')
    assert code == 0
    assert dict(states(found)) == {"Both": "caught", "Each": "failed", "Odd?": "succeeded", "Break": "failed",
                                   "Nap": "aborted", "Sorry": "succeeded"}
    assert {visit["state"] for visit in found["visits"] if visit["error"] == "TooSmall"} >= {"Both", "Break"}


def test_a_task_with_neither_mock_nor_cloudlet_is_refused(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "cloudlet", "workflow", "run", str(SAGA / "template.yaml"), "-i", ORDER],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**environment(), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        check=False,
    )
    assert told.returncode == 1
    assert "Reserve has no mock, and no cloudlet runs" in told.stderr


def test_mocks_that_say_too_little_are_refused(nested, tmp_path):
    code, told = rehearse(
        SAGA / "template.yaml", "--mock", str(SAGA / "mocks.json"), "-i", ORDER, folder=tmp_path
    )
    assert (code, "Which test case?" in told) == (1, True)
    code, told = saga("no such case", tmp_path)
    assert (code, "have no test case 'no such case'" in told) == (1, True)


def test_a_definition_that_is_wrong_is_not_run(tmp_path):
    (tmp_path / "m.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass"}}}')
    code, told = rehearse(tmp_path / "m.json")
    assert (code, "Exactly one of these fields is required: [Next, End]" in told) == (1, True)


def test_the_picture_has_boxes_in_boxes_conditions_and_dashes_for_what_is_caught():
    drawn = diagram.dot(NESTED)
    assert 'subgraph "cluster Each"' in drawn[drawn.index('subgraph "cluster Both"'):]
    assert "$ < 2" in drawn
    assert any("dashed" in line and "any error" in line and '"Sorry"' in line for line in drawn.splitlines())
    assert '"Done" -> "end"' in drawn and '"Sorry" -> "end"' in drawn


def test_what_no_branch_ends_at_is_hidden_below_them():
    fails = {"StartAt": "Try", "States": {"Try": {"Type": "Pass", "Next": "Break"},
                                          "Break": {"Type": "Fail"}}}
    rounds = {"StartAt": "Again", "States": {"Again": {"Type": "Pass", "Next": "Again"}}}
    tree = {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": [fails, rounds],
                                                   "Next": "Done"}, "Done": {"Type": "Succeed"}}}
    drawn = diagram.dot(tree)
    assert '"Break" -> "out Both" [style=invis ]' in drawn and '"Again" -> "out Both" [style=invis ]' in drawn
    assert any(line.startswith('"out Both" [') and "style=invis" in line for line in drawn.splitlines())
    assert "style=invis" not in diagram.dot(NESTED)


def test_a_long_condition_is_cut_where_it_shows():
    rule = {"Or": [{"Variable": f"$.item{n}", "StringEquals": "x"} for n in range(9)], "Next": "B"}
    drawn = diagram.dot({"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [rule]},
                                                    "B": {"Type": "Succeed"}}})
    assert "…" in drawn and "$.item8" not in drawn


def test_what_ran_is_coloured_and_what_did_not_is_not():
    lanes = {"Both": timeline.Lane(1, 2, 90.0, "failed", "TooSmall")}
    drawn = {line.split(" [")[0]: line for line in diagram.dot(NESTED, lanes).splitlines()}
    assert "retried 2× · 1 min 30 s · TooSmall" in diagram.dot(NESTED, lanes)
    assert "#c9d0d8" in drawn['"Sorry"']


def test_a_machine_is_drawn_as_svg_and_as_png(nested):
    pytest.importorskip("pygraphviz")
    for form in ("svg", "png"):
        assert run("workflow", "draw", str(nested), "-o", f"m.{form}", cwd=nested.parent).returncode == 0
    tree = ElementTree.parse(nested.parent / "m.svg")
    assert {"Both", "Each", "Odd?", "Nap"} <= {
        one.text for one in tree.iter("{http://www.w3.org/2000/svg}text")
    }
    assert (nested.parent / "m.png").read_bytes()[:4] == b"\x89PNG"


FLOW = """\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: states.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: send
          PolicyDocument: {Statement: [{Effect: Allow, Action: "sqs:*", Resource: "*"}]}
  Letters:
    Type: AWS::SQS::Queue
    Properties: {QueueName: letters}
  Flow:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: flow
      RoleArn: !GetAtt Role.Arn
      Definition:
        StartAt: Write
        States:
          Write:
            Type: Task
            Resource: arn:aws:states:::aws-sdk:sqs:getQueueUrl
            Parameters: {QueueName.$: $.queue}
            Catch: [{ErrorEquals: [States.ALL], Next: Sorry}]
            End: true
          Sorry: {Type: Pass, End: true}
  Nap:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: nap
      RoleArn: !GetAtt Role.Arn
      Definition:
        StartAt: Sleep
        States:
          Sleep: {Type: Wait, Seconds: 3600, End: true}
Outputs:
  Flow: {Value: !Ref Flow}
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow")
    (folder / "template.yaml").write_text(FLOW)
    up = Up(folder)
    up.until("deployed")
    yield up
    up.stop()


def arn_of(client, name):
    return next(one["stateMachineArn"] for one in client.list_state_machines()["stateMachines"]
                if one["name"] == name)


def test_an_execution_that_runs_is_shown_so_far(up):
    boto3 = pytest.importorskip("boto3")
    client = boto3.client("stepfunctions", endpoint_url=up.endpoint, region_name="us-east-1",
                          aws_access_key_id="000000000000", aws_secret_access_key="x")
    client.start_execution(stateMachineArn=arn_of(client, "nap"), name="asleep")
    found = json.loads(up.run("workflow", "show", "asleep", "--json").stdout)
    assert (found["status"], states(found)) == ("RUNNING", [("Sleep", "running")])
    assert 0 <= found["tookS"] < 3600


def test_an_execution_is_shown_by_its_machine_its_name_or_its_arn(up):
    boto3 = pytest.importorskip("boto3")
    client = boto3.client("stepfunctions", endpoint_url=up.endpoint, region_name="us-east-1",
                          aws_access_key_id="000000000000", aws_secret_access_key="x")
    machine = arn_of(client, "flow")
    arn = client.start_execution(stateMachineArn=machine, name="first", input='{"queue": "none"}')[
        "executionArn"
    ]
    while client.describe_execution(executionArn=arn)["status"] == "RUNNING":
        pass
    for named in ("flow", "first", arn):
        told = up.run("workflow", "show", named, "--json")
        found = json.loads(told.stdout)
        assert (found["execution"], states(found)) == (arn, [("Write", "caught"), ("Sorry", "succeeded")])
    told = up.run("workflow", "show", "first")
    assert "caught" in told.stdout and "QueueDoesNotExist" in told.stdout and "SUCCEEDED" in told.stdout


def test_what_has_no_history_is_not_shown(up):
    boto3 = pytest.importorskip("boto3")
    client = boto3.client("stepfunctions", endpoint_url=up.endpoint, region_name="us-east-1",
                          aws_access_key_id="000000000000", aws_secret_access_key="x")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    for kind in ("EXPRESS", "STANDARD"):
        client.create_state_machine(name=f"new-{kind}", definition=definition, type=kind,
                                    roleArn="arn:aws:iam::000000000000:role/any")
    arn = client.start_execution(stateMachineArn=arn_of(client, "new-EXPRESS"))["executionArn"]
    assert "new-EXPRESS is Express, and leaves no history" in up.run("workflow", "show", "new-EXPRESS").stderr
    assert "is Express, and leaves no history" in up.run("workflow", "show", arn).stderr
    assert "new-STANDARD has no execution yet" in up.run("workflow", "show", "new-STANDARD").stderr


def test_a_task_without_a_mock_is_done_by_the_running_cloudlet(up):
    code, found = rehearse(up.folder / "template.yaml", "--machine", "Flow", "-i", '{"queue": "letters"}')
    assert (code, states(found)) == (0, [("Write", "succeeded")])
    assert json.loads(found["output"])["QueueUrl"].endswith("/letters")
    _, found = rehearse(up.folder / "template.yaml", "--machine", "Flow", "-i", '{"queue": "none"}')
    assert states(found) == [("Write", "caught"), ("Sorry", "succeeded")]

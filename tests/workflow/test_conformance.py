"""Machines with the histories, outputs and errors that AWS itself gave, driven without a server.

The data isn't part of the project: CLOUDLET_CONFORMANCE names the folder it is in, else it is looked for
beside the repository. What AWS's answers were cleaned of matches anything where it is marked so (``<…>``), a
moment where it became ``date``, a role where it became ``snf_role_arn``. Where no mark tells, a case can't be
met: ids of parallel branches became 0, both moments of a comparison the same ``date``, one history was read
before it went on, one answer is the client's own. Three recordings of distributed Maps exit after the event
that the map run started with, five after the one it ended with, and we do the latter.
"""

import json
import os
import re
from pathlib import Path

import msgspec
import pytest

from cloudlet.services.stepfunctions import definitions, inspection
from cloudlet.workflow import definition, records, validation

from .driving import Execution, World

BESIDE = Path(__file__).parents[3] / "shared" / "conformance"
FOLDER = Path(os.environ.get("CLOUDLET_CONFORMANCE", BESIDE))
DATA = FOLDER / "asl_cases.jsonl"
DROPPED = {"timestamp", "ResponseMetadata", "roleArn", "mapRunArn"}
ANYTHING = re.compile(r"<[^<>]*>|date-?time|timestamp|uuid")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
NOW_MS = 1_795_221_208_000

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA.name}: set CLOUDLET_CONFORMANCE")


@pytest.fixture(scope="module")
def cases():
    return [json.loads(line) for line in DATA.read_text().splitlines()]


def plain(value):
    """The value without what differs each time, and with JSON in texts read."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in DROPPED}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in ("{", "[", '"') or text in ("true", "false", "null") or NUMBER.fullmatch(text):
            try:
                read = json.loads(text)
            except ValueError:
                return value
            return read if isinstance(read, str) else plain(read)
    return value


def same(wanted, got):
    if wanted in ("date", "start-date"):
        return isinstance(got, str) and MOMENT.fullmatch(got) is not None
    if wanted == "snf_role_arn":
        return isinstance(got, str) and got.startswith("arn:aws:iam::")
    if isinstance(wanted, str) and ANYTHING.search(wanted):
        return isinstance(got, str | int | float)
    if isinstance(wanted, dict):
        return isinstance(got, dict) and wanted.keys() == got.keys() and all(
            same(wanted[name], got[name]) for name in wanted)
    if isinstance(wanted, list):
        return isinstance(got, list) and len(wanted) == len(got) and all(map(same, wanted, got))
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    return wanted == got


def outcome(events):
    details = next((value for name, value in events[-1].items() if name.endswith("EventDetails")), {})
    return [events[-1]["type"], {name: value for name, value in details.items()
                                 if name in ("output", "error", "cause")}]


def execute(case):
    given = case.get("input")
    text = given if isinstance(given, str) else json.dumps({} if given is None else given)
    return Execution(json.dumps(case["definition"]), text=text, now_ms=NOW_MS).run()


def count(cases, good):
    """How many hold, with a line for each that does not."""
    failed = [f"{case['id'].rpartition('::')[2]} {case['key']}" for case in cases if not good(case)]
    print(f"\n{len(cases) - len(failed)} of {len(cases)}", *failed, sep="\n  ")
    return len(cases) - len(failed)


def test_histories_are_those_of_aws_event_for_event(cases):
    recorded = [case for case in cases if case["op"] == "get_execution_history"]
    outcomes = 0

    def equal(case):
        nonlocal outcomes
        wanted = plain(case["expected"]["events"])
        wanted = wanted[::-1] if case["args"].get("reverseOrder") else wanted
        got = plain(json.loads(json.dumps(execute(case).events())))
        outcomes += same(outcome(wanted), outcome(got))
        return same(wanted, got)

    assert count(recorded, equal) >= 165
    assert outcomes >= 170


def test_choices_are_those_of_aws(cases):
    chosen = [case for case in cases if case["op"] == "choice"]

    def equal(case):
        return same(plain(case["expected"]), plain(execute(case).finish.output))

    assert count(chosen, equal) >= 119


def test_express_executions_end_as_on_aws(cases):
    express = [case for case in cases if case["op"] == "start_sync_execution"]

    def equal(case):
        wanted, got = plain(case["expected"]), plain(msgspec.to_builtins(execute(case).finish))
        return all(same(wanted.get(name), got.get(name)) for name in ("status", "output", "error", "cause"))

    assert count(express, equal) == len(express)


def test_every_definition_that_aws_took_is_valid(cases):
    operations = ("get_execution_history", "choice", "start_sync_execution")
    taken = [case for case in cases if case["op"] in operations]
    assert count(taken, lambda case: not validation.validate(json.dumps(case["definition"]))) == len(taken)


def test_diagnostics_are_those_of_aws(cases):
    def equal(case):
        found = validation.validate(case["args"]["definition"])
        shown = [{name: value for name, value in msgspec.to_builtins(one).items() if value is not None}
                 for one in found]
        return same(plain(case["expected"]), {"diagnostics": shown, "result": "FAIL" if shown else "OK",
                                              "truncated": False})

    validated = [case for case in cases if case["op"] == "validate_state_machine_definition"]
    assert count(validated, equal) == len(validated)


def test_inspections_are_those_of_aws(cases):
    inspected = [case for case in cases if case["op"] == "test_state"]
    assert count(inspected, lambda case: same(plain(case["expected"]), plain(answer_to(case["args"])))) >= 57


def answer_to(args):
    """TestState's answer."""
    tree = json.loads(args["definition"])
    name = args.get("stateName", "StateName")
    wrong = validation.validate(args["definition"]) if "States" in tree else validation.validate_state(tree)
    if wrong:
        told = definitions.summary(wrong)
        return {"Error": {"Code": "InvalidDefinition", "Message": told}, "message": told}
    tree = tree if "States" in tree else {"StartAt": name, "States": {name: tree}}
    machine = definition.compile_machine(tree)
    if name not in machine.states:
        return {"exception_typename": "ValidationException", "exception_value":
                "An error occurred (ValidationException) when calling the TestState operation: State not "
                "found in definition"}
    found = inspection.inspect(machine, name, args.get("input", "{}"), ORIGIN, World(), NOW_MS,
                               context=read(args, "context"), variables=read(args, "variables"),
                               mock=mock_of(args))
    answer = {"status": found.status, "output": found.output, "error": found.error, "cause": found.cause,
              "nextState": found.next}
    if args.get("inspectionLevel", "INFO") != "INFO":
        answer["inspectionData"] = inspection.shown(found)
    return {name: value for name, value in answer.items() if value is not None}


ORIGIN = records.Origin("arn:aws:states:us-east-1:1:express:a:b", "b", "arn:aws:iam::1:role/x",
                        "arn:aws:states:us-east-1:1:stateMachine:a", "a", NOW_MS)


def read(args, name):
    return json.loads(args[name]) if name in args else None


def mock_of(args):
    mock, settings = args.get("mock"), args.get("stateConfiguration", {})
    if mock is None:
        return None
    error = mock.get("errorOutput", {})
    return inspection.Mock(mock.get("result"), error.get("error"), error.get("cause"),
                           settings.get("retrierRetryCount", 0), settings.get("mapIterationFailureCount", 0))

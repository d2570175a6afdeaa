"""``cloudlet workflow``: state machines drawn, run without being deployed, and shown as they ran.

A definition may be a file of its own, in JSON or YAML, or stand in a template; what a template would put into
it (``${…}``) stands as a name until it is deployed.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from ..errors import AwsError
from ..stacks.document import load
from ..workflow import compile_machine, validate
from . import diagram, paper, rehearsal, timeline
from .invoke import event_from
from .remote import Refusal, Remote, endpoint_option, find

Body = dict[str, Any]
_TYPES = ("AWS::StepFunctions::StateMachine", "AWS::Serverless::StateMachine")
_PLACE = re.compile(r"\$\{([^}]+)\}")
_output = click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                       help="The picture: .svg or .png.")
_machine = click.option("--machine", default="", metavar="ID", help="Which one, if a template has several.")
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group("workflow")
def command() -> None:
    """State machines: draw them, run them without deploying, see how an execution went."""


@command.command("draw")
@_file
@_output
@_machine
def draw(file: Path, output: Path | None, machine: str) -> None:
    """Draw the state machine in FILE: its definition in JSON or YAML, or a template that has it."""
    _, tree = definition_in(file, machine)
    target = output or file.with_suffix(".svg")
    diagram.draw(tree, target)
    paper.say(f"the picture is in {target}", dim=True)


@command.command("show")
@click.argument("execution")
@_output
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@endpoint_option
def show(execution: str, output: Path | None, as_json: bool, endpoint: str | None) -> None:
    """Show how EXECUTION went: its ARN, its name, or a state machine's name for the newest of it.

    Each state with when it began, how long it took and what came of it; -o draws it, too.
    """
    remote = find(endpoint)
    arn = _execution(remote, execution)
    history = _pages(remote, "GetExecutionHistory", "events", executionArn=arn)
    found = timeline.read(history)
    if found.status == "RUNNING" and history:
        found.took_s = max(found.took_s, remote.control("clock")["now"] - history[0]["timestamp"])
    if output:
        text = remote.json("states", "DescribeStateMachineForExecution", executionArn=arn)["definition"]
        diagram.draw(json.loads(text), output, timeline.lanes(found))
    if as_json:
        paper.document({"execution": arn, **msgspec.to_builtins(found)})
        return
    paper.say(paper.bold(arn))
    timeline.show(found)
    if output:
        paper.say(f"the picture is in {output}", dim=True)


@command.command("run")
@_file
@click.option("-i", "--input", "given", default="", metavar="FILE|-|JSON", help="The input; {} without.")
@click.option("--mock", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="What tasks answer, in the format of Step Functions Local.")
@click.option("--test-case", default="", metavar="NAME", help="Which of the mocks' test cases.")
@_output
@_machine
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@endpoint_option
def run(file: Path, given: str, mock: Path | None, test_case: str, output: Path | None, machine: str,
        as_json: bool, endpoint: str | None) -> None:
    """Run the state machine in FILE without deploying it.

    Waits take no time. A task answers what its mock says; one without a mock is done by the running
    cloudlet. Exits with 1 unless the execution succeeds.
    """
    name, tree = definition_in(file, machine)
    text = json.dumps(_filled(tree))
    if wrong := [one for one in validate(text) if one.severity == "ERROR"]:
        told = "\n".join(f"  {one.message} ({one.location or '/'})" for one in wrong)
        raise paper.fail(f"{file} is no valid state machine:\n{told}")
    mocks = rehearsal.Mocks(_read(mock), name, test_case) if mock else None
    began_ms = time.time_ns() // 1_000_000
    done = rehearsal.Rehearsal(compile_machine(text), _input(given),
                               rehearsal.performed(mocks, _running(endpoint)), began_ms)
    done.run()
    found = timeline.read(done.events())
    if output:
        diagram.draw(tree, output, timeline.lanes(found))
    if as_json:
        paper.document(msgspec.to_builtins(found))
    else:
        timeline.show(found)
        if found.output is not None:
            paper.document(json.loads(found.output))
    sys.exit(0 if found.status == "SUCCEEDED" else 1)


def definition_in(file: Path, machine: str) -> tuple[str, Body]:
    """The definition that a file is or has, and its name."""
    body = _read(file)
    if "States" in body:
        return file.name.split(".")[0], body
    found = {id: one.get("Properties", {}) for id, one in body.get("Resources", {}).items()
             if isinstance(one, dict) and one.get("Type") in _TYPES}
    if machine:
        found = {id: one for id, one in found.items() if id == machine}
    if len(found) != 1:
        told = f"has {', '.join(found)}: say which with --machine." if found else "has no state machine" + (
            f" {machine}." if machine else ": neither States nor a resource that is one.")
        raise paper.fail(f"{file} {told}")
    id, properties = next(iter(found.items()))
    given = properties.get("Definition", properties.get("DefinitionString"))
    if isinstance(given, dict) and "Fn::Sub" in given:
        given = given["Fn::Sub"][0] if isinstance(given["Fn::Sub"], list) else given["Fn::Sub"]
    if given is None and isinstance(properties.get("DefinitionUri"), str):
        given = _read(file.parent / properties["DefinitionUri"])
    tree = _loaded(given, file) if isinstance(given, str) else given
    if not isinstance(tree, dict) or "States" not in tree:
        raise paper.fail(f"The definition of {id} in {file} can't be read without deploying it.",
                         "Give a file that has the definition alone.")
    return id, tree


def _filled(value: Any) -> Any:
    """The definition with a name wherever a template would put something in."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(target := value.get("Ref") or value.get("Fn::GetAtt"), str | list):
            return _named(target[0] if isinstance(target, list) else target)
        return {name: _filled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one) for one in value]
    return _PLACE.sub(lambda match: _named(match[1]), value) if isinstance(value, str) else value


def _named(name: str) -> str:
    """A function's ARN for what a template would put in."""
    plain = re.sub(r"\W", "", name.partition(".")[0])
    return f"arn:aws:lambda:us-east-1:000000000000:function:{plain}"


def _read(file: Path) -> Body:
    return _loaded(file.read_text(), file)


def _loaded(text: str, file: Path) -> Body:
    try:
        return load(text).body
    except AwsError as error:
        raise paper.fail(f"{file} can't be read: {error}") from None


def _input(given: str) -> str:
    """The input as JSON: of a file, of standard input, or as it is."""
    if given[:1] in ("{", "[", '"'):
        try:
            return json.dumps(json.loads(given))
        except ValueError as error:
            raise click.UsageError(f"-i is no JSON: {error}") from None
    return (event_from(given) if given else b"{}").decode()


def _running(endpoint: str | None) -> Remote | None:
    """The running cloudlet, if there is one."""
    remote = find(endpoint)
    try:
        remote.control("health")
    except Refusal:
        return remote
    except click.ClickException:
        if endpoint:
            raise
        return None
    return remote


def _execution(remote: Remote, given: str) -> str:
    """The ARN of an execution that is named in one of several ways."""
    if given.startswith("arn:"):
        if ":express:" in given:
            raise _without_history("This execution")
        return given
    machines = _pages(remote, "ListStateMachines", "stateMachines")
    arns = [one["stateMachineArn"] for one in machines if one["type"] != "EXPRESS"]
    for arn in arns:
        if arn.rpartition(":")[2] == given:
            newest = remote.json("states", "ListExecutions", stateMachineArn=arn, maxResults=1)["executions"]
            if newest:
                return str(newest[0]["executionArn"])
    for arn in arns:
        meant = f"{arn.replace(':stateMachine:', ':execution:')}:{given}"
        try:
            remote.json("states", "DescribeExecution", executionArn=meant)
        except Refusal:
            continue
        return meant
    kind = next((one["type"] for one in machines if one["name"] == given), "")
    if kind:
        raise _without_history(given) if kind == "EXPRESS" else paper.fail(f"{given} has no execution yet.")
    raise paper.fail(f"There is no execution and no state machine {given!r} at {remote.endpoint}.")


def _without_history(what: str) -> Exception:
    return paper.fail(f"{what} is Express, and leaves no history.",
                      "Its log group has what it logs; `cloudlet workflow run` runs a definition here.")


def _pages(remote: Remote, operation: str, key: str, **params: Any) -> list[Body]:
    found, token = list[Body](), dict[str, str]()
    while True:
        answer = remote.json("states", operation, **params, **token)
        found += answer[key]
        if not answer.get("nextToken"):
            return found
        token = {"nextToken": answer["nextToken"]}

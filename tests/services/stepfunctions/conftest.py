"""State machines for the tests: a definition in, executions out."""

import itertools
import json

import pytest

from ..lambda_.conftest import deploy  # noqa: F401  (a fixture)

ROLE = "arn:aws:iam::000000000000:role/any"
_numbers = itertools.count(1)


def task(resource, *, jsonata=False, end=True, **fields):
    """A Task state; a resource without a prefix is an integration."""
    resource = resource if resource.startswith("arn:") else f"arn:aws:states:::{resource}"
    return {"Type": "Task", "Resource": resource, **({"End": True} if end else {}), **fields}


def chain(*states):
    """A machine of these states, one after another: S1, S2, …"""
    named = {f"S{n}": dict(state) for n, state in enumerate(states, 1)}
    for n, state in enumerate(states, 1):
        if n < len(states) and state["Type"] not in ("Choice", "Succeed", "Fail"):
            named[f"S{n}"].pop("End", None)
            named[f"S{n}"]["Next"] = f"S{n + 1}"
        elif state["Type"] not in ("Choice", "Succeed", "Fail"):
            named[f"S{n}"]["End"] = True
    return {"StartAt": "S1", "States": named}


class Flow:
    """A state machine, and a client to drive its executions."""

    def __init__(self, cloudlet, machine, *, name="", kind="STANDARD", role=ROLE, client=None, **settings):
        self.cloudlet, self.client = cloudlet, client or cloudlet.client("stepfunctions")
        self.name = name or f"flow-{next(_numbers)}"
        machine = machine if "StartAt" in machine else chain(machine)
        self.arn = self.client.create_state_machine(
            name=self.name, definition=json.dumps(machine), roleArn=role, type=kind, **settings
        )["stateMachineArn"]

    def start(self, input=None, **options):
        """Start an execution: its ARN."""
        text = json.dumps({} if input is None else input)
        options = {"stateMachineArn": self.arn, **options}
        return self.client.start_execution(input=text, **options)["executionArn"]

    def rest(self, seconds=0):
        """Let time go by, if only until nothing runs any more."""
        self.cloudlet.advance(seconds)

    def run(self, input=None, **options):
        """Start an execution, and wait until nothing runs any more: what DescribeExecution says."""
        arn = self.start(input, **options)
        self.rest()
        return self.describe(arn)

    def output(self, input=None, **options):
        """The output of an execution that succeeds."""
        found = self.run(input, **options)
        assert found["status"] == "SUCCEEDED", found
        return json.loads(found["output"])

    def describe(self, arn):
        """An execution."""
        return self.client.describe_execution(executionArn=arn)

    def events(self, arn, **options):
        """The events of an execution."""
        return self.client.get_execution_history(executionArn=arn, maxResults=1000, **options)["events"]

    def types(self, arn):
        """What happened in an execution."""
        return [event["type"] for event in self.events(arn)]

    def sync(self, input=None, **options):
        """Run an Express execution."""
        client = self.cloudlet.client("stepfunctions", config=_PLAIN)
        return client.start_sync_execution(stateMachineArn=self.arn, **options,
                                           input=json.dumps({} if input is None else input))


def _plain():
    from botocore.config import Config
    return Config(inject_host_prefix=False)


_PLAIN = _plain()


@pytest.fixture
def flow(cloudlet):
    """Makes a state machine."""
    def make(machine, **options):
        return Flow(cloudlet, machine, **options)
    return make


@pytest.fixture
def sfn(cloudlet):
    """A client."""
    return cloudlet.client("stepfunctions")


@pytest.fixture
def unique():
    """Makes a name of the test's own."""
    return lambda stem: f"{stem}-{next(_numbers)}"

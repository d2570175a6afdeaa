"""What is kept: state machines, the revisions they have had, their executions, and who waits for those.

A revision never changes, so executions name theirs and its compiled machine may be kept for as long as one
likes. What an execution remembers and its history lie under its ``id``, which nobody outside ever sees.
"""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from .errors import ExecutionDoesNotExist, StateMachineDoesNotExist
from .naming import EXECUTION, MACHINE, Named, read

Config = dict[str, Any]
RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED = "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"
STATUSES = (RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED)
STANDARD, EXPRESS = "STANDARD", "EXPRESS"


class Machine(msgspec.Struct):
    """A state machine as it is now; what can change with an update is in its revision."""

    name: str
    kind: str
    created_ms: int
    updated_ms: int
    revision: str
    updates: int = 0
    tags: dict[str, str] = {}
    versions: int = 0  # the number of the last version
    deleting: bool = False


class Revision(msgspec.Struct):
    """A state machine at one moment."""

    id: str
    definition: str
    role_arn: str
    logging: Config
    tracing: Config
    first: bool = False


class Version(msgspec.Struct):
    """A revision that was given a number."""

    number: int
    revision: str
    created_ms: int
    description: str = ""


class Alias(msgspec.Struct):
    """A name for one version, or for two by weight."""

    name: str
    created_ms: int
    updated_ms: int
    routes: list[tuple[int, int]]  # version and weight
    description: str | None = None


class Waiter(msgspec.Struct):
    """The strand of another execution that waits for the end of this one.

    ``form`` is ``sync`` or ``sync:2`` for a task, ``child`` for an item of a distributed Map.
    """

    machine: str
    name: str
    run: str
    strand: int
    ticket: int
    form: str
    index: int = 0
    items: int = 1


class Execution(msgspec.Struct):
    """A Standard execution. ``machine`` is the name, with a label for the children of a Map Run."""

    id: str
    name: str
    machine: str
    revision: str
    started_ms: int
    status: str = RUNNING
    stopped_ms: int = 0
    version: str = ""
    alias: str = ""
    trace: str = ""
    redrives: int = 0
    redriven_ms: int = 0
    redrive_token: str = ""
    map_run: str = ""  # the ARN of the Map Run whose child it is
    waiter: Waiter | None = None
    items: int = 0  # in the batch of a child

    @property
    def places(self) -> list[str]:
        """The lists that it is in."""
        if self.map_run:
            return [self.map_run]
        return [self.machine, *(f"{self.machine}:{one}" for one in (self.version, self.alias) if one)]


class Listed(msgspec.Struct):
    """An entry of a list of executions."""

    machine: str
    name: str


machines = Table("states.machines", Machine)
revisions = Table("states.revisions", Revision)  # machine, id
versions = Table("states.versions", Version)  # machine, number
aliases = Table("states.aliases", Alias)  # machine, name
executions = Table("states.executions", Execution)  # machine, name
listed = Table("states.executions-by-status", Listed)  # place, status, when it started, id


def base_of(machine: str) -> str:
    """The name of the state machine whose definition a machine runs."""
    return machine.partition("/")[0]


def find_machine(call: Call, arn: str) -> tuple[Machine, Named]:
    """The state machine that an ARN names, be it of a version or an alias; or the error AWS gives."""
    named = read(arn, MACHINE)
    found = machines.get(call, base_of(named.name)) if named.is_here(call) else None
    if found is None:
        raise no_machine(arn)
    return found, named


def own_machine(call: Call, arn: str) -> Machine:
    """The state machine that an ARN names; not one of a version or an alias."""
    found, named = find_machine(call, arn)
    if named.rest:
        raise no_machine(arn)
    return found


def no_machine(arn: str) -> StateMachineDoesNotExist:
    """The error that there is no such state machine."""
    return StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")


def enter(call: Call, record: Execution, status: str) -> None:
    """Let an execution have that status, in its record and in all lists."""
    entry = Listed(record.machine, record.name)
    for place in record.places:
        if record.status != status:
            listed.delete(call, place, record.status, -record.started_ms, record.id)
        listed.put(call, place, status, -record.started_ms, record.id, record=entry)
    record.status = status
    executions.put(call, record.machine, record.name, record=record)


def bell_of(call: Call, record: Execution) -> str:
    """What rings when an execution ends."""
    return f"states/{call.account}/{call.region}/{record.id}"


def find_execution(call: Call, arn: str) -> Execution:
    """The Standard execution that an ARN names, or the error AWS gives."""
    named = read(arn, EXECUTION)
    record = executions.get(call, named.name, named.rest) if named.is_here(call) else None
    if record is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
    return record

"""What a pipe is, and the states it goes through.

The state is what the pipe's poller has made true: it writes ``RUNNING`` once it reads, ``STOPPED`` (or
removes the record) once what it had taken is handled. ``revision`` is how the poller sees that something else
is wanted.
"""

from typing import Any

import msgspec

from ...fabric import checkpoints, standing
from ...kernel import Call
from ...store import Table
from .errors import NotFoundException

Config = dict[str, Any]


class Pipe(msgspec.Struct):
    """A pipe. ``desired`` is RUNNING, STOPPED or DELETED."""

    name: str
    arn: str
    id: str
    source: str
    target: str
    role: str
    desired: str
    state: str
    created_ms: int
    modified_ms: int
    description: str = ""
    enrichment: str = ""
    source_parameters: Config = {}
    enrichment_parameters: Config = {}
    target_parameters: Config = {}
    tags: dict[str, str] = {}
    revision: int = 0


pipes = Table("pipes.pipes", Pipe)


def find(call: Call, name: str) -> Pipe:
    """The pipe called ``name``, or the error that there is none."""
    found = pipes.get(call, name)
    if found is None:
        raise NotFoundException(f"Pipe {name} does not exist.")
    return found


def bell(id: str) -> str:
    """What rings when a pipe has changed."""
    return f"pipes/{id}"


def work_id(call: Call, name: str) -> str:
    """What the pipe's standing work is kept under."""
    return f"pipes/{call.account}/{call.region}/{name}"


def save(call: Call, pipe: Pipe) -> None:
    """Keep a change of what is wanted, and let the poller see it."""
    pipe.revision += 1
    pipe.modified_ms = call.now_ms
    pipes.put(call, pipe.name, record=pipe)
    call.tx.ring(bell(pipe.id))


def reach(call: Call, pipe: Pipe, state: str) -> None:
    """Write down what has been made true."""
    if pipe.state != state:
        pipe.state = state
        pipes.put(call, pipe.name, record=pipe)


def remove(call: Call, pipe: Pipe) -> None:
    """Forget a pipe that has come to rest."""
    pipes.delete(call, pipe.name)
    checkpoints.forget(call, pipe.id)
    standing.drop(call, id=work_id(call, pipe.name))

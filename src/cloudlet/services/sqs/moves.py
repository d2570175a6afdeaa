"""Message move tasks: dead letters go back to where they came from, or elsewhere.

A task moves in small transactions that the clock starts, so its rate is kept and a crash only pauses it.
What it moves is new where it arrives: a new id, a new age, no receives.
"""

import base64
import json
from typing import Any

import msgspec

from ...arn import Arn
from ...fabric import timers
from ...kernel import Call
from ...store import Table
from . import dead_letters, limits
from .errors import InvalidParameterValueException, QueueDoesNotExist, ResourceNotFoundException, invalid
from .lanes import lane
from .message import Message
from .queue import Queue, by_arn, of_arn
from .service import sqs

_AT_ONCE = 100
_PAUSE_MS = 10  # between two transactions of a task without a rate
_RUNNING, _CANCELLED, _COMPLETED, _FAILED = "RUNNING", "CANCELLED", "COMPLETED", "FAILED"


class Task(msgspec.Struct):
    """A move, under way or over."""

    id: str
    source_arn: str
    started_ms: int
    to_move: int
    destination_arn: str = ""
    rate: int = 0
    status: str = _RUNNING
    moved: int = 0
    failure: str = ""


_tasks = Table("sqs.moves", Task)  # by the source's id, the moment of the start, the task's id


class _NoSource(Exception):
    """A message does not say which queue it came from."""


@sqs.operation
def start_message_move_task(call: Call, source_arn: str, destination_arn: str | None = None,
                            max_number_of_messages_per_second: int | None = None) -> dict[str, Any]:
    """Begin to move the messages of a dead-letter queue."""
    rate = max_number_of_messages_per_second
    if rate is not None and not 1 <= rate <= limits.MOVES_PER_SECOND:
        raise invalid(rate, "MaxNumberOfMessagesPerSecond",
                      f"Must be between 1 and {limits.MOVES_PER_SECOND}, if provided.")
    there, source = _named(call, source_arn, "SourceArn")
    if not dead_letters.sources_of(there, source):
        raise InvalidParameterValueException("Source queue must be configured as a Dead Letter Queue.")
    if destination_arn:
        _, target = _named(call, destination_arn, "DestinationArn")
        if target.fifo != source.fifo:
            raise InvalidParameterValueException("Source and destination must be queues of the same type.")
    if any(task.status == _RUNNING for task in _newest(there, source, limits.MOVE_TASKS_KEPT)):
        raise InvalidParameterValueException("There is already a task running. Only one active task is "
                                             "allowed for a source queue arn at a given time.")
    lane(source).settle(there, source, _AT_ONCE)
    task = Task(call.ids.uuid(), source.arn, call.now_ms, lane(source).counts(there, source).ready,
                destination_arn or "", rate or 0)
    _keep(there, source, task)
    _prune(there, source)
    _schedule(there, source, task, call.now_ms)
    return {"TaskHandle": _handle(task)}


@sqs.operation
def list_message_move_tasks(call: Call, source_arn: str, max_results: int | None = None) -> dict[str, Any]:
    """The newest move tasks of a dead-letter queue."""
    most = 1 if max_results is None else max_results
    if not 1 <= most <= limits.MOVE_TASKS_KEPT:
        raise invalid(most, "MaxResults", f"Must be between 1 and {limits.MOVE_TASKS_KEPT}, if provided.")
    there, source = _named(call, source_arn, "SourceArn")
    return {"Results": [_render(task) for task in _newest(there, source, most)]}


@sqs.operation
def cancel_message_move_task(call: Call, task_handle: str) -> dict[str, Any]:
    """Stop a move; what was moved stays moved."""
    try:
        document = json.loads(base64.b64decode(task_handle, validate=True))
        task_id, source_arn = str(document["taskId"]), str(document["sourceArn"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidParameterValueException("Value for parameter TaskHandle is invalid.") from None
    there, source = _named(call, source_arn, "SourceArn")
    for task in _newest(there, source, limits.MOVE_TASKS_KEPT):
        if task.id == task_id:
            if task.status != _RUNNING:
                raise InvalidParameterValueException("Only active tasks can be cancelled.")
            task.status = _CANCELLED
            _keep(there, source, task)
            return {"ApproximateNumberOfMessagesMoved": task.moved}
    raise ResourceNotFoundException("Task does not exist.")


@sqs.task
def move(call: Call, name: str, started_ms: int, task_id: str) -> None:
    """Move some, and come again for the rest."""
    there, source = by_arn(call, name)
    task = _tasks.get(there, source.id, started_ms, task_id) if source is not None else None
    if source is None or task is None or task.status != _RUNNING:
        return
    some, pause_ms = _pace(task.rate)
    found, moved_before = lane(source).pull(there, source, some), task.moved
    try:
        for message in found:
            _move_one(there, task, message)
            task.moved += 1
    except (_NoSource, QueueDoesNotExist) as error:
        for left in found[task.moved - moved_before:]:
            lane(source).put(there, source, left, 0)
        task.status = _FAILED
        task.failure = ("CouldNotDetermineMessageSource" if isinstance(error, _NoSource)
                        else "AWS.SimpleQueueService.NonExistentQueue")
    else:
        if not found:
            task.status = _COMPLETED
        else:
            _schedule(there, source, task, call.now_ms + pause_ms)
    _keep(there, source, task)


def _pace(rate: int) -> tuple[int, int]:
    """How many messages to move at once at ``rate`` a second, and how long to pause then.

    >>> _pace(0), _pace(4), _pace(500)
    ((100, 10), (1, 250), (50, 100))
    """
    if not rate:
        return _AT_ONCE, _PAUSE_MS
    some = max(1, rate // 10)
    return some, 1000 * some // rate


def _move_one(call: Call, task: Task, message: Message) -> None:
    arn = task.destination_arn or message.dead_letter_source
    if not arn:
        raise _NoSource
    there, target = of_arn(call, arn)
    fresh = Message(call.ids.uuid(), message.body, message.sender, call.now_ms, trace=message.trace,
                    group=message.group, attributes=message.attributes, dedup=message.dedup)
    lane(target).put(there, target, fresh, 0)
    there.tx.ring(target.arn)


def _named(call: Call, arn: str, parameter: str) -> tuple[Call, Queue]:
    try:
        Arn.parse(arn)
    except ValueError:
        raise InvalidParameterValueException(
            f"You must use this format to specify the {parameter}: "
            "arn:<partition>:<service>:<region>:<account-id>:<resource-id>") from None
    there, queue = by_arn(call, arn)
    if queue is None:
        raise ResourceNotFoundException(
            f"The resource that you specified for the {parameter} parameter doesn't exist.")
    return there, queue


def _newest(call: Call, source: Queue, most: int) -> list[Task]:
    return [task for _, task in _tasks.items(call, source.id, limit=most, reverse=True)]


def _keep(call: Call, source: Queue, task: Task) -> None:
    _tasks.put(call, source.id, task.started_ms, task.id, record=task)


def _prune(call: Call, source: Queue) -> None:
    for key, _ in list(_tasks.items(call, source.id, reverse=True))[limits.MOVE_TASKS_KEPT:]:
        _tasks.delete(call, *key)


def _schedule(call: Call, source: Queue, task: Task, at_ms: int) -> None:
    timers.schedule(call, move, at_ms=at_ms, id=f"sqs/move/{task.id}/{at_ms}", name=source.arn,
                    started_ms=task.started_ms, task_id=task.id)


def _handle(task: Task) -> str:
    return base64.b64encode(json.dumps({"taskId": task.id, "sourceArn": task.source_arn}).encode()).decode()


def _render(task: Task) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Status": task.status, "SourceArn": task.source_arn, "StartedTimestamp": task.started_ms,
        "ApproximateNumberOfMessagesMoved": task.moved, "ApproximateNumberOfMessagesToMove": task.to_move}
    if task.status == _RUNNING:
        found["TaskHandle"] = _handle(task)
    if task.destination_arn:
        found["DestinationArn"] = task.destination_arn
    if task.rate:
        found["MaxNumberOfMessagesPerSecond"] = task.rate
    if task.failure:
        found["FailureReason"] = task.failure
    return found

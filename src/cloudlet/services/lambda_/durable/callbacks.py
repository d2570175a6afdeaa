"""Callbacks: what happens outside and is told by its id, within its time.

The id names the operation and holds a secret, so nobody can guess the callback of another.
"""

import base64
from typing import Any

import msgspec

from ....kernel import Call
from ..errors import CallbackTimeoutException, InvalidParameterValueException
from ..service import lambda_
from .endings import settle
from .executions import FAILED, SUCCEEDED, Execution, executions, save
from .operations import STARTED, Operation, alarm, check_error, keep, operations, silence

_decode = msgspec.msgpack.Decoder(tuple[str, str, int, bytes]).decode


def callback_id(call: Call, execution: Execution, operation: Operation) -> str:
    """A new id for a callback."""
    secret = call.ids.bytes(16)
    raw = msgspec.msgpack.encode((execution.function, execution.id, operation.number, secret))
    return base64.b64encode(raw).decode()


@lambda_.operation
def send_durable_execution_callback_success(
    call: Call, callback_id: str, result: bytes | None = None
) -> None:
    """What a callback waits for has happened, with this result."""
    try:
        text = result.decode() if result else None
    except UnicodeDecodeError:
        raise InvalidParameterValueException("The result of a callback must be UTF-8 text.") from None
    execution, operation = _find(call, callback_id)
    settle(call, execution, operation, SUCCEEDED, result=text)
    save(call, execution)


@lambda_.operation
def send_durable_execution_callback_failure(
    call: Call, callback_id: str, error: dict[str, Any] | None = None
) -> None:
    """What a callback waits for has failed, or will never happen."""
    check_error(error)
    execution, operation = _find(call, callback_id)
    settle(call, execution, operation, FAILED, error=error)
    save(call, execution)


@lambda_.operation
def send_durable_execution_callback_heartbeat(call: Call, callback_id: str) -> None:
    """What a callback waits for is still under way."""
    execution, operation = _find(call, callback_id)
    if operation.heartbeat_s:
        silence(call, operation)
        operation.heartbeat_ms = call.now_ms + operation.heartbeat_s * 1000
        keep(call, operation)
        alarm(call, execution, operation)


def _find(call: Call, id: str) -> tuple[Execution, Operation]:
    """The callback of that id, if somebody still waits for it."""
    try:
        function, execution_id, number, _ = _decode(base64.b64decode(id, validate=True))
    except (ValueError, msgspec.DecodeError):
        raise InvalidParameterValueException("Invalid callback id") from None
    execution = executions.get(call, function, execution_id)
    operation = operations.get(call, execution_id, number)
    if (execution is None or not execution.is_open or operation is None or operation.callback != id
            or operation.status != STARTED
            or any(0 < at_ms <= call.now_ms for at_ms in (operation.due_ms, operation.heartbeat_ms))):
        raise CallbackTimeoutException("The callback is either timed out or already completed")
    return execution, operation

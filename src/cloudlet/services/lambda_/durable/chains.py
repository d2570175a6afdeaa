"""Chained invocations: a function that an execution invokes and waits for without running.

A durable function becomes an execution of its own, started in the parent's checkpoint and reported in the
transaction that ends it. Any other function is a task of the clock, which runs again after a crash.
"""

from functools import partial
from typing import Any

import msgspec

from ....errors import AwsError
from ....fabric import timers
from ....identity import root
from ....kernel import Call, Conversation
from ....telemetry import Trace
from ..errors import InvalidParameterValueException, ResourceNotFoundException
from ..limits import DURABLE_CHAINED_PAYLOAD
from ..records import LATEST, Name, Version, arn_of, name_of
from ..runner import chance_of, choose
from ..service import lambda_
from . import starting
from .endings import settle, settle_chained
from .executions import FAILED, SUCCEEDED, Execution, execution_arn, executions
from .history import note, payload
from .operations import Operation, error_object, operations

Error = dict[str, Any]


def start(call: Call, execution: Execution, operation: Operation, options: dict[str, Any],
          event: str | None) -> None:
    """Invoke a function for an execution; one that can't be invoked fails the operation at once."""
    function, tenant = options["FunctionName"], options.get("TenantId") or ""
    name, said = _target(call, function), {"FunctionName": function, "TenantId": tenant or None}
    there = call.elsewhere()
    there.trace = Trace.parse(options.get("XAmznTraceId") or "") or call.trace
    try:
        version = _resolve(call, name, tenant)
    except AwsError as error:
        note(call, execution, "ChainedInvokeStarted", operation, **said)
        settle(call, execution, operation, FAILED, error=_error_of(error))
        return
    arn = None
    if version.durable:
        wanted = starting.Start(version, event, parent=execution_arn(call, execution),
                                operation=operation.number)
        arn = execution_arn(call, starting.start(there, wanted))
    else:
        timers.schedule(there, call_function, at_ms=call.now_ms,
                        id=f"lambda/durable/{execution.id}/{operation.number}/call",
                        function=execution.function, execution=execution.id, number=operation.number,
                        target=version.name, qualifier=version.version, tenant=tenant, event=event or "{}")
    note(call, execution, "ChainedInvokeStarted", operation, **said, Input=payload(event),
         ExecutedVersion=version.version, DurableExecutionArn=arn)


def _target(call: Call, function: str) -> Name:
    try:
        name = name_of(call, function, foreign=True)
    except InvalidParameterValueException:
        raise InvalidParameterValueException(f"Invalid function ARN '{function}'") from None
    for where, there, here in (("account", name.account, call.account), ("region", name.region, call.region)):
        if there != here:
            raise InvalidParameterValueException(
                f"Cannot start a CHAINED_INVOKE on a function in another {where}.")
    return name


def _resolve(call: Call, name: Name, tenant: str) -> Version:
    """The version that is invoked, for as long as the operation lasts."""
    try:
        version = choose(call, name, chance_of(call)).version
    except ResourceNotFoundException:
        arn = arn_of(call, name.name, name.qualifier or LATEST)
        raise ResourceNotFoundException(f"Function not found: {arn}") from None
    if version.durable:
        starting.check(version, name.qualifier, waits=False)
        if tenant:
            raise InvalidParameterValueException(
                "The invoked function is not enabled for tenancy configuration: leave TenantId out.")
    return version


@lambda_.task
async def call_function(call: Conversation, *, function: str, execution: str, number: int, target: str,
                        qualifier: str, tenant: str, event: str) -> None:
    """Invoke a function that is not durable, and end the operation with what it answers."""
    if not await call.transact(partial(_is_awaited, function, execution, number)):
        return
    result: str | None = None
    error: Error | None = None
    wanted: dict[str, Any] = {"FunctionName": target, "Qualifier": qualifier, "Payload": event.encode()}
    if tenant:
        wanted["TenantId"] = tenant
    try:
        # the account's own: a parent invokes with its role, whose policies are asked where roles' are
        answer = await call.invoke("lambda", "Invoke", as_principal=root(call.account), **wanted)
    except AwsError as refusal:
        error = _error_of(refusal)
    else:
        result, error = _read(answer)
    status = FAILED if error else SUCCEEDED
    await call.transact(
        lambda inner: settle_chained(inner, function, execution, number, status, result, error))


def _is_awaited(function: str, execution: str, number: int, call: Call) -> bool:
    record, operation = executions.get(call, function, execution), operations.get(call, execution, number)
    return bool(record and record.is_open and operation and operation.is_pending)


def _read(answer: dict[str, Any]) -> tuple[str | None, Error | None]:
    body: bytes = answer.get("Payload") or b""
    if answer.get("FunctionError"):
        return None, error_of(body)
    if len(body) > DURABLE_CHAINED_PAYLOAD:
        return None, {"ErrorMessage": "CHAINED_INVOKE output payload size must be less than or equal to "
                                      f"{DURABLE_CHAINED_PAYLOAD} bytes."}
    try:
        return body.decode() or None, None
    except UnicodeDecodeError:
        return None, {"ErrorMessage": "CHAINED_INVOKE response could not be decoded as UTF-8."}


def _error_of(error: AwsError) -> Error:
    return {"ErrorType": error.code, "ErrorMessage": str(error)}


def error_of(body: bytes) -> Error:
    """What a function said when it failed, as an execution keeps it."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    return error_object(said) if isinstance(said, dict) else {"ErrorMessage": body.decode("utf-8", "replace")}

"""StartSyncExecution: an Express execution, and its result in the answer."""

from ...kernel import Call, Conversation
from . import express
from .errors import StateMachineTypeNotSupported
from .naming import check, machine_arn
from .records import EXPRESS, Config
from .service import stepfunctions
from .starting import checked, choose


@stepfunctions.operation
async def start_sync_execution(call: Conversation, state_machine_arn: str, name: str | None = None,
                               input: str | None = None, trace_header: str | None = None,
                               included_data: str = "ALL_DATA") -> Config:
    """Run an Express execution, and wait for its end."""
    text = checked(input)
    name = check(name) if name is not None else call.ids.uuid()

    def decide(inner: Call) -> express.Begun:
        found = choose(inner, state_machine_arn)
        if found.machine.kind != EXPRESS:
            raise StateMachineTypeNotSupported
        return express.begun(inner, express.Order(found.machine.name, found.revision, name, inner.ids.uuid(),
                                                  text, inner.now_ms, trace_header or ""))

    begun = await call.transact(decide)
    order, finish = begun.order, await express.execute(call, begun)
    took_ms = call.now_ms - order.started_ms
    found: Config = {
        "executionArn": begun.arn,
        "stateMachineArn": machine_arn(call, order.machine),
        "name": name,
        "startDate": order.started_ms / 1000,
        "stopDate": call.now_ms / 1000,
        "status": finish.status,
        "billingDetails": {
            "billedMemoryUsedInMB": 64,
            "billedDurationInMilliseconds": -(-took_ms // 100) * 100,
        },
    }
    if trace_header:
        found["traceHeader"] = trace_header
    shown = included_data == "ALL_DATA"
    if shown:
        found |= {"input": text, "inputDetails": {"included": True}}
    if finish.output is not None and shown:
        found |= {"output": finish.output, "outputDetails": {"included": True}}
    said = {"error": finish.error, "cause": finish.cause}
    return found | {name: value for name, value in said.items() if value is not None}

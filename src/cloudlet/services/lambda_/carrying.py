"""A batch on its way from a source to a function, where others can see it and fault rules may strike.

What AWS keeps in order stays in order: a rule that reorders leaves streams and FIFO queues alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ...errors import ThrottlingException
from ...fabric.handler import Verdict
from ...fabric.sources import Record
from ...functions import Outcome
from ...kernel import Conversation
from .errors import TooManyRequestsException
from .records import Name, Version, arn_of, version
from .runner import run

_IDENTITY = "invokeIdentityArn"

async def carry(call: Conversation, source: str, name: Name, records: Sequence[Record],
                envelope: Mapping[str, Any], *, ordered: bool,
                shape: Callable[[list[dict[str, Any]]], dict[str, Any]] | None = None
                ) -> tuple[Outcome, Version]:
    """Run the function on a batch; on one that comes twice, it runs twice and the second answer counts.

    ``shape`` makes the event of the records, where they don't stand under ``Records``.
    """
    target, records = arn_of(call, name.name, name.qualifier), list(records)
    try:
        way = call.kernel.faults.way("lambda", source, target, call.now_ms)
    except ThrottlingException as error:
        raise TooManyRequestsException(str(error)) from None
    if way.order and not ordered:
        way.order.shuffle(records)
    if way.delay_ms:
        await call.kernel.clock.sleep_until(call.now_ms + way.delay_ms)
    events = await _events(call, name, records)
    payload = msgspec.json.encode(shape(events) if shape else {"Records": events, **envelope})
    call.see("taken", target, source=source, event=call.id, why=f"a batch of {len(records)}", payload=payload)
    for _ in range(way.copies):
        result = await run(call, name, payload)
    return result


async def _events(call: Conversation, name: Name, records: Sequence[Record]) -> list[dict[str, Any]]:
    """The records as the function gets them; in some it is told with whose rights they are read."""
    if not records or _IDENTITY not in records[0].event:
        return [one.event for one in records]
    role = await call.transact(lambda inner: version(inner, name.name, name.qualifier).role)
    return [one.event | {_IDENTITY: role} for one in records]


def give_back(call: Conversation, source: str, name: Name, records: Sequence[Record],
              verdict: Verdict) -> None:
    """Let others see which records were not handled."""
    lost, why = verdict.unhandled, "the function failed" if verdict.failed else "the function reported it"
    for record in records:
        if lost is None or record.id in lost:
            call.see("returned", source, source=arn_of(call, name.name, name.qualifier), event=record.id,
                     why=why, payload=msgspec.json.encode(record.event))

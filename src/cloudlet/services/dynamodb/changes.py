"""A table's stream: what changed, in order, kept for a day.

The entries are a Log under the stream's ARN; DynamoDB Streams and Lambda's mappings read it.
"""

from typing import TYPE_CHECKING

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...store import Log
from .service import dynamodb
from .tables import Table, find, stream_arn
from .values import Item, size_of

if TYPE_CHECKING:
    from .rows import Row

KEPT_MS = 24 * 3_600_000
_BATCH = 1000


class Change(msgspec.Struct):
    """One change of one item, with the images that the stream's view asks for."""

    id: str
    name: str  # INSERT, MODIFY or REMOVE
    at_ms: int
    keys: Item
    size: int
    view: str
    old: Item | None = None
    new: Item | None = None
    by: str = ""  # the service that did it, where it was none of the user's requests


log = Log("dynamodb.changes", Change)


def bell(arn: str) -> str:
    """What rings when the stream ``arn`` has something new."""
    return f"dynamodb.stream/{arn}"


def record(call: Call, table: Table, before: "Row | None", after: "Row | None") -> None:
    """Append what happened to an item, unless nothing did."""
    assert table.stream
    if before and after and before.item == after.item:
        return
    image = (after or before)
    assert image
    view, names = table.stream.view, table.schema.names
    old = before.item if before and view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES") else None
    new = after.item if after and view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES") else None
    key = {name: image.item[name] for name in names}
    size = size_of(key) + (before.size if old is not None and before else 0) + (
        after.size if new is not None and after else 0)
    name = "MODIFY" if before and after else "INSERT" if after else "REMOVE"
    label, by = table.stream.label, call.principal.arn if call.principal.kind == "service" else ""
    change = Change(call.ids.hex(32), name, call.now_ms, key, size, view, old, new,
                    by if by == "dynamodb.amazonaws.com" else "")
    number = log.append(call, table.name, label, entry=change)
    if number == 1:
        timers.schedule(call, trim_stream, at_ms=call.now_ms + KEPT_MS, id=timer_id(table.name, label),
                        table=table.name, label=label)
    call.tx.ring(bell(stream_arn(call, table)))


@dynamodb.task
def trim_stream(call: Call, table: str, label: str) -> None:
    """Forget what is older than a day, and come again when the next is."""
    gone, more = 0, None
    for number, change in log.after(call, table, label, limit=_BATCH):
        if change.at_ms + KEPT_MS > call.now_ms:
            more = change.at_ms + KEPT_MS
            break
        gone = number
    if more is None and log.last(call, table, label) > gone:
        more = call.now_ms  # a batch was not enough
    log.trim(call, table, label, upto=gone)
    if more is None and not _runs(call, table, label):
        log.clear(call, table, label)
        return
    timers.schedule(call, trim_stream, at_ms=call.now_ms + KEPT_MS if more is None else more,
                    id=timer_id(table, label), table=table, label=label)


def _runs(call: Call, table: str, label: str) -> bool:
    """Whether the stream still gets new entries."""
    found = find(call, table)
    return bool(found and found.stream and found.stream.enabled and found.stream.label == label)


def timer_id(table: str, label: str) -> str:
    """What the trimming of a stream is called among the timers."""
    return f"dynamodb/{table}/{label}"


__all__ = ["KEPT_MS", "Change", "bell", "log", "record"]

"""Handlers: who is fed with batches, be it a function or a pipe, and what he says of each."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from .sources import Record


class Verdict(msgspec.Struct, frozen=True):
    """What became of a batch.

    ``unhandled``: the ids of records that were not handled; None: none was. ``throttled``: it was not even
    tried. ``failed``: it was, and the handler itself failed. ``answer`` is what he answered, decoded;
    ``context`` describes the try in records of failures.
    """

    unhandled: frozenset[str] | None = frozenset()
    throttled: bool = False
    failed: bool = False
    answer: Any = None
    context: Mapping[str, Any] = {}


class Handler(msgspec.Struct, frozen=True):
    """``handle(records, envelope)`` tries a batch; ``envelope`` has what the event says beside its records.

    ``room(until_ms)`` waits until a throttled batch may be tried again, or for that moment: then False. One
    that is told True must try.
    """

    handle: Callable[[list[Record], Mapping[str, Any]], Awaitable[Verdict]]
    room: Callable[[int], Awaitable[bool]]


def reported(answer: Any, records: list[Record]) -> frozenset[str] | None:
    """The ids of the records that an answer reports as failed; None if it can't be understood: then all did.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html, and the same for
    streams: no answer, no list and an empty list mean that all is well.

    >>> reported({"batchItemFailures": [{"itemIdentifier": "1"}]}, [Record("1", {}, 0), Record("2", {}, 0)])
    frozenset({'1'})
    >>> reported({"batchItemFailures": [{"itemIdentifier": "9"}]}, [Record("1", {}, 0)]) is None
    True
    """
    if answer is None or answer == "":
        return frozenset()
    if not isinstance(answer, dict):
        return None
    listed = answer.get("batchItemFailures")
    if listed is None:
        return frozenset()
    known = {record.id for record in records}
    if not isinstance(listed, list):
        return None
    ids = {str(one.get("itemIdentifier")) if isinstance(one, dict) else "" for one in listed}
    return frozenset(ids) if ids <= known else None

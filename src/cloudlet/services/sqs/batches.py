"""Batches: up to ten entries that succeed or fail each for itself."""

import re
from collections.abc import Callable
from typing import Any

from ...errors import AwsError
from . import limits
from .errors import (
    BatchEntryIdsNotDistinct,
    EmptyBatchRequest,
    InvalidBatchEntryId,
    TooManyEntriesInBatchRequest,
    missing,
)
from .service import sqs

_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{limits.BATCH_ID_LONGEST}}}")
Entry = dict[str, Any]


def check(entries: list[Entry], kind: str, *required: str) -> None:
    """Refuse a batch that is none; ``kind`` is the name of its entries' shape."""
    if not entries:
        raise EmptyBatchRequest(f"There should be at least one {kind} in the request.")
    if len(entries) > limits.BATCH_ENTRIES:
        raise TooManyEntriesInBatchRequest("Maximum number of entries per request are "
                                           f"{limits.BATCH_ENTRIES}. You have sent {len(entries)}.")
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        for member in ("Id", *required):
            if entry is None or entry.get(member) is None:
                raise missing(f"{kind}.{number}.{member}")
        if not _ID.fullmatch(entry["Id"]):
            raise InvalidBatchEntryId
        if entry["Id"] in seen:
            raise BatchEntryIdsNotDistinct(f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])


def each(entries: list[Entry], work: Callable[[Entry], Entry | None]) -> dict[str, Any]:
    """Do ``work`` for every entry: what it gives goes to the successful, what it raises to the failed.

    Work must find out whether it can be done before it writes: the batch is one transaction.
    """
    done: list[Entry] = []
    failed: list[Entry] = []
    for entry in entries:
        try:
            done.append({"Id": entry["Id"]} | (work(entry) or {}))
        except AwsError as error:
            code = sqs.model.error(error.code, error.status).code
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": code, "Message": str(error)})
    return {"Successful": done, "Failed": failed} if failed else {"Successful": done}

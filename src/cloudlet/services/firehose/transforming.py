"""Transforming: a batch is handed to a function, which says of each record what becomes of it.

Source: https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

import base64
import binascii
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from ...errors import AwsError
from ...kernel import Call, Conversation
from . import batches, buffers, destinations, failures, limits, prefixes, roles
from .batches import Batch
from .describing import arn_of
from .failures import PROCESSING, Failure
from .processors import Function
from .records import Entry, Lane

_PAYLOAD = 5_500_000  # bytes of an event; Lambda takes 6 MB
_RESULTS = ("Ok", "Dropped", "ProcessingFailed")
_TIMED_OUT = "Task timed out after"
_SAYS = {
    "Lambda.FunctionError": "The Lambda function was successfully invoked but it returned an error result.",
    "Lambda.FunctionTimedOut": "The Lambda function invocation timed out. Increase the Timeout setting in "
                               "the Lambda function.",
    "Lambda.InvokeAccessDenied": "Access was denied. Ensure that the access policy allows access to the "
                                 "Lambda function.",
    "Lambda.InvokeLimitExceeded": "The Lambda concurrent execution limit is exceeded. Increase the "
                                  "concurrent execution limit.",
    "Lambda.ResourceNotFound": "The specified Lambda function does not exist. Use a different function that "
                               "does exist.",
    "Lambda.MissingRecordId": "One or more record Ids were not returned. Ensure that the Lambda function "
                              "returns all received record Ids.",
    "Lambda.DuplicatedRecordId": "Multiple records were returned with the same record Id. Ensure that the "
                                 "Lambda function returns a unique record Id for each record.",
    "Lambda.ProcessingFailedStatus": "ProcessingFailed status set for record",
    "DynamicPartitioning.MetadataExtractionFailed": "partitionKeys values must not be null or empty",
    "DynamicPartitioning.ActivePartitionsLimitExceeded":
        "The number of active partitions has exceeded the configured limit",
}
_REFUSALS = {"ResourceNotFoundException": "Lambda.ResourceNotFound",
             "AccessDeniedException": "Lambda.InvokeAccessDenied",
             "TooManyRequestsException": "Lambda.InvokeLimitExceeded"}


class Metadata(msgspec.Struct, rename="camel"):
    """What a function says beside a record's data."""

    partition_keys: dict[str, str | None] = {}


class Result(msgspec.Struct, rename="camel"):
    """What a function says of one record."""

    record_id: str
    result: str
    data: str | None = None
    metadata: Metadata | None = None


class Answer(msgspec.Struct):
    """What a function answers."""

    records: list[Result]


class Refused(Exception):
    """The function could not be asked, or did not answer as it must; the code says why."""


async def transform(call: Conversation, batch: Batch) -> None:
    """Ask the function, and keep what comes of it; after a failure it is asked again, but not for ever."""
    stream = batch.stream
    function = destinations.processing_of(stream.given).function
    if function is None:  # it was taken away meanwhile
        await batches.conclude(call, batch, lambda inner: _passed(inner, batch))
        return
    results: dict[int, Result | str] = {}
    principal = await call.transact(lambda inner: roles.acting(inner, function.role))
    try:
        for part in _parts(batch.entries):
            results |= await _ask(call.elsewhere(principal=principal), batch, function, part)
    except Refused as refused:
        code = str(refused)
        await batches.conclude(call, batch, lambda inner: _failed(inner, batch, function, code))
        return
    await batches.conclude(call, batch, lambda inner: _keep(inner, batch, function, results))


def _parts(found: list[Entry]) -> Iterator[list[tuple[int, Entry]]]:
    """The records with their numbers, as many at a time as an event may have."""
    part: list[tuple[int, Entry]] = []
    size = 0
    for n, entry in enumerate(found):
        more = len(entry.data) * 4 // 3 + 200
        if part and size + more > _PAYLOAD:
            yield part
            part, size = [], 0
        part.append((n, entry))
        size += more
    if part:
        yield part


async def _ask(call: Conversation, batch: Batch, function: Function,
               part: list[tuple[int, Entry]]) -> dict[int, Result | str]:
    """What the function says of each record of a part, by number; a text is the code of an error."""
    ids = {f"{batch.buffer.id}{n:08d}": n for n, _ in part}
    event: dict[str, Any] = {"invocationId": call.ids.uuid(), "deliveryStreamArn": arn_of(call, batch.stream),
                             "region": call.region}
    if batch.stream.source:
        event["sourceKinesisStreamArn"] = batch.stream.source["KinesisStreamARN"]
    event["records"] = [_shown(id, batch.entries[n]) for id, n in ids.items()]
    try:
        answer = await call.invoke("lambda", "Invoke", FunctionName=function.arn,
                                   Payload=msgspec.json.encode(event))
    except AwsError as error:
        raise Refused(_REFUSALS.get(error.code, "Lambda.FunctionError")) from None
    if "FunctionError" in answer:
        timed_out = _TIMED_OUT.encode() in answer["Payload"]
        raise Refused("Lambda.FunctionTimedOut" if timed_out else "Lambda.FunctionError")
    try:
        said = msgspec.json.decode(answer["Payload"], type=Answer).records
        if any(one.result not in _RESULTS or (one.result == "Ok" and one.data is None) for one in said):
            raise ValueError(said)
        for one in said:
            base64.b64decode(one.data or "", validate=True)
    except (msgspec.MsgspecError, ValueError, binascii.Error):
        raise Refused("Lambda.FunctionError") from None
    times = Counter(one.record_id for one in said)
    by_id = {one.record_id: one for one in said}
    return {n: "Lambda.MissingRecordId" if id not in by_id else "Lambda.DuplicatedRecordId" if times[id] > 1
            else by_id[id] for id, n in ids.items()}


def _shown(id: str, entry: Entry) -> dict[str, Any]:
    """A record as functions get it."""
    found: dict[str, Any] = {"recordId": id, "approximateArrivalTimestamp": entry.at_ms,
                             "data": base64.b64encode(entry.data).decode()}
    return {**found, "kinesisRecordMetadata": entry.origin} if entry.origin else found


def _passed(call: Call, batch: Batch) -> None:
    buffers.add(call, batch.stream, Lane("output"), batch.entries)
    batches.settle(call, batch)


def _failed(call: Call, batch: Batch, function: Function, code: str) -> None:
    """Ask again, or give the batch up."""
    tries = batch.buffer.tries + 1
    failure = Failure(PROCESSING, code, _SAYS[code], tries, function.arn)
    failures.report(call, batch.stream, failure)
    if tries <= function.retries:
        batches.again(call, batch, batches.pause_ms(tries))
        return
    failures.keep(call, batch.stream, failure, batch.entries)
    batches.settle(call, batch)


def _keep(call: Call, batch: Batch, function: Function, results: dict[int, Result | str]) -> None:
    """Put what was transformed into the output, and accounts of the rest among the failures."""
    stream, tries = batch.stream, batch.buffer.tries + 1
    lanes: dict[tuple[tuple[str, str], ...], list[Entry]] = {}
    failed: dict[str, list[Entry]] = {}
    for n, entry in enumerate(batch.entries):
        said = results[n]
        if isinstance(said, str):
            failed.setdefault(said, []).append(entry)
        elif said.result == "ProcessingFailed":
            failed.setdefault("Lambda.ProcessingFailedStatus", []).append(entry)
        elif said.result == "Ok":
            keys = _keys(batch, said)
            new = Entry(base64.b64decode(said.data or ""), entry.at_ms, processed=True)
            if keys is None:
                failed.setdefault("DynamicPartitioning.MetadataExtractionFailed", []).append(entry)
            else:
                lanes.setdefault(keys, []).append(new)
    room = limits.PARTITIONS - (buffers.partitions(call, stream.number) if any(lanes) else 0)
    for keys, found in lanes.items():
        lane = Lane("output", keys=keys)
        if keys and not buffers.fills(call, stream.number, lane):
            room -= 1
            if room < 0:
                failed.setdefault("DynamicPartitioning.ActivePartitionsLimitExceeded", []).extend(found)
                continue
        buffers.add(call, stream, lane, found)
    for code, found in failed.items():
        arn = function.arn if code.startswith("Lambda.") else ""
        failure = Failure(PROCESSING, code, _SAYS[code], tries, arn)
        failures.keep(call, stream, failure, found)
        failures.report(call, stream, failure)
    batches.settle(call, batch)


def _keys(batch: Batch, said: Result) -> tuple[tuple[str, str], ...] | None:
    """The partition a record belongs to; None if the function did not give all its keys."""
    if not destinations.is_partitioned(batch.stream.given):
        return ()
    given = said.metadata.partition_keys if said.metadata else {}
    wanted = dict.fromkeys(prefixes.keys_of(batch.stream.given["Prefix"]))
    found = [(name, given.get(name) or "") for name in wanted]
    return tuple(found) if all(value for _, value in found) else None

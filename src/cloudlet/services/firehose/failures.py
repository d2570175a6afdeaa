"""Failures: what is written to S3 about a record that could not be delivered, and to the stream's log.

The accounts are as recorded from AWS, whose documents name the function ``lambdaArn`` while its service
writes ``lambdaARN``.
"""

import base64
import json
import logging
from contextlib import suppress

import msgspec

from ...errors import AwsError
from ...kernel import Call
from . import buffers, destinations, roles
from .describing import arn_of
from .records import Entry, Lane, Stream

log = logging.getLogger(__name__)
PROCESSING, ENDPOINT = "processing-failed", "http-endpoint-failed"


class Failure(msgspec.Struct, frozen=True):
    """Why records were not delivered."""

    error_type: str
    code: str
    message: str
    attempts: int
    function: str = ""


def keep(call: Call, stream: Stream, failure: Failure, found: list[Entry]) -> None:
    """Let an account of each record be written to S3."""
    lines = []
    for entry in found:
        account = {"rawData": base64.b64encode(entry.data).decode(), "errorCode": failure.code,
                   "errorMessage": failure.message, "attemptsMade": failure.attempts,
                   "arrivalTimestamp": entry.at_ms, "attemptEndingTimestamp": call.now_ms}
        if failure.function:
            account["lambdaARN"] = failure.function
        line = json.dumps(account, separators=(",", ":")).encode() + b"\n"
        lines.append(Entry(line, entry.at_ms, processed=True))
    buffers.add(call, stream, Lane("failed", failure.error_type), lines)


def report(call: Call, stream: Stream, failure: Failure) -> None:
    """Write an error to the log group and stream that the destination names, if they exist."""
    log.warning("the stream %s: %s: %s", stream.name, failure.code, failure.message)
    place = destinations.logging_of(stream.given)
    if place is None:
        return
    event = {"deliveryStreamARN": arn_of(call, stream),
             "destination": destinations.shown(stream.kind, stream.given),
             "deliveryStreamVersionId": stream.version, "message": failure.message, "errorCode": failure.code}
    if failure.function:
        event["processor"] = failure.function
    role = stream.given.get("RoleARN") or destinations.failures_of(stream.kind, stream.given)["RoleARN"]
    with suppress(AwsError):  # without the group or the stream there is nowhere to say it
        call.invoke("logs", "PutLogEvents", as_principal=roles.acting(call, role), logGroupName=place[0],
                    logStreamName=place[1],
                    logEvents=[{"timestamp": call.now_ms, "message": json.dumps(event)}])

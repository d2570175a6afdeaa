"""Access logs: who asked what of a bucket, delivered as objects to another one.

A request's record is committed before its answer is sent, and only for buckets that have a log. What came
together is delivered some minutes after its first record; after a crash in between it is delivered again,
under the same key. Where the log may not be written, what was to be delivered is lost, as S3 loses it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html
"""

import hashlib
import logging
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric import timers
from ...identity.principal import service_principal
from ...kernel import Call, Conversation
from ...kernel.witnesses import Heard, Witnesses
from ...store import Table
from ...wire.http import Request, Response
from . import log_records
from .access import BY_ACL
from .limits import LOG_DELIVERY_MS, LOG_RECORDS
from .locks import DAY_MS
from .nouns import LOGGING, Bucket, Object, configuration
from .service import s3

log = logging.getLogger(__name__)
_SERVICE = "logging.s3"  # who delivers


class Record(msgspec.Struct):
    """A line of a log that was not delivered yet."""

    at_ms: int  # when the request came
    text: str


class Waiting(msgspec.Struct):
    """Some records of a bucket wait to be delivered."""

    due_ms: int


_records = Table("s3.logs", Record, reach="account")  # (bucket, when it was written, id)
_waiting = Table("s3.logs.waiting", Waiting, reach="account")  # (bucket,)


@s3.witness
async def record(call: Conversation, heard: Heard, response: Response) -> None:
    """Write the records of a request."""
    took_ms, by_acl = call.now_ms - heard.at_ms, BY_ACL in heard.notes
    logged = [bucket for bucket in heard.notes.values() if isinstance(bucket, Bucket)]

    def write(call: Call) -> None:
        for bucket in logged:
            lines = log_records.of_request(bucket, heard, response, took_ms, by_acl=by_acl)
            _write(call, bucket, lines, heard.at_ms, heard.id)

    await call.transact(write)


async def recorded(call: Conversation, heard: Heard, answer: Awaitable[Response]) -> Response:
    """The answer to a request that is no operation, and the record of it if its bucket has a log."""
    witnesses = call.use(Witnesses)
    witnesses.begin(heard)
    try:
        response = await answer
    finally:
        witnesses.end(heard)
    if heard.notes:
        try:
            await record(call, heard, response)
        except Exception:
            log.exception("the record of %s is lost", heard.id)
    return response


def heard_of(call: Conversation, request: Request, operation: str) -> Heard:
    """What is known of a request that is no operation before it is answered."""
    return Heard(call.id, request, call.now_ms, "s3", operation)


def record_lifecycle(call: Call, bucket: Bucket, operation: str, key: str, obj: Object) -> None:
    """Write the record of what a lifecycle rule did, if the bucket has a log."""
    if LOGGING in bucket.configured:
        id = call.ids.uuid()
        line = log_records.of_lifecycle(bucket, operation, key, obj, call.now_ms, id)
        _write(call, bucket, [line], call.now_ms, id)


def _write(call: Call, bucket: Bucket, lines: list[str], at_ms: int, id: str) -> None:
    held = configuration(call, bucket, LOGGING)
    if held is None:
        return
    there = call.elsewhere(service="s3", account=bucket.account, region=bucket.region)
    for number, line in enumerate(lines):
        _records.put(there, bucket.name, call.now_ms, f"{id}-{number:04}", record=Record(at_ms, line))
    if _waiting.get(there, bucket.name) is None:
        due_ms = call.now_ms + LOG_DELIVERY_MS
        _waiting.put(there, bucket.name, record=Waiting(due_ms))
        timers.schedule(there, deliver_log, at_ms=due_ms, id=f"s3-log-{bucket.account}/{bucket.name}",
                        bucket=bucket.name, due_ms=due_ms, held=held)


@s3.task
async def deliver_log(call: Conversation, bucket: str, due_ms: int, held: dict[str, Any]) -> None:
    """Write what waits into the log's bucket, in objects of so many records."""
    await call.transact(lambda call: _waiting.delete(call, bucket))  # what comes now sets a timer of its own
    sender = service_principal(_SERVICE, call.account, f"arn:aws:s3:::{bucket}")
    while page := await call.transact(lambda call: _page(call, bucket, held)):
        text = "".join(f"{one.text}\n" for _, one in page)
        key = _key(call, bucket, held, page, due_ms)
        try:
            await call.invoke("s3", "PutObject", as_principal=sender, Bucket=held["TargetBucket"], Key=key,
                              Body=text.encode(), ContentType="text/plain", **_grants(held))
        except AwsError as error:
            if error.status >= 500:  # the timer tries again
                raise
            call.see("lost", f"arn:aws:s3:::{held['TargetBucket']}", source=f"arn:aws:s3:::{bucket}",
                     why=f"{error.code}: {error}")
        await call.transact(lambda call, page=page: _forget(call, page))  # type: ignore[misc]


Entry = tuple[tuple[Any, ...], Record]


def _page(call: Call, bucket: str, held: dict[str, Any]) -> list[Entry]:
    """The next records for one object; of one day, if the log's keys say the day of what happened."""
    page: list[Entry] = []
    for key, one in _records.items(call, bucket, limit=LOG_RECORDS):
        if _by_day(held) and page and one.at_ms // DAY_MS != page[0][1].at_ms // DAY_MS:
            break
        page.append((key, one))
    return page


def _forget(call: Call, page: list[Entry]) -> None:
    for key, _ in page:
        _records.delete(call, *key)


def _by_day(held: dict[str, Any]) -> bool:
    parts = (held.get("TargetObjectKeyFormat") or {}).get("PartitionedPrefix")
    return parts is not None and parts.get("PartitionDateSource") != "DeliveryTime"


def _key(call: Conversation, bucket: str, held: dict[str, Any], page: list[Entry], due_ms: int) -> str:
    """The key of a log's object; the same whenever the same records are delivered."""
    ends = f"{page[0][0]}{page[-1][0]}"
    drawn = hashlib.sha256(ends.encode()).hexdigest()[:16].upper()
    moment_ms = page[0][1].at_ms // DAY_MS * DAY_MS if _by_day(held) else due_ms
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    folder = ""
    if (held.get("TargetObjectKeyFormat") or {}).get("PartitionedPrefix") is not None:
        folder = f"{call.account}/{call.region}/{bucket}/{moment:%Y/%m/%d}/"
    return f"{held['TargetPrefix']}{folder}{moment:%Y-%m-%d-%H-%M-%S}-{drawn}"


def _grants(held: dict[str, Any]) -> dict[str, str]:
    """Who may read the log beside the owner of its bucket, as headers say it."""
    found: dict[str, list[str]] = {"GrantRead": [], "GrantFullControl": []}
    for grant in held.get("TargetGrants") or ():
        grantee = grant["Grantee"]
        who = f'id="{grantee["ID"]}"' if grantee.get("ID") else f'uri="{grantee["URI"]}"'
        found["GrantRead" if grant["Permission"] == "READ" else "GrantFullControl"].append(who)
    return {name: ",".join(whos) for name, whos in found.items() if whos}

"""Requests to API destinations: each delivery is a task, which runs at its destination's rate.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

import base64
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import msgspec

from ...errors import AwsError
from ...fabric import outgoing, targets, timers
from ...fabric.targets import Parcel
from ...kernel import Call, Conversation
from ...store import Table
from ...wire.http import Response
from . import api_destinations, authorizing, connections, limits
from .api_destinations import ApiDestination
from .authorizing import Denied, pairs, with_query
from .connections import API_KEY, AUTHORIZED, AUTHORIZING, BASIC, OAUTH, Connection
from .errors import ConnectionFailure, ErrorFromTarget, Unauthorized
from .service import events

Config = dict[str, Any]
_AGAIN = frozenset((401, 407, 409, 429))
_FIXED = {"user-agent": "Amazon/EventBridge/ApiDestinations", "range": "bytes=0-1048575",
          "accept-encoding": "gzip,deflate"}
_REFUSED = (401, 407)
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECOND_MS = 1000


class Pace(msgspec.Struct, array_like=True):
    """The second in which a destination has its latest requests, and how many it has then."""

    from_ms: int
    count: int = 0


class Errand(msgspec.Struct):
    """What a request is made of."""

    destination: ApiDestination
    connection: Connection
    secret: Config


_paces = Table("events.paces", Pace)


@events.task
async def post(call: Conversation, *, parcel: dict[str, Any], slot_ms: int = 0) -> None:
    """Try to hand a delivery to its API destination, when its rate allows."""
    one = msgspec.convert(parcel, type=Parcel)
    if not slot_ms and await call.transact(lambda inner: _queued(inner, one, parcel)):
        return
    pause_ms = 0
    error: AwsError | None = None
    try:
        errand = await call.transact(lambda inner: _errand(inner, one))
        with call.kernel.clock.holding(f"a request to {one.arn}"):
            answer = await _request(call, errand, one)
        if not 200 <= answer.status < 300:
            error, pause_ms = _failure(call, answer)
    except AwsError as failure:
        error = failure
    await call.transact(lambda inner: targets.settle(inner, one, error, at_least_ms=pause_ms))


def _queued(call: Call, parcel: Parcel, raw: dict[str, Any]) -> bool:
    """Take the destination's next free moment; True if that is later, when the task will run again."""
    destination = api_destinations.api_destinations.get(call, _name(parcel))
    if destination is None:
        return False
    pace = _paces.get(call, destination.arn)
    if pace is None or pace.from_ms + _SECOND_MS <= call.now_ms:
        pace = Pace(call.now_ms)
    elif pace.count >= destination.per_second:
        pace = Pace(pace.from_ms + _SECOND_MS)
    pace.count += 1
    _paces.put(call, destination.arn, record=pace)
    slot_ms = pace.from_ms
    if slot_ms <= call.now_ms:
        return False
    timers.schedule(call, post, at_ms=slot_ms, id=f"events/post/{parcel.delivery.id}/{parcel.tries}/slot",
                    parcel=raw, slot_ms=slot_ms)
    return True


def _errand(call: Call, parcel: Parcel) -> Errand:
    destination = api_destinations.by_arn(call, parcel.arn)
    connection = connections.by_arn(call, destination.connection_arn)
    if connection is None or connection.state not in (AUTHORIZED, AUTHORIZING):
        raise Unauthorized
    if connection.state == AUTHORIZING:
        raise ConnectionFailure("The connection is being authorized.")
    return Errand(destination, connection, connections.secret_of(call, connection))


async def _request(call: Conversation, errand: Errand, parcel: Parcel) -> Response:
    """Ask the destination; with a new token once more, if the one that was kept is refused."""
    answer, used = await _ask(call, errand, parcel, "")
    if answer.status in _REFUSED and errand.connection.kind == OAUTH:
        answer, _ = await _ask(call, errand, parcel, used)
    return answer


async def _ask(call: Conversation, errand: Errand, parcel: Parcel, refused: str) -> tuple[Response, str]:
    secret, given = errand.secret, parcel.delivery.parameters.get("HttpParameters") or {}
    own = secret.get("invocation_http_parameters") or {}
    headers = {"content-type": "application/json; charset=utf-8"}
    for more in (given.get("HeaderParameters") or {}, pairs(own, "header_parameters")):
        headers |= {name.lower(): value for name, value in more.items()}
    if wrong := next((name for name, value in headers.items() if _UNSENDABLE.search(name + value)), None):
        raise ErrorFromTarget(f"The header {wrong} has characters that no header can have.")
    token = ""
    try:
        if errand.connection.kind == OAUTH:
            token = await authorizing.header(call, errand.connection, secret, refused)
            headers["authorization"] = token
    except Denied as denied:
        raise ConnectionFailure(str(denied)) from None
    if errand.connection.kind == BASIC:
        login = base64.b64encode(f"{secret['username']}:{secret['password']}".encode()).decode()
        headers["authorization"] = f"Basic {login}"
    elif errand.connection.kind == API_KEY:
        headers[secret["api_key_name"].lower()] = secret["api_key_value"]
    query = {**(given.get("QueryStringParameters") or {}), **pairs(own, "query_string_parameters")}
    url = with_query(_filled(errand.destination.endpoint, given.get("PathParameterValues") or []), query)
    body = _with_body(parcel.delivery.body, pairs(own, "body_parameters"))
    try:
        return await outgoing.send(errand.destination.method, url, headers | _FIXED, body,
                                   limits.DESTINATION_TIMEOUT_S), token
    except TimeoutError:
        raise ConnectionFailure(
            f"The endpoint did not answer within {limits.DESTINATION_TIMEOUT_S} seconds.") from None
    except outgoing.Unreachable as error:
        raise ConnectionFailure(f"The endpoint can't be reached: {error}") from None


def _failure(call: Conversation, answer: Response) -> tuple[AwsError, int]:
    """What an answer means that is not one of success, and how long to wait at least."""
    said = f"The endpoint answered {answer.status}."
    if answer.status < 500 and answer.status not in _AGAIN:
        return ErrorFromTarget(said), 0
    pause_ms = _retry_after_ms(call, str(answer.headers.get("retry-after") or ""))
    if pause_ms < 0:
        return ErrorFromTarget(f"{said} It does not want to be asked again."), 0
    return ConnectionFailure(said), pause_ms


def _retry_after_ms(call: Conversation, text: str) -> int:
    """What a Retry-After header says: seconds, or a moment."""
    try:
        return round(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return 0
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(round(at.timestamp() * 1000) - call.now_ms, 0)


def _filled(endpoint: str, values: list[str]) -> str:
    """The endpoint with each ``*`` of its path filled in."""
    head, *rest = endpoint.split("*")
    for number, text in enumerate(rest):
        head += (quote(values[number], safe="") if number < len(values) else "*") + text
    return head


def _with_body(body: bytes, more: dict[str, str]) -> bytes:
    """The body with what the connection adds to it, if it is an object."""
    if not more:
        return body
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:  # lines of text, say
        return body
    return msgspec.json.encode(said | more) if isinstance(said, dict) else body


def _name(parcel: Parcel) -> str:
    return parcel.arn.partition(":api-destination/")[2].partition("/")[0]

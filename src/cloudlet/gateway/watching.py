"""What travelled, for whoever watches: ``/_cloudlet/events``, and ``/_cloudlet/replay`` to send it again."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import msgspec

from ..arn import Arn, is_called
from ..errors import AwsError
from ..fabric import patterns, targets
from ..fabric.operators import PatternError
from ..identity import root
from ..kernel import Call, Kernel
from ..telemetry import Sighting
from ..telemetry.sightings import OUTCOMES
from ..wire.http import Request, Response

_FILTERS = ("source", "target", "outcome", "event", "trace", "account", "pattern", "after", "last", "follow")
Wanted = Callable[[Sighting], bool]


class Mistaken(ValueError):
    """A question that can't be answered; the text says why."""


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    number: int
    to: str = ""


class Watching:
    """Answers what travelled, and sends it again."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def events(self, request: Request) -> Response:
        """Sightings, one JSON object a line; with ``follow=1`` those to come as well, as they come.

        ``source`` and ``target`` are names or ARNs, ``pattern`` an event pattern for what is shown, ``after``
        the number of one that was seen already, ``last`` how many to begin with.
        """
        asked = request.queries()
        sightings = self._kernel.sightings
        try:
            wanted, after, last = _wanted(asked), _number(asked, "after"), _number(asked, "last")
        except Mistaken as error:
            return _refusal(str(error))
        found: Iterable[Sighting] = (one for one in sightings.after(after) if wanted(one))
        found = deque(found, last) if "last" in asked else list(found)
        lines = b"".join(_line(one) for one in found)
        headers: dict[str, str | list[str]] = {"content-type": "application/x-ndjson"}
        if asked.get("follow", "0") in ("0", "false"):
            return Response(200, headers, lines)

        async def follow(number: int) -> AsyncIterator[bytes]:
            yield lines
            async for one in sightings.follow(number):
                if wanted(one):
                    yield _line(one)

        return Response(200, headers, follow(max(after, sightings.newest)))

    async def replay(self, request: Request) -> Response:
        """Deliver what a sighting shows once more, to its target or to another."""
        try:
            wish = msgspec.json.decode(await request.read(1 << 16) or b"", type=_Wish)
        except msgspec.DecodeError as error:
            return _refusal(
                f'A replay is said as {{"number": NUMBER, "to": ARN}}, the last if needed: {error}'
            )
        one = self._kernel.sightings.find(wish.number)
        if one is None:
            return _refusal(
                f"There is no event {wish.number}, or it is forgotten: the newest few thousand are "
                "kept, until the cloudlet stops. `cloudlet events` lists them.",
                404,
            )
        call = self._kernel.conversation(
            root(one.account), "cloudlet", account=one.account, region=one.region)
        try:
            delivery = await call.transact(lambda inner: send_again(inner, one, wish.to or one.target))
        except AwsError as error:
            return _refusal(f"{wish.to or one.target} did not take it: {error.code}: {error}")
        return _json({"event": delivery, "target": wish.to or one.target})


def send_again(call: Call, one: Sighting, to: str) -> str:
    """Deliver it as the account's owner, as an event of its own, whose id comes back."""
    id, parameters = call.ids.uuid(), dict(one.parameters)
    if to.endswith(".fifo"):  # it is meant to come again, so it must not look like what came before
        parameters["MessageDeduplicationId"] = id
    sender = Arn.parse(one.source or one.target).service
    targets.deliver(call, to, targets.Delivery(
        id, one.payload, sender, one.source, one.account, parameters, caller=root(one.account)))
    return id


def shown(one: Sighting) -> dict[str, Any]:
    """A sighting as JSON says it; payloads that are JSON themselves are taken in."""
    found: dict[str, Any] = {"number": one.number, "at": one.at_ms / 1000, "outcome": one.outcome,
                             "source": one.source, "target": one.target, "event": one.event,
                             "why": one.why, "payload": _content(one.payload),
                             "account": one.account, "region": one.region, "trace": one.trace}
    if one.parameters:
        found["parameters"] = one.parameters
    if one.outcome in ("ran", "failed"):
        found |= {"answer": _content(one.answer), "log": list(one.log)}
    return found


def _wanted(asked: Mapping[str, str]) -> Wanted:
    unknown = set(asked) - set(_FILTERS)
    if unknown:
        raise Mistaken(f"Nothing is asked with {', '.join(sorted(unknown))}; there is {', '.join(_FILTERS)}.")
    outcomes = [name for name in asked.get("outcome", "").split(",") if name]
    for name in outcomes:
        if name not in OUTCOMES:
            raise Mistaken(f"There is no outcome {name!r}. There are: {', '.join(OUTCOMES)}.")
    try:
        pattern = patterns.parse(asked["pattern"]) if asked.get("pattern") else None
    except PatternError as error:
        raise Mistaken(f"The pattern is none: {error}") from None
    source, target = asked.get("source"), asked.get("target")
    exact = [(name, asked[name]) for name in ("event", "trace", "account") if asked.get(name)]

    def wanted(one: Sighting) -> bool:
        return ((not outcomes or one.outcome in outcomes)
                and (not source or _is_of(one.source, source)) and (not target or _is_of(one.target, target))
                and all(getattr(one, name) == value for name, value in exact)
                and (pattern is None or pattern.matches(shown(one))))

    return wanted


def _is_of(arn: str, name: str) -> bool:
    """Whether an ARN is that of a resource, or of a resource of the service so named."""
    return is_called(arn, name) or arn.startswith(f"arn:aws:{name}:")


def _number(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name, "0")
    if not text.isdigit():
        raise Mistaken(f"{name} is a number, and {text!r} is none.")
    return int(text)


def _content(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw.decode("utf-8", "replace")


def _line(one: Sighting) -> bytes:
    return msgspec.json.encode(shown(one)) + b"\n"


def _json(document: object, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/json"}, msgspec.json.encode(document))


def _refusal(message: str, status: int = 400) -> Response:
    return _json({"message": message}, status)

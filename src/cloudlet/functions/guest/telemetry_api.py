"""The Telemetry API: what happens in here, told to the extensions that subscribed.

Source: docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html. A batch leaves when it is full or
old; one that could not be delivered stays at the front and is tried again later, and what does not fit
meanwhile is dropped and counted. Telemetry only goes to a port on which a process in here listens.
"""

import asyncio
import contextlib
import json
import time
import typing
import urllib.parse

from .exchange import Answer

Record = typing.Dict[str, typing.Any]
Listens = typing.Callable[[typing.Tuple[str, int]], bool]
SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
TYPES = ("platform", "function", "extension")
_BUFFERING = {"maxItems": (10_000, 1_000, 10_000), "maxBytes": (262_144, 262_144, 1_048_576),
              "timeoutMs": (1_000, 25, 30_000)}  # default, least, most
_HOSTS = ("sandbox.localdomain", "sandbox", "localhost", "127.0.0.1")
_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0
_DELIVERY_S = 5.0  # for a subscriber to take a batch
_FALLEN_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."


def stamp(seconds: "float | None" = None) -> str:
    """A moment as events say it."""
    seconds = time.time() if seconds is None else seconds
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


class Relay:
    """Hands events on; those of the initialisation also to who subscribes during it."""

    def __init__(self, listens: Listens) -> None:
        self._listens = listens
        self._kept: list[tuple[str, bytes]] | None = []
        self.subscribers: dict[str, Subscriber] = {}

    def tell(self, kind: str, record: object) -> None:
        """Something happened."""
        if self._kept is None and not self.subscribers:
            return
        event = json.dumps({"time": stamp(), "type": kind, "record": record}).encode()
        category = kind.partition(".")[0]
        for subscriber in self.subscribers.values():
            subscriber.add(category, event)
        if self._kept is not None:
            self._kept.append((category, event))

    def subscribe(self, name: str, raw: bytes) -> "tuple[Answer, list[str]]":
        """Take a subscription; the types come back when it is a new one."""
        if self._kept is None:
            return Answer(403, {"errorType": "Telemetry.SubscriptionClosed",
                                "errorMessage": "Telemetry API subscription is closed already"}), []
        try:
            asked = json.loads(raw)
        except ValueError:
            asked = None
        wrong = _wrong_with(asked)
        if wrong:
            return Answer(400, {"errorType": "ValidationError", "errorMessage": "; ".join(wrong)}), []
        limits = {key: int((asked.get("buffering") or {}).get(key) or default)
                  for key, (default, _, _) in _BUFFERING.items()}
        former = self.subscribers.pop(name, None)
        if former is not None:
            former.close()
        subscriber = Subscriber(asked["destination"], asked["types"], limits, self._listens)
        self.subscribers[name] = subscriber
        for category, event in self._kept:
            subscriber.add(category, event)
        return Answer(200, "OK"), list(asked["types"])

    def turn_off(self) -> None:
        """The initialisation is over: nobody subscribes any more."""
        self._kept = None

    async def flush(self, within_s: float) -> None:
        """Let everything leave now, if it does within that time."""
        sending = [task for one in self.subscribers.values() if (task := one.send_all()) is not None]
        if sending:
            await asyncio.wait(sending, timeout=within_s)

    def close(self) -> None:
        """Send nothing any more."""
        for subscriber in self.subscribers.values():
            subscriber.close()


class Subscriber:
    """One destination, and what has not left for it yet."""

    def __init__(self, destination: Record, types: "list[str]", limits: "dict[str, int]",
                 listens: Listens) -> None:
        self._tcp = destination["protocol"] == "TCP"
        self._port, self._path = _target(destination)
        self._types, self._limits, self._listens = frozenset(types), limits, listens
        self._waiting: list[bytes] = []
        self._bytes = self._dropped = self._dropped_bytes = 0
        self._retry_s, self._everything = _RETRY_S, False
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._stream: asyncio.StreamWriter | None = None

    def add(self, category: str, event: bytes) -> None:
        """Keep an event for the next batch, if its kind was asked for and there is room."""
        if category not in self._types:
            return
        if self._bytes + len(event) > 2 * self._limits["maxBytes"]:
            self._dropped += 1
            self._dropped_bytes += len(event)
            return
        self._waiting.append(event)
        self._bytes += len(event)
        if self._is_full():
            if self._retry_s == _RETRY_S:
                self.send_now()
        elif self._timer is None and self._sending is None:
            self._later(self._limits["timeoutMs"] / 1000)

    def send_now(self) -> "asyncio.Task[None] | None":
        """Begin to deliver what waits, unless that is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sending is None and self._waiting:
            self._sending = asyncio.get_running_loop().create_task(self._send())
        return self._sending

    def send_all(self) -> "asyncio.Task[None] | None":
        """Deliver without waiting for batches to fill, from now on."""
        self._everything = True
        return self.send_now()

    def close(self) -> None:
        """Send nothing any more."""
        for pending in (self._timer, self._sending):
            if pending is not None:
                pending.cancel()
        if self._stream is not None:
            self._stream.close()

    def _is_full(self) -> bool:
        return self._bytes >= self._limits["maxBytes"] or len(self._waiting) >= self._limits["maxItems"]

    def _later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.send_now)

    async def _send(self) -> None:
        while self._waiting:
            if self._dropped and "platform" in self._types:
                record = {"droppedBytes": self._dropped_bytes, "droppedRecords": self._dropped,
                          "reason": _FALLEN_BEHIND}
                self._dropped = self._dropped_bytes = 0
                self._waiting.append(json.dumps({"time": stamp(), "type": "platform.logsDropped",
                                                 "record": record}).encode())
                self._bytes += len(self._waiting[-1])
            batch = self._waiting[: self._limits["maxItems"]]
            try:
                await asyncio.wait_for(self._deliver(batch), _DELIVERY_S)
            except (OSError, EOFError, ValueError, asyncio.TimeoutError):  # noqa: UP041  another before 3.11
                self._stream, self._sending = None, None
                self._later(self._retry_s)
                self._retry_s = min(2 * self._retry_s, _LONGEST_RETRY_S)
                return
            self._retry_s = _RETRY_S
            del self._waiting[: len(batch)]
            self._bytes -= sum(len(event) for event in batch)
            if self._waiting and not self._everything and not self._is_full():
                self._later(self._limits["timeoutMs"] / 1000)
                break
        self._sending = None

    async def _deliver(self, batch: "list[bytes]") -> None:
        if not self._listens(("127.0.0.1", self._port)):
            raise ConnectionRefusedError
        if self._tcp:
            if self._stream is None:
                _, self._stream = await asyncio.open_connection("127.0.0.1", self._port)
            self._stream.write(b"".join(event + b"\n" for event in batch))
            await self._stream.drain()
            return
        body = b"[" + b",".join(batch) + b"]"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"POST {self._path} HTTP/1.1\r\nHost: sandbox.localdomain:{self._port}\r\n"
                         f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                         "Connection: close\r\n\r\n".encode() + body)
            await writer.drain()
            if int((await reader.readline()).split(b" ", 2)[1]) >= 300:
                raise ConnectionRefusedError
        except IndexError:
            raise EOFError from None
        finally:
            writer.close()


def _wrong_with(asked: object) -> "list[str]":
    """What is wrong with a subscription."""
    if not isinstance(asked, dict):
        return ["the body is not a JSON object"]
    wrong = []
    if asked.get("schemaVersion") not in SCHEMAS:
        wrong.append(f"schemaVersion must be one of {', '.join(SCHEMAS)}")
    types = asked.get("types")
    if not isinstance(types, list) or not types:
        wrong.append("types should not be empty")
    elif set(map(str, types)) - set(TYPES):
        wrong.append(f"types must be among {', '.join(TYPES)}")
    destination = asked.get("destination")
    if not isinstance(destination, dict) or destination.get("protocol") not in ("HTTP", "TCP"):
        wrong.append("destination.protocol must be HTTP or TCP")
    else:
        wrong += _wrong_with_target(destination)
    buffering = asked.get("buffering") or {}
    for key, (_, least, most) in _BUFFERING.items():
        value = buffering.get(key) if isinstance(buffering, dict) else None
        if value is not None and not (isinstance(value, int) and least <= value <= most):
            wrong.append(f"buffering.{key} must be between {least} and {most}")
    return wrong


def _wrong_with_target(destination: Record) -> "list[str]":
    if destination["protocol"] == "TCP" and isinstance(destination.get("port"), int):
        return [] if 0 < destination["port"] < 65536 else ["destination.port must be between 1 and 65535"]
    with contextlib.suppress(ValueError):
        uri = _parsed(destination)
        if uri.scheme not in ("http", "tcp") or uri.hostname not in _HOSTS:
            return ["URI host must be sandbox.localdomain, over http or tcp"]
        return [] if uri.port else ["URI port is not provided"]
    return ["URI is not valid"]


def _parsed(destination: Record) -> urllib.parse.SplitResult:
    uri = str(destination.get("URI") or "")
    return urllib.parse.urlsplit(uri if "//" in uri else f"tcp://{uri}")


def _target(destination: Record) -> "tuple[int, str]":
    """The port, and the path for those who are told over HTTP."""
    if destination["protocol"] == "TCP" and isinstance(destination.get("port"), int):
        return destination["port"], "/"
    uri = _parsed(destination)
    return uri.port or 0, (uri.path or "/") + (f"?{uri.query}" if uri.query else "")

"""What travelled: every event that went somewhere, or did not, and why.

Whoever moves events says so with ``call.see`` in its transaction; it counts once that is committed, so what
is undone or run again leaves no trace. Sightings are kept in memory, the newest few thousand within a few
megabytes: they are for looking at and for replaying, and nothing depends on them.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Literal, get_args

import msgspec

_KEPT, _BYTES = 10_000, 16 << 20
Outcome = Literal[
    "sent",  # it came to a queue, a topic or a bus
    "delivered",  # a target has taken it
    "filtered",  # a filter, a pattern or a rule was not for it
    "refused",  # a target did not take it; ``why`` says whether it is tried again
    "dead-lettered",  # nobody took it, and its dead-letter target has it now
    "lost",  # nobody took it, and nobody has it
    "taken",  # a reader took it from its source
    "returned",  # a reader could not handle it, and it is (again) in its source
    "ran",  # a function ran on it
    "failed",  # a function ran on it and failed
]
OUTCOMES: tuple[str, ...] = get_args(Outcome)


class Sighting(msgspec.Struct, omit_defaults=True):
    """An event on its way from ``source`` to ``target`` (ARNs), and what came of it there.

    ``event`` is the event's own id. ``parameters`` belong to the target, as in a delivery. ``answer`` and
    ``log`` are a function's. ``number`` counts on as long as the cloudlet runs.
    """

    outcome: Outcome
    target: str
    source: str = ""
    event: str = ""
    why: str = ""
    payload: bytes = b""
    parameters: dict[str, Any] = {}
    answer: bytes = b""
    log: Sequence[str] = ()
    account: str = ""
    region: str = ""
    at_ms: int = 0
    trace: str = ""
    number: int = 0

    @property
    def size(self) -> int:
        """About how many bytes it holds on to."""
        return 400 + len(self.payload) + len(self.answer) + (sum(map(len, self.log)) if self.log else 0)


class Sightings:
    """The newest of them."""

    def __init__(self, kept: int = _KEPT, kept_bytes: int = _BYTES) -> None:
        self._kept, self._kept_bytes = kept, kept_bytes
        self._all: deque[Sighting] = deque()
        self._bytes = self._count = 0
        self._readers: list[asyncio.Future[None]] = []
        self._closed = False

    @property
    def newest(self) -> int:
        """The number of the one that came last."""
        return self._count

    def keep(self, seen: Sequence[Sighting]) -> None:
        """Take these over, and let go of the oldest that are too many."""
        for one in seen:
            self._count += 1
            one.number = self._count
            self._bytes += one.size
            self._all.append(one)
        while len(self._all) > self._kept or (self._bytes > self._kept_bytes and len(self._all) > 1):
            self._bytes -= self._all.popleft().size
        if self._readers:
            self._wake()

    def close(self) -> None:
        """Let those who follow come to an end."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

    def after(self, number: int = 0) -> Iterator[Sighting]:
        """Those that came after the one with that number, the oldest first."""
        first = self._all[0].number if self._all else 0
        for at in range(max(number + 1 - first, 0), len(self._all)):
            yield self._all[at]

    def find(self, number: int) -> Sighting | None:
        """The one with that number, if it is still kept."""
        return next((one for one in self.after(number - 1) if one.number == number), None)

    async def follow(self, number: int = 0) -> AsyncIterator[Sighting]:
        """Those after that number, and from then on those that come."""
        while not self._closed:
            for one in tuple(self.after(number)):
                number = one.number
                yield one
            if self._count > number:
                continue
            reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._readers.append(reader)
            await reader

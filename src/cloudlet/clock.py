"""One clock for everything that waits, so that a test can move it.

Time is the machine's plus an offset, or stands still when frozen. Whoever waits on the clock
is woken when the moment comes, be it because time went by or because somebody moved it.

``travel`` goes through time as it would have gone by itself: from one moment that somebody waits for to the
next, and on only when what fell due there has come to rest. What that is, ``holding`` says: transactions,
functions and requests to other servers hold the clock while they last. Between them, tasks hand over to each
other within a few turns of the event loop; so all is at rest when nothing has held the clock for some turns.
"""

import asyncio
import heapq
import itertools
import time
from collections import deque

PATIENCE_S = 10.0  # of the machine's time, for what happens at one moment to come to rest
_MOVES = 4096  # that ``shown_at`` remembers
_TURNS = 24  # of the event loop in which nothing begins; no more than two were ever seen between beginnings
_BRIEF_S = 0.1  # patience with what has been found to be endless
_ENDLESS = "something that begins again as soon as it ends"


class Clock:
    """The cloudlet's time, in milliseconds since 1970."""

    def __init__(self, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms
        self.frozen_ms: int | None = None
        self.tickets = itertools.count(1)  # one for everything that waits or runs
        self.holds: dict[int, tuple[str, float]] = {}  # what runs, and since when (on the monotonic clock)
        self.released: asyncio.Future[None] | None = None  # resolved when something has ended
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._travelling = asyncio.Lock()
        self._gone = 0  # of the waiters, those who gave up
        self._alarm: asyncio.TimerHandle | None = None
        # the machine's time of each move, and the offset and freeze before it
        self._moved: deque[tuple[int, int, int | None]] = deque(maxlen=_MOVES)

    def now_ms(self) -> int:
        """The moment it is now."""
        if self.frozen_ms is not None:
            return self.frozen_ms
        return int(time.time() * 1000) + self.offset_ms

    def machine_ms(self) -> int:
        """The machine's own time, which others on it go by."""
        return int(time.time() * 1000)

    def shown_at(self, machine_ms: int) -> int:
        """What this clock showed when the machine's showed ``machine_ms``."""
        offset_ms, frozen_ms = self.offset_ms, self.frozen_ms
        for moved_ms, offset_before, frozen_before in reversed(self._moved):
            if machine_ms >= moved_ms:
                break
            offset_ms, frozen_ms = offset_before, frozen_before
        return machine_ms + offset_ms if frozen_ms is None else frozen_ms

    def holding(self, what: str) -> "Hold":
        """``with clock.holding("a transaction"): …`` keeps ``travel`` waiting while the block lasts."""
        return Hold(self, what)

    def next_ms(self) -> int | None:
        """The earliest moment that somebody waits for; None if nobody waits."""
        while self._waiters and self._waiters[0][2].done():
            heapq.heappop(self._waiters)
        return self._waiters[0][0] if self._waiters else None

    async def travel(self, by_ms: int, patience_s: float = PATIENCE_S) -> list[str]:
        """Let ``by_ms`` go by as time does, whether the clock runs or stands; what did not come to rest.

        The way leads through every moment that somebody waits for, and the machine's time on it counts for
        nothing. What runs for longer than ``patience_s`` at one moment is not waited for any more.
        """
        async with self._travelling:
            running, at_ms = self.frozen_ms is None, self.now_ms()
            to_ms = at_ms + by_ms
            if running:
                self.freeze()
            late: dict[str, None] = {}
            try:
                while True:
                    late |= dict.fromkeys(await self.rest(_BRIEF_S if _ENDLESS in late else patience_s))
                    if at_ms == to_ms:
                        return list(late)
                    due_ms = self.next_ms()
                    at_ms = to_ms if due_ms is None or to_ms < at_ms else min(max(due_ms, at_ms), to_ms)
                    self.set(at_ms)
            finally:
                if running:
                    self.resume()

    async def rest(self, patience_s: float = PATIENCE_S) -> list[str]:
        """Until nothing runs but what has run for ``patience_s`` already; what still does, if anything."""
        loop, until_s = asyncio.get_running_loop(), time.monotonic() + max(patience_s, _BRIEF_S)
        quiet, last = 0, 0
        while quiet < _TURNS:
            now_s = time.monotonic()
            if now_s >= until_s:
                return [what for what, _ in self.holds.values()] or [_ENDLESS]
            if any(now_s - since_s < patience_s for _, since_s in self.holds.values()):
                self.released = loop.create_future()
                alarm = loop.call_later(until_s - now_s, _resolve, self.released)
                await self.released
                alarm.cancel()
                quiet = 0
            else:
                await asyncio.sleep(0)
                ticket = next(self.tickets)
                quiet, last = quiet + 1 if ticket == last + 1 else 0, ticket
        return [what for what, _ in self.holds.values()]

    def advance(self, by_ms: int) -> None:
        """Jump ahead (or back) by ``by_ms``: whatever falls due on the way is due at once, and late."""
        self._note()
        if self.frozen_ms is None:
            self.offset_ms += by_ms
        else:
            self.frozen_ms += by_ms
        self._wake()

    def set(self, to_ms: int) -> None:
        """Jump to ``to_ms``."""
        self.advance(to_ms - self.now_ms())

    def freeze(self) -> None:
        """Stand still, until ``resume`` or somebody moves the hands."""
        self._note()
        self.frozen_ms = self.now_ms()
        self._wake()

    def resume(self) -> None:
        """Run on from the moment shown."""
        if self.frozen_ms is not None:
            self._note()
            self.offset_ms = self.frozen_ms - int(time.time() * 1000)
            self.frozen_ms = None
            self._wake()

    def _note(self) -> None:
        self._moved.append((self.machine_ms(), self.offset_ms, self.frozen_ms))

    async def sleep_until(self, at_ms: int) -> None:
        """Wait for ``at_ms``."""
        if at_ms > self.now_ms():
            await self.wait(asyncio.get_running_loop().create_future(), at_ms)

    async def wait(self, future: "asyncio.Future[None]", until_ms: int) -> None:
        """Wait for ``future``, which the clock resolves at ``until_ms`` if nobody has by then."""
        entry = (until_ms, next(self.tickets), future)
        heapq.heappush(self._waiters, entry)
        if self._waiters[0] is entry:
            self._wake()
        try:
            await future
        finally:
            if self.now_ms() < until_ms:
                self._forget()

    def _forget(self) -> None:
        """Somebody gave up waiting: once half of those kept have, let go of them."""
        self._gone += 1
        if self._gone * 2 > len(self._waiters):
            self._waiters = [waiter for waiter in self._waiters if not waiter[2].done()]
            heapq.heapify(self._waiters)
            self._gone = 0

    def _wake(self) -> None:
        """Wake everyone whose moment has come, and set the alarm for the next."""
        now = self.now_ms()
        while self._waiters and (self._waiters[0][0] <= now or self._waiters[0][2].done()):
            future = heapq.heappop(self._waiters)[2]
            if not future.done():
                future.set_result(None)
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if self._waiters and self.frozen_ms is None:
            delay_s = min((self._waiters[0][0] - now) / 1000 + 0.0005, 86_400)
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._wake)


class Hold:
    """Something that runs, for as long as the block lasts: time should not go on without it."""

    __slots__ = ("_clock", "_ticket", "_what")

    def __init__(self, clock: "Clock", what: str) -> None:
        self._clock, self._what, self._ticket = clock, what, 0

    def __enter__(self) -> None:
        clock = self._clock
        self._ticket = next(clock.tickets)
        clock.holds[self._ticket] = (self._what, time.monotonic())

    def __exit__(self, *outcome: object) -> None:
        clock = self._clock
        del clock.holds[self._ticket]
        if clock.released and not clock.released.done():
            clock.released.set_result(None)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)

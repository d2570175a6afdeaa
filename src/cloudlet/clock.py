"""One clock for everything that waits, so that a test can move it.

Time is the machine's plus an offset, or stands still when frozen. Whoever waits on the clock
is woken when the moment comes, be it because time went by or because somebody moved it.
"""

import asyncio
import heapq
import itertools
import time

_MOVES = 256  # that ``shown_at`` remembers


class Clock:
    """The cloudlet's time, in milliseconds since 1970."""

    def __init__(self, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms
        self.frozen_ms: int | None = None
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._tickets = itertools.count()
        self._gone = 0  # of the waiters, those who gave up
        self._alarm: asyncio.TimerHandle | None = None
        # the machine's time of each move, and the offset and freeze before it
        self._moved: list[tuple[int, int, int | None]] = []

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

    def advance(self, by_ms: int) -> None:
        """Move ahead (or back) by ``by_ms``."""
        self._note()
        if self.frozen_ms is None:
            self.offset_ms += by_ms
        else:
            self.frozen_ms += by_ms
        self._wake()

    def set(self, to_ms: int) -> None:
        """Make it ``to_ms`` now."""
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
        self._moved = [*self._moved[1 - _MOVES:], (self.machine_ms(), self.offset_ms, self.frozen_ms)]

    async def sleep_until(self, at_ms: int) -> None:
        """Wait for ``at_ms``."""
        if at_ms <= self.now_ms():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (at_ms, next(self._tickets), future))
        if self._waiters[0][2] is future:
            self._wake()
        try:
            await future
        except asyncio.CancelledError:
            self._forget()
            raise

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

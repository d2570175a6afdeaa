"""Cold starts take turns: more at once than processors can work on would all miss their time limit."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

_PATIENCE_S = 5.0
Start = Callable[[], Coroutine[Any, Any, None]]


class Starts:
    """A few starts at once, and a queue.

    Whoever has waited for long goes ahead: those that start may be waiting for it.
    """

    def __init__(self, begin: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]) -> None:
        self._begin, self._free = begin, 2 * (os.cpu_count() or 1)
        self._queue: deque[tuple[asyncio.Future[Any], Start, float]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    def want(self, place: "asyncio.Future[Any]", start: Start) -> None:
        """Have ``start`` run when its turn comes, unless ``place`` has been filled by then."""
        if self._free:
            self._run(start)
            return
        loop = asyncio.get_running_loop()
        self._queue.append((place, start, loop.time() + _PATIENCE_S))
        if self._alarm is None:
            self._alarm = loop.call_later(_PATIENCE_S, self._overtake)

    def close(self) -> None:
        """Let nobody who waits have a turn any more."""
        self._queue.clear()
        if self._alarm:
            self._alarm.cancel()

    def _run(self, start: Start) -> None:
        self._free -= 1
        self._begin(start()).add_done_callback(lambda task: self._next())

    def _next(self) -> None:
        """A turn is over: the next is for who has waited longest."""
        self._free += 1
        while self._queue and self._free > 0:
            place, start, _ = self._queue.popleft()
            if not place.done():
                self._run(start)

    def _overtake(self) -> None:
        """Start at once what has waited for long, and look again when the next one will have."""
        loop = asyncio.get_running_loop()
        self._alarm = None
        while self._queue:
            place, start, until = self._queue[0]
            if not place.done() and until > loop.time():
                self._alarm = loop.call_at(until, self._overtake)
                return
            self._queue.popleft()
            if not place.done():
                self._run(start)

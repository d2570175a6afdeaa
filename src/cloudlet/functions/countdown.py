"""A time limit that can stand still, as it does while somebody looks at a breakpoint."""

import asyncio
from collections.abc import Callable


class Countdown:
    """Calls ``over`` once ``seconds`` have passed that were not spent paused."""

    __slots__ = ("_loop", "_over", "_rest", "_since", "_timer")

    def __init__(self, seconds: float, over: Callable[[], None]) -> None:
        self._loop, self._over, self._rest = asyncio.get_running_loop(), over, seconds
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self.go_on()

    def go_on(self) -> None:
        """Let it run, if it does not."""
        if self._timer is None:
            self._since = self._loop.time()
            self._timer = self._loop.call_later(self._rest, self._over)

    def pause(self) -> None:
        """Let it stand still."""
        if self._timer is not None:
            self._rest -= self._loop.time() - self._since
            self.cancel()

    def cancel(self) -> None:
        """It is not needed any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

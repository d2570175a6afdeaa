"""The thread in which the cloudlets of a session run.

Each test has a cloudlet of its own, because a clock, faults and bucket names belong to a whole cloudlet, and
starting one takes a few milliseconds. What does take time stays from one to the next: the event loop, the
imports, the warm interpreters of functions; and the address, so that clients made when a module was imported
reach the cloudlet of whichever test runs.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop

from .. import app

T = TypeVar("T")
_WAIT_S = 60.0  # for the thread to start and to end


class Host:
    """An event loop in a thread, and a socket that stays open."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._port = int(self._door.getsockname()[1])
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self._former: app.Cloudlet | None = None
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cloudlet", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives, done in the thread of the cloudlets."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def do(self, work: Callable[[], T]) -> T:
        """What ``work`` gives, likewise, if it does not wait."""
        async def carry() -> T:
            return work()
        return self.run(carry())

    @contextmanager
    def cloudlet(self) -> Iterator[app.Cloudlet]:
        """A fresh one, for as long as the block lasts."""
        running = self.run(self._start())
        try:
            yield running
        finally:
            self.run(running.stop(leave_warm=True))
            self._former = running

    def stop(self) -> None:
        """End the thread, and what was kept warm."""
        if self._former:
            self.run(self._former.pool.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()
        self._door.close()

    async def _start(self) -> app.Cloudlet:
        running = app.Cloudlet(app.Options(port=self._port))
        await running.start(door=self._door.dup(), former=self._former.pool if self._former else None)
        return running

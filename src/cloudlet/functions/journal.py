"""What functions write, on its way into the logs: gathered, so that no answer waits for it."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

log = logging.getLogger(__name__)
Lines = list[tuple[int, str]]  # milliseconds since 1970, text


class Stream(NamedTuple):
    """A log stream."""

    account: str
    region: str
    group: str
    name: str


Write = Callable[[Stream, Lines], Awaitable[None]]
Listener = Callable[[Stream, Lines], None]


class Journal:
    """Gathers lines and writes them, stream by stream, as soon as the event loop has nothing better to do."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: dict[Stream, Lines] = defaultdict(list)
        self._flush: asyncio.Task[None] | None = None
        self.listeners: list[Listener] = []

    def add(self, stream: Stream, lines: Lines) -> None:
        """Take lines over; they are written soon, in this order."""
        if not lines:
            return
        self._waiting[stream].extend(lines)
        if self._flush is None or self._flush.done():
            self._flush = asyncio.get_running_loop().create_task(self._run())
        for listener in self.listeners:
            listener(stream, lines)

    async def flush(self) -> None:
        """Until everything taken over is written."""
        while self._flush is not None and not self._flush.done():
            await self._flush

    async def _run(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, defaultdict(list)
            writes = [self._write(stream, lines) for stream, lines in waiting.items()]
            for outcome in await asyncio.gather(*writes, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.error("function logs could not be written: %s", outcome)

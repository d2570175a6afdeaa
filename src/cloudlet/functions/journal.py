"""What functions write, on its way into the logs: gathered, so that no answer waits for it."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from operator import itemgetter
from typing import NamedTuple

log = logging.getLogger(__name__)
BATCH = 1 << 20  # bytes written at once, as the log counts them, and
BATCH_LINES = 10_000  # so many lines at most
WAITING = 64 << 20  # bytes that may wait to be written; what comes beyond is left out
_PAUSE_S = 0.1  # while lines keep coming, so that one write takes many of them
_OVERHEAD = 26  # bytes a line counts beside its text
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
    """Gathers lines and writes them by stream: at once or, while they keep coming, ten times a second."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: dict[Stream, Lines] = defaultdict(list)
        self._size = self._left_out = 0  # bytes that wait; lines for which there was no room
        self._flush: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self.listeners: list[Listener] = []

    def add(self, stream: Stream, lines: Lines) -> None:
        """Take lines over; they are written soon, in this order."""
        if not lines:
            return
        if self._size > WAITING:
            self._left_out += len(lines)
            return
        self._size += sum(len(text) + _OVERHEAD for _, text in lines)
        self._waiting[stream].extend(lines)
        if self._flush is None or self._flush.done():
            self._flush = asyncio.get_running_loop().create_task(self._run())
        for listener in self.listeners:
            listener(stream, lines)

    async def flush(self) -> None:
        """Until everything taken over is written."""
        self._hurry.set()
        while self._flush is not None and not self._flush.done():
            await self._flush
        self._hurry.clear()

    async def _run(self) -> None:
        while self._waiting:
            waiting, self._waiting, size = self._waiting, defaultdict(list), self._size
            writes = [self._write_all(stream, lines) for stream, lines in waiting.items()]
            for outcome in await asyncio.gather(*writes, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.error("function logs could not be written: %s", outcome)
            self._size -= size
            if self._waiting:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), _PAUSE_S)
            if self._left_out:
                log.error("%d lines of functions were left out: they came faster than the store takes them",
                          self._left_out)
                self._left_out = 0

    async def _write_all(self, stream: Stream, lines: Lines) -> None:
        for batch in batches(lines):
            await self._write(stream, batch)


def batches(lines: Lines) -> Iterator[Lines]:
    """The lines in order of time, in pieces that can be written at once."""
    batch: Lines = []
    size = 0
    for line in sorted(lines, key=itemgetter(0)):
        cost = len(line[1].encode("utf-8", "surrogatepass")) + _OVERHEAD
        if batch and (size + cost > BATCH or len(batch) == BATCH_LINES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += cost
    if batch:
        yield batch

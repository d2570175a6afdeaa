"""What a worker writes: lines from its outputs and its log handler, gathered event by event.

A function may write as much and as fast as it likes, and it costs the cloudlet little: long lines are cut,
the lines of one event are counted, and past a limit they are read slowly and left out, which a line says.
"""

import asyncio
import os
from collections.abc import Callable

from . import levels

Lines = list[tuple[int, str]]  # milliseconds since 1970, text
LINE_LIMIT = 256 << 10  # bytes of a log event
EVENT_LIMIT = 8 << 20  # bytes of all lines from one event to the next
_LINE_COST = 128  # bytes a line counts beside its text: what it takes here
_PIECE = 64 << 10  # bytes read at once
_PIECES = 4  # read before others get their turn
REST_S = 0.01  # until more is read of one who has written too much


class Outlet:
    """The lines of one worker. What it writes while it has no event goes to ``between`` at once."""

    def __init__(self, now_ms: Callable[[], int], between: Callable[[Lines], None]) -> None:
        self._now_ms, self._write_between = now_ms, between
        self._end = -1
        self._partial = b""
        self.least = 0  # of the weights of its lines; lighter ones are dropped
        self._lines: Lines = []
        self._between = False
        self._spent = self._left_out = 0
        self._rest: asyncio.TimerHandle | None = None

    @property
    def flooded(self) -> bool:
        """Whether the worker has written more than is kept."""
        return self._left_out > 0

    def open(self) -> int:
        """Make the pipe that the worker's outputs are; its other end comes back."""
        self._end, write = os.pipe()
        os.set_blocking(self._end, False)
        asyncio.get_running_loop().add_reader(self._end, self._readable)
        return write

    def begin(self) -> int:
        """What is written from now on belongs to an event; so do the lines written while the function loaded.

        How many those are comes back.
        """
        self.read()
        if self._between:
            self._spent = 0
        self._between = False
        return len(self._lines)

    def finish(self) -> Lines:
        """The event is over: its lines, with all that is still in the pipe."""
        self.read()
        self._flush()
        if self._left_out:
            told = (f"cloudlet left out {self._left_out} bytes of log: "
                    f"a function may write {EVENT_LIMIT} bytes from one event to the next.")
            self._lines.append((self._now_ms(), told))
            self._left_out = 0
        lines, self._lines, self._between = self._lines, [], True
        return lines

    def add(self, text: bytes) -> None:
        """One log entry, after what was written before it."""
        self.read()
        for start in range(0, max(len(text), 1), LINE_LIMIT):
            self._add(text[start : start + LINE_LIMIT])

    def read(self) -> None:
        """Take over what the pipe holds, up to a measure."""
        for _ in range(_PIECES):
            if self._end < 0:
                return
            try:
                piece = os.read(self._end, _PIECE)
            except BlockingIOError:
                return
            if not piece:
                self.close()
                return
            *lines, self._partial = (self._partial + piece).split(b"\n")
            for line in lines:
                self._add(line)
            while len(self._partial) > LINE_LIMIT:
                self._add(self._partial[:LINE_LIMIT])
                self._partial = self._partial[LINE_LIMIT:]

    def end(self) -> None:
        """The worker has ended: take over the last it wrote, and close."""
        self.read()
        self._flush()
        self.close()

    def close(self) -> None:
        """Close the pipe."""
        if self._rest:
            self._rest.cancel()
            self._rest = None
        if self._end >= 0:
            asyncio.get_running_loop().remove_reader(self._end)
            os.close(self._end)
            self._end = -1

    def _readable(self) -> None:
        self.read()
        if self.flooded and self._end >= 0:  # whoever writes must wait for the pipe to have room
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._end)
            self._rest = loop.call_later(REST_S, self._go_on)

    def _go_on(self) -> None:
        self._rest = None
        asyncio.get_running_loop().add_reader(self._end, self._readable)

    def _flush(self) -> None:
        if self._partial:
            self._add(self._partial)
            self._partial = b""

    def _add(self, line: bytes) -> None:
        if self._spent > EVENT_LIMIT:
            self._left_out += len(line) + 1
            return
        self._spent += len(line) + _LINE_COST
        text = _text_of(line[:LINE_LIMIT])
        if self.least and levels.weight(text) < self.least:
            return
        entry = (self._now_ms(), text)
        if self._between:
            self._write_between([entry])  # of a thread or process that goes on
        else:
            self._lines.append(entry)


def _text_of(line: bytes) -> str:
    """A line that was written; zeros are the line ends of an entry of several lines, as runtimes write it."""
    return line.lstrip(b"\0").replace(b"\0", b"\n").decode("utf-8", "replace")

"""A response on its way from the worker that writes it to whoever reads it, a little at a time.

What the reader has not taken yet is bounded: beyond that the worker's channel is left unread, and so a
slow reader slows the function down. A reader that goes away does not stop it: the rest is dropped.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

HIGH, LOW = 1 << 20, 256 << 10  # bytes unread before the worker must wait, and until it may go on


class Channel(Protocol):
    """What can be left unread for a while."""

    def hold(self) -> None: ...
    def unhold(self) -> None: ...


class ResponseStream:
    """What a worker has written of one response. ``limit`` is how many bytes it may write in all."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0  # bytes written so far
        self.content_type = ""  # as the function says it; empty if it doesn't
        self.version = ""  # of the function that runs, once it is chosen
        self.ended = False
        self._pieces: deque[bytes] = deque()
        self._unread = 0
        self._dropping = False
        self._channel: Channel | None = None
        self._news = asyncio.Event()

    @property
    def exceeded(self) -> bool:
        """Whether more was written than a response may have; what is beyond the limit is lost."""
        return self.size > self.limit

    # -- the worker's side

    def attach(self, channel: Channel) -> None:
        """Let ``channel`` wait while the reader has enough."""
        self._channel = channel

    def detach(self) -> None:
        """Nothing more comes through the channel: it is free for the next invocation."""
        channel, self._channel = self._channel, None
        if channel:
            channel.unhold()

    def describe(self, content_type: str) -> None:
        """The function says what it is going to write; the answer may begin."""
        self.content_type = content_type
        self._news.set()

    def write(self, piece: bytes) -> bool:
        """Take a piece of the response; False if that is more than a response may have."""
        self.size += len(piece)
        if self.exceeded:
            return False
        if piece and not self._dropping:
            self._pieces.append(piece)
            self._unread += len(piece)
            self._news.set()
            if self._unread > HIGH and self._channel:
                self._channel.hold()
        return True

    def end(self) -> None:
        """The invocation is over, well or not."""
        self.ended = True
        self.detach()
        self._news.set()

    # -- the reader's side

    async def begun(self) -> None:
        """Until something of the answer is known, or the invocation is over."""
        while not (self.size or self.content_type or self.ended):
            self._news.clear()
            await self._news.wait()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._unread -= len(piece)
                if self._unread < LOW and self._channel:
                    self._channel.unhold()
                yield piece
            if self.ended:
                return
            self._news.clear()
            await self._news.wait()

    def rest(self) -> bytes:
        """All that was written and is unread, as one piece."""
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._unread = 0
        return whole

    def abandon(self) -> None:
        """Nobody reads on: drop what comes."""
        self._dropping = True
        self.rest()
        if self._channel:
            self._channel.unhold()

"""What every store promises: an ordered map of bytes, read and written in transactions.

Six verbs and savepoints, two drivers (:mod:`.sqlite`, :mod:`.postgres`), one conformance suite. Tables,
logs and agendas are layers above; nothing in cloudlet speaks SQL but those two files.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

T = TypeVar("T")
Pair = tuple[bytes, bytes]
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # what systems say when there is no more room
FREE_SPACE = "Free some space on the disk of the data folder, then send it again."
VERSION = 2  # of the layout of keys and records; a store of a newer one is refused


class StoreError(Exception):
    """The store can't be opened or written; the message says why and what to do."""


class Unsettled(StoreError):
    """The answer to a commit was lost: whether the transaction was kept is not known."""


class Newer(StoreError):
    """The data was written by a newer cloudlet."""


class Transaction(Protocol):
    """A snapshot of the map, alive inside one ``Store.transact``.

    Two transactions that write one key collide and one is run again. Two that each read what the other writes
    do not: where they run one at a time (SQLite) all may rely on all they read, but what must still be so at
    the commit of any driver is read ``steady`` or ``alone``, or written.
    """

    def get(self, key: bytes) -> bytes | None:
        """The value under ``key``, or None."""

    def steady(self, key: bytes) -> bytes | None:
        """The value under ``key``, which nobody writes until this transaction is over; many may read it so.

        If somebody has written it since the transaction began, that is run again.
        """

    def alone(self, key: bytes) -> bytes | None:
        """The value under ``key``; who read it ``steady`` is done and seen, and nobody reads it so meanwhile.

        For who must know that *nothing* lies in a range: whoever puts something there reads the key steady.
        """

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value``."""

    def delete(self, key: bytes) -> None:
        """Forget ``key``; no error if it was not there."""

    def scan(self, start: bytes, stop: bytes, *, limit: int = -1, reverse: bool = False) -> Iterator[Pair]:
        """Pairs with ``start <= key < stop``, in key order. Write while you iterate only what you passed."""

    def claim(self, start: bytes, stop: bytes, *, limit: int) -> list[Pair]:
        """Like ``scan``, but pairs that another transaction has claimed are passed over."""

    def ring(self, bell: str) -> None:
        """Wake whoever listens for ``bell``, once this transaction is committed."""

    def savepoint(self) -> AbstractContextManager[None]:
        """If the block raises, what it wrote and rang is undone and the error goes on; else nothing happens.

        A :class:`StoreError` inside still fails the whole transaction, whoever catches it.
        """


class Bell(Protocol):
    """Somebody's ear for one or more bells."""

    async def wait(self) -> None:
        """Until one of the bells has rung since the last ``wait`` (or since ``listen``)."""

    def rung(self) -> bool:
        """Whether one of the bells has rung since this was last asked; never waits."""

    def close(self) -> None:
        """Listen no more."""


class Store(Protocol):
    """The map itself."""

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` atomically and give its result once it is durable.

        ``work`` may run more than once when transactions collide, so it must touch the
        world only through its transaction.
        """

    def listen(self, *bells: str) -> Bell:
        """Hear ``bells`` from now on."""

    def close(self) -> None:
        """Release every resource."""


class Scope(Protocol):
    """Where a record lives: what a shape needs to know of a call."""

    @property
    def tx(self) -> Transaction: ...
    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...

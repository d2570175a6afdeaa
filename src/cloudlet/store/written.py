"""What a transaction has written and its store does not have yet.

It is kept in the order of its keys, so that a scan sees it among what is stored, and with what each write
replaced, so that a part of it can be taken back.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from itertools import islice

from .api import Pair

_Read = Callable[[int], Iterator[Pair]]  # the first so many stored pairs of a range; -1: all


class Written:
    """Values by key; None stands for one that is deleted."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes | None] = {}
        self._keys: list[bytes] = []  # in order
        self._replaced: list[tuple[bytes, bytes | None, bool]] = []  # and whether there was such a write

    def __len__(self) -> int:
        return len(self._keys)

    def set(self, key: bytes, value: bytes | None) -> None:
        """Write (or, with None, delete)."""
        known = key in self.values
        self._replaced.append((key, self.values.get(key), known))
        if not known:
            insort(self._keys, key)
        self.values[key] = value

    def mark(self) -> int:
        """How far it is now."""
        return len(self._replaced)

    def take_back(self, mark: int) -> None:
        """Forget what was written since ``mark``."""
        while len(self._replaced) > mark:
            key, value, known = self._replaced.pop()
            if known:
                self.values[key] = value
            else:
                del self.values[key], self._keys[bisect_left(self._keys, key)]

    def puts(self) -> list[Pair]:
        """What is set, in the order of keys: that is how a store writes fastest."""
        return [(key, value) for key in self._keys if (value := self.values[key]) is not None]

    def deletes(self) -> list[tuple[bytes]]:
        """What is deleted, likewise."""
        return [(key,) for key in self._keys if self.values[key] is None]

    def among(self, read: _Read, start: bytes, stop: bytes, limit: int, reverse: bool) -> Iterator[Pair]:
        """The pairs of a range as they will be: what ``read`` finds stored there, and what is written."""
        first = bisect_left(self._keys, start)
        keys = self._keys[first : max(first, bisect_left(self._keys, stop))]
        if not keys:
            return read(limit)
        written = {key: self.values[key] for key in (reversed(keys) if reverse else keys)}
        stored = read(limit + len(keys) if limit >= 0 else -1)  # as many of them may be written anew
        both = heapq.merge((pair for pair in stored if pair[0] not in written),
                           ((key, value) for key, value in written.items() if value is not None),
                           reverse=reverse)
        return islice(both, limit) if limit >= 0 else both

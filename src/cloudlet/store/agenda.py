"""Agenda: work ordered by the moment it falls due.

Messages, timers, retries, schedules, waits and deliveries are all rows of one. Hiding a message
is postponing it; delaying it is adding it later; losing a worker is letting its lease lapse.
"""

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

import msgspec

from .api import Scope
from .keys import Part, pack, unpack
from .table import SHAPES, Reach, prefix_of

W = TypeVar("W", bound=msgspec.Struct)
_ENCODE = msgspec.msgpack.Encoder().encode


class Due(NamedTuple, Generic[W]):
    """One piece of work, and the moment it is (again) due."""

    at_ms: int
    id: str
    work: W


class Agenda(Generic[W]):
    """Work of one type; each ``within`` (a queue's name, say) is an agenda of its own."""

    def __init__(self, name: str, work: type[W], *, reach: Reach = "region") -> None:
        self.name, self.reach = name, reach
        self.decode = msgspec.msgpack.Decoder(work).decode
        SHAPES[name] = self

    def add(self, scope: Scope, *within: Part, at_ms: int, id: str, work: W) -> None:
        """Put ``work`` under the moment ``at_ms``."""
        scope.tx.put(self._prefix(scope, within) + pack((at_ms, id)), _ENCODE(work))

    def get(self, scope: Scope, *within: Part, at_ms: int, id: str) -> W | None:
        """The work under that moment and name, or None if it moved or is done."""
        raw = scope.tx.get(self._prefix(scope, within) + pack((at_ms, id)))
        return None if raw is None else self.decode(raw)

    def remove(self, scope: Scope, *within: Part, at_ms: int, id: str) -> None:
        """Forget a piece of work."""
        scope.tx.delete(self._prefix(scope, within) + pack((at_ms, id)))

    def due(self, scope: Scope, *within: Part, now_ms: int, limit: int) -> list[Due[W]]:
        """Up to ``limit`` pieces due by ``now_ms``, the oldest first, that nobody else is about to take.

        They stay where they are: the caller removes or postpones each in the same transaction.
        """
        prefix = self._prefix(scope, within)
        pairs = scope.tx.claim(prefix, prefix + pack((now_ms + 1,)), limit=limit)
        return [self._due(prefix, key, raw) for key, raw in pairs]

    def take(self, scope: Scope, *within: Part, now_ms: int, limit: int, until_ms: int) -> list[Due[W]]:
        """Up to ``limit`` pieces due by ``now_ms``, each postponed to ``until_ms``."""
        found = self.due(scope, *within, now_ms=now_ms, limit=limit)
        prefix = self._prefix(scope, within)
        for due in found:
            scope.tx.delete(prefix + pack((due.at_ms, due.id)))
            scope.tx.put(prefix + pack((until_ms, due.id)), _ENCODE(due.work))
        return [Due(until_ms, due.id, due.work) for due in found]

    def items(self, scope: Scope, *within: Part, limit: int = -1) -> Iterator[Due[W]]:
        """All work, by moment."""
        prefix = self._prefix(scope, within)
        for key, raw in scope.tx.scan(prefix, prefix + b"\xff", limit=limit):
            yield self._due(prefix, key, raw)

    def earliest_ms(self, scope: Scope, *within: Part) -> int | None:
        """When the next piece falls due; None if there is none."""
        prefix = self._prefix(scope, within)
        for key, _ in scope.tx.scan(prefix, prefix + b"\xff", limit=1):
            return int(unpack(key[len(prefix) :])[0])
        return None

    def clear(self, scope: Scope, *within: Part) -> None:
        """Forget everything."""
        prefix = self._prefix(scope, within)
        for key, _ in list(scope.tx.scan(prefix, prefix + b"\xff")):
            scope.tx.delete(key)

    def _prefix(self, scope: Scope, within: tuple[Part, ...]) -> bytes:
        return prefix_of(scope, self.reach, self.name) + pack(within)

    def _due(self, prefix: bytes, key: bytes, raw: bytes) -> Due[W]:
        at_ms, id = unpack(key[len(prefix) :])[-2:]
        return Due(int(at_ms), str(id), self.decode(raw))

"""An execution's memory on its own prefix of the store.

What a step writes is held back until the step's other consequences are written, too: an execution that ends
well in its first step leaves no trace here, and what is written twice is written once.
"""

from collections.abc import Iterator

from ...kernel import Call
from ...store.keys import pack, unpack
from ...store.table import prefix_of
from ...workflow.records import Key


class Rows:
    """The records of one execution, seen from one transaction."""

    def __init__(self, call: Call, run: str) -> None:
        self._tx = call.tx
        self._prefix = prefix_of(call, "region", "states.memory") + pack((run,))
        self._new: dict[Key, bytes | None] = {}

    def get(self, key: Key, /) -> bytes | None:
        """A record."""
        return self._new[key] if key in self._new else self._tx.get(self._prefix + pack(key))

    def put(self, key: Key, value: bytes, /) -> None:
        """Keep a record."""
        self._new[key] = value

    def delete(self, key: Key, /) -> None:
        """Forget a record, if it is there."""
        self._new[key] = None

    def scan(self, kind: str, strand: int, /) -> Iterator[tuple[Key, bytes]]:
        """The records of one kind of one strand, by their index."""
        self.flush()
        start = self._prefix + pack((kind, strand))
        for key, value in self._tx.scan(start, start + b"\xff"):
            yield (kind, strand, int(unpack(key[len(start):])[0])), value

    def flush(self) -> None:
        """Write what was held back."""
        for key, value in self._new.items():
            if value is None:
                self._tx.delete(self._prefix + pack(key))
            else:
                self._tx.put(self._prefix + pack(key), value)
        self._new.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._new.clear()
        for key, _ in list(self._tx.scan(self._prefix, self._prefix + b"\xff")):
            self._tx.delete(key)

"""Whether the store is as it should be: rows are read, indexes held against their tables, bodies found.

An examination is one transaction's look at all of it. What belongs to a shape is checked here; what only a
service knows, its ``integrity.py`` checks (``def examine(exam)``), and says which bodies it needs. A finding
says what is wrong, where, and what ``repair`` would do. What is taken out of the store is put into a
quarantine, in the same transaction: nothing that could still be read is thrown away.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from .agenda import Agenda
from .api import Pair, Transaction
from .blobs import Blobs, references
from .keys import Key, Part, pack, unpack
from .log import Log
from .table import SHAPES, Table, prefix_of

_AT_ONCE = 1000
_ALL = b"\xff" * 16
_DIGEST = 64  # digits of a body's name that is its SHA-256
Repair = Callable[[], None]
Counted = Mapping[str, int]


class Finding(msgspec.Struct):
    """One thing that is wrong. ``remedy`` is what a repair does; ``repair`` does it, None if nobody can."""

    area: str
    kind: str
    where: str
    what: str
    remedy: str
    repair: Repair | None = None
    repaired: bool = False


class Quarantined(msgspec.Struct):
    """A row that was taken out of the store."""

    key: bytes
    value: bytes
    why: str


class View(msgspec.Struct, frozen=True):
    """A scope of an examination."""

    tx: Transaction
    account: str = ""
    region: str = ""


class Shelf(msgspec.Struct, frozen=True):
    """Where the rows of one shape lie in one account and region."""

    account: str
    region: str
    name: str

    @property
    def prefix(self) -> bytes:
        """What their keys begin with."""
        return pack((self.account, self.region, self.name))


quarantine = Log("quarantine", Quarantined, reach="global")


class Examination:
    """A look at the whole store. ``deep`` reads every byte of every body; else only their sizes are compared.

    ``settled``: no cloudlet is at work, so a file that nobody refers to is nobody's.
    """

    def __init__(self, tx: Transaction, blobs: Blobs, *, deep: bool, settled: bool, now_ms: int) -> None:
        self.tx, self.blobs, self.deep, self.settled, self.now_ms = tx, blobs, deep, settled, now_ms
        self.everywhere = View(tx)
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.afterwards: list[Repair] = []  # of files, once what was repaired in the store is committed
        self._needed: set[bytes] = set()
        self._owners: list[Callable[[str], bool]] = []
        self.shelves = list(shelves(tx))

    def found(self, area: str, kind: str, where: str, what: str, remedy: str = "",
              repair: Repair | None = None) -> None:
        """Something is wrong."""
        self.findings.append(Finding(area, kind, where, what, remedy, repair))

    def views(self, name: str) -> Iterator[View]:
        """Every account and region in which there is something of the shape ``name``."""
        for shelf in self.shelves:
            if shelf.name == name:
                yield View(self.tx, shelf.account, shelf.region)

    def rows(self, start: bytes, stop: bytes = b"") -> Iterator[Pair]:
        """The rows whose keys begin with ``start`` (or lie between the two), some at a time."""
        stop = stop or start + _ALL
        while True:
            pairs = list(self.tx.scan(start, stop, limit=_AT_ONCE))
            yield from pairs
            if len(pairs) < _AT_ONCE:
                return
            start = pairs[-1][0] + b"\0"

    def records(self, view: View, table: Table[Any] | Agenda[Any], *within: Part
                ) -> Iterator[tuple[Key, Any]]:
        """The records of a table (or an agenda) that can be read; those that can't are found elsewhere."""
        prefix = prefix_of(view, table.reach, table.name)
        for key, raw in self.rows(prefix + pack(within)):
            try:
                yield unpack(key[len(prefix):]), table.decode(raw)
            except (msgspec.DecodeError, ValueError):
                continue

    def need(self, area: str, body: str, owner: str, where: str) -> bool:
        """``owner`` needs a body: whether its file is there. It should refer to it, too."""
        self._needed.add(_mark(body, owner))
        if references.get(self.everywhere, body, owner) is None:
            self.found(area, "reference", where, f"it needs the body {body} and does not refer to it",
                       "let it refer to it", partial(self.blobs.refer, self.everywhere, body, owner))
        return self.blobs.path(body).exists()

    def tally(self, area: str, where: str, said: Counted, found: Counted, correct: Repair) -> None:
        """What is kept as a sum is ``said`` to be so, and was ``found`` by counting."""
        self.counts["tallies"] += 1
        wrong = [f"{name}: {said.get(name, 0)} instead of {found.get(name, 0)}"
                 for name in sorted({*said, *found}) if said.get(name, 0) != found.get(name, 0)]
        if wrong:
            self.found(area, "tally", where, f"it is counted wrongly: {', '.join(wrong)}", "count again",
                       correct)

    def answer_for(self, owns: Callable[[str], bool]) -> None:
        """Whoever calls has named all that is needed by the owners that ``owns`` knows."""
        self._owners.append(owns)

    def taking(self, view: View, table: Table[Any], key: Key, why: str = "it can't be served") -> Repair:
        """What takes a record out of the store, and keeps it in quarantine."""
        return partial(self.isolate, prefix_of(view, table.reach, table.name) + pack(key), why)

    def forget_reference(self, body: str, owner: str) -> None:
        """Put a reference to a body that is missing into quarantine."""
        self.taking(self.everywhere, references, (body, owner), "its body is missing")()

    def isolate(self, key: bytes, why: str) -> None:
        """Take a row out of the store, and keep it in quarantine."""
        raw = self.tx.get(key)
        if raw is not None:
            quarantine.append(self.everywhere, entry=Quarantined(key, raw, why))
            self.tx.delete(key)

    def examine_shapes(self) -> None:
        """Read every record of every shape, and hold the indexes of tables against them."""
        for shelf in self.shelves:
            base, _, index = shelf.name.rpartition("/")
            shape, table = SHAPES.get(shelf.name), SHAPES.get(base)
            if shape is not None:
                self._examine_records(shelf, shape)
            elif isinstance(table, Table) and index in table.indexes:
                self._examine_index(shelf, table, index)

    def _examine_records(self, shelf: Shelf, shape: Any) -> None:
        prefix = shelf.prefix
        for key, raw in self.rows(prefix):
            self.counts["rows"] += 1
            try:
                tail = key[len(prefix):]
                unpack(tail)
                record = shape.decode(raw)
            except (msgspec.DecodeError, ValueError, IndexError) as error:
                self.found(shelf.name, "row", said(key), f"it can't be read: {error}",
                           "put it into quarantine", partial(self.isolate, key, "it can't be read"))
                continue
            for index, key_of in shape.indexes.items() if isinstance(shape, Table) else ():
                wanted = key_of(record)
                if wanted is None:
                    continue
                entry = pack((shelf.account, shelf.region, f"{shelf.name}/{index}")) + pack(wanted) + tail
                if self.tx.get(entry) != tail:
                    self.found(shelf.name, "index", said(key), f"its index {index!r} has no entry for it",
                               "add the entry", partial(self.tx.put, entry, tail))

    def _examine_index(self, shelf: Shelf, table: Table[Any], index: str) -> None:
        prefix, own = shelf.prefix, pack((shelf.account, shelf.region, table.name))
        for key, tail in self.rows(prefix):
            self.counts["index entries"] += 1
            raw, wanted = self.tx.get(own + tail), None
            try:
                wanted = None if raw is None else table.indexes[index](table.decode(raw))
            except msgspec.DecodeError:
                continue  # found already
            if wanted is None or key != prefix + pack(wanted) + tail:
                what = "a record that is not there" if raw is None else "a record that has another key in it"
                self.found(table.name, "index", said(key), f"its index {index!r} has an entry for {what}",
                           "remove the entry", partial(self.tx.delete, key))

    def examine_bodies(self) -> None:
        """Hold references against files, and files against references; after every service was asked."""
        blobs, missing = self.blobs, set()
        for key, _ in self.rows(prefix_of(self.everywhere, "global", references.name)):
            body, owner = (str(part) for part in unpack(key)[3:])
            self.counts["references"] += 1
            if _mark(body, owner) not in self._needed and any(owns(owner) for owns in self._owners):
                self.found("blobs", "reference", owner, f"it refers to the body {body}, and does not need it",
                           "remove the reference", partial(self.tx.delete, key))
            elif body not in missing and not blobs.path(body).exists():
                missing.add(body)
                if not any(owns(owner) for owns in self._owners):
                    self.found("blobs", "body", owner, f"the body {body} it refers to is missing",
                               "put the reference into quarantine",
                               partial(self.isolate, key, "its body is missing"))
        for names in blobs.names():
            for name in names:
                self._examine_file(name)

    def _examine_file(self, name: str) -> None:
        blobs = self.blobs
        self.counts["bodies"] += 1
        if not blobs.is_referred(self.everywhere, name):
            if self.settled:
                keep = quarantine.last(self.everywhere) > 0  # it may belong to what lies there
                self.found("blobs", "orphan", str(blobs.path(name)), "nobody refers to this body",
                           "put the file into quarantine" if keep else "remove the file",
                           partial(self.afterwards.append, partial(blobs.set_aside, name, keep=keep)))
            else:
                self.counts["bodies that nobody refers to yet"] += 1
        elif self.deep and len(name) == _DIGEST and digest_of(blobs, name) != name:
            self.found("blobs", "checksum", str(blobs.path(name)), "the body is not what it is named by",
                       "none: upload it again, or restore a snapshot from another disk")


def shelves(tx: Transaction) -> Iterator[Shelf]:
    """Every account, region and name under which there are rows."""
    at = b""
    while True:
        first = next(iter(list(tx.scan(at, b"\xff", limit=1))), None)
        if first is None:
            return
        shelf = _shelf_of(first[0])
        if shelf is None:
            at = first[0] + b"\0"
            continue
        yield shelf
        at = shelf.prefix + b"\xff"


def said(key: bytes) -> str:
    """A key, for people."""
    try:
        parts = [part.hex() if isinstance(part, bytes) else str(part) for part in unpack(key)]
        return " ".join(part for part in parts if part)
    except (ValueError, IndexError):
        return key.hex()


def digest_of(blobs: Blobs, name: str) -> str:
    """The SHA-256 of a body."""
    digest = hashlib.sha256()
    for piece in blobs.read(name):
        digest.update(piece)
    return digest.hexdigest()


def _shelf_of(key: bytes) -> Shelf | None:
    """The first three parts of a key, which are texts; what follows may be packed in another way."""
    parts, at = [], 0
    for _ in range(3):
        end = key.find(b"\0", at)
        if key[at : at + 1] != b"\x02" or end < 0:
            return None
        parts.append(key[at + 1 : end].decode("utf-8", "surrogatepass"))
        at = end + 1
    return Shelf(*parts)


def _mark(body: str, owner: str) -> bytes:
    """Sixteen bytes for each of what may be millions."""
    return hashlib.blake2b(f"{body} {owner}".encode("utf-8", "surrogatepass"), digest_size=16).digest()

"""Tables and their indexes as they are kept.

A table's record is read by every request, so what was decoded is remembered by its bytes: the record
costs one read of the store and no decoding until it changes.
"""

import re
from functools import lru_cache

import msgspec

from ...arn import Arn
from ...errors import AwsError
from ...kernel import Call
from ...store import Table as Records
from ...store.keys import pack
from ...store.table import prefix_of
from .errors import ResourceNotFoundException, ValidationException

NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
ACTIVE, CREATING, UPDATING, DELETING = "ACTIVE", "CREATING", "UPDATING", "DELETING"


class KeyPart(msgspec.Struct, frozen=True):
    """One attribute of a key: S, N or B."""

    name: str
    kind: str


class Schema(msgspec.Struct, frozen=True):
    """What a key is made of. Only a global index may have several parts of a kind."""

    hash: tuple[KeyPart, ...]
    range: tuple[KeyPart, ...] = ()

    @property
    def parts(self) -> tuple[KeyPart, ...]:
        """All parts, the partition's first."""
        return self.hash + self.range

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes' names."""
        return tuple(part.name for part in self.parts)


class Throughput(msgspec.Struct, frozen=True):
    """Capacity units a second; 0 with on-demand billing."""

    read: int = 0
    write: int = 0
    increased_ms: int = 0
    decreased_ms: int = 0


class Index(msgspec.Struct, frozen=True):
    """A secondary index. ``number`` names its entries and is never used again in its table."""

    name: str
    number: int
    schema: Schema
    local: bool
    projection: str = "ALL"
    others: tuple[str, ...] = ()  # NonKeyAttributes of an INCLUDE projection
    throughput: Throughput = Throughput()
    most: tuple[int, int] = (-1, -1)  # on-demand request units, read and write; -1 is no limit
    status: str = ACTIVE
    backfilled: str = ""  # while it is filled: nothing is left out of queries, but none are answered


class Stream(msgspec.Struct, frozen=True):
    """A table's stream of changes."""

    label: str
    view: str
    enabled: bool = True


class Table(msgspec.Struct, frozen=True):
    """A table. ``rows`` names its items in the store, and those of this table alone."""

    name: str
    id: str
    rows: bytes
    schema: Schema
    created_ms: int
    on_demand: bool
    billing_ms: int
    throughput: Throughput
    indexes: tuple[Index, ...] = ()
    next_index: int = 1
    stream: Stream | None = None
    table_class: str = "STANDARD"
    class_ms: int = 0
    protected: bool = False
    ttl: str = ""  # the attribute that says when an item expires
    ttl_ms: int = 0  # when that was set
    tags: dict[str, str] = {}
    most: tuple[int, int] = (-1, -1)
    recovery_ms: int = 0

    def index(self, name: str) -> Index | None:
        """The index called ``name``."""
        return next((index for index in self.indexes if index.name == name), None)

    @property
    def plain(self) -> bool:
        """Whether a write touches nothing but the item: no index, stream or expiry."""
        return not (self.indexes or self.ttl or (self.stream and self.stream.enabled))


_NAME = "dynamodb.tables"
records = Records(_NAME, Table)
_decode = lru_cache(maxsize=1024)(msgspec.msgpack.Decoder(Table).decode)


@lru_cache(maxsize=4096)
def _key(account: str, region: str, name: str) -> bytes:
    return pack((account, region, _NAME, name))


def find(call: Call, name: str) -> Table | None:
    """The table called ``name`` (not an ARN), if there is one."""
    raw = call.tx.get(_key(call.account, call.region, name))
    return None if raw is None else _decode(raw)


def save(call: Call, table: Table) -> None:
    """Keep what changed of a table."""
    records.put(call, table.name, record=table)


def check_name(name: str) -> None:
    """A table's name."""
    for wrong, rule in ((len(name) < 3, "Member must have length greater than or equal to 3"),
                        (len(name) > 255, "Member must have length less than or equal to 255"),
                        (not NAME.fullmatch(name), "Member must satisfy regular expression pattern: "
                         "[a-zA-Z0-9_.-]+")):
        if wrong:
            raise ValidationException(f"1 validation error detected: Value '{name}' at 'tableName' failed to "
                                      f"satisfy constraint: {rule}")


def locate(call: Call, name_or_arn: str) -> tuple[Call, str]:
    """Where a table lies that a request names by name or by ARN."""
    if not name_or_arn.startswith("arn:"):
        if not NAME.fullmatch(name_or_arn):
            check_name(name_or_arn)
        return call, name_or_arn
    try:
        arn = Arn.parse(name_or_arn)
    except ValueError:
        raise ValidationException(f"Invalid table ARN: {name_or_arn}") from None
    kind, _, name = arn.resource.partition("/")
    if arn.service != "dynamodb" or kind != "table" or not name:
        raise ValidationException(f"Invalid table ARN: {name_or_arn}")
    if (arn.account, arn.region) != (call.account, call.region):
        call = call.elsewhere(account=arn.account, region=arn.region)
    return call, name.partition("/")[0]


def get(call: Call, name_or_arn: str) -> tuple[Call, Table]:
    """The table of a request for items, and the call as seen from where it lies."""
    there, name = locate(call, name_or_arn)
    table = find(there, name)
    if table is None:
        raise ResourceNotFoundException
    return there, table


def described(call: Call, name_or_arn: str) -> tuple[Call, Table]:
    """The table of a request about the table itself."""
    there, name = locate(call, name_or_arn)
    table = find(there, name)
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: Table: {name} not found")
    return there, table


def of_arn(call: Call, arn: str) -> tuple[Call, Table]:
    """The table of a request that names its resource by ARN only."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise ValidationException(f"Invalid ResourceArn provided as input: ARNs must start with 'arn:': "
                                  f"{arn}") from None
    kind, _, name = parsed.resource.partition("/")
    if parsed.service != "dynamodb" or kind != "table" or not name or "/" in name:
        raise ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    there = call.elsewhere(account=parsed.account, region=parsed.region)
    table = find(there, name)
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: ResourcArn: {arn} not found")
    return there, table


def arn_of(call: Call, table: Table) -> str:
    """The table's ARN."""
    return call.arn(f"table/{table.name}", "dynamodb")


def stream_arn(call: Call, table: Table) -> str:
    """The ARN of the table's latest stream."""
    assert table.stream
    return f"{arn_of(call, table)}/stream/{table.stream.label}"


@lru_cache(maxsize=4096)
def _rows(account: str, region: str, rows: bytes, index: int) -> bytes:
    return pack((account, region, "dynamodb.items", rows, index))


def space(call: Call, table: Table, index: Index | None = None) -> bytes:
    """What the keys of a table's items, or of an index's entries, start with."""
    return _rows(call.account, call.region, table.rows, index.number if index else 0)


__all__ = ["AwsError", "Index", "KeyPart", "Schema", "Stream", "Table", "Throughput", "prefix_of"]

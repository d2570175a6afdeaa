"""Tables and their indexes as they are kept.

A table's record is read by every request, so what was decoded is remembered by its bytes: the record
costs one read of the store and no decoding until it changes.
"""

import re
from functools import lru_cache

import msgspec

from ...arn import Arn
from ...errors import AccessDeniedException, AwsError
from ...identity import service_principal
from ...kernel import Call
from ...kernel.permissions import judge
from ...store import Table as Records
from ...store.keys import pack
from ...store.table import prefix_of
from .errors import ResourceNotFoundException, ValidationException

NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
REPLICATION = service_principal("replication.dynamodb", "")
_READS = frozenset(("GetItem", "BatchGetItem", "Query", "Scan", "PartiQLSelect"))
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
    decreases: int = 0  # on the (UTC) day of the last


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
    warm: tuple[int, int] = (0, 0)


class Stream(msgspec.Struct, frozen=True):
    """A table's stream of changes."""

    label: str
    view: str
    enabled: bool = True


class Restored(msgspec.Struct, frozen=True):
    """What a table was restored from, and to which moment."""

    table_arn: str
    backup_arn: str
    at_ms: int


class Destination(msgspec.Struct, frozen=True):
    """A Kinesis stream that is told of every change."""

    arn: str
    status: str = ACTIVE
    micros: bool = False  # whether moments are told in microseconds


class Replica(msgspec.Struct, frozen=True):
    """The same table in another region."""

    region: str
    status: str = ACTIVE


class Policy(msgspec.Struct, frozen=True):
    """A resource policy, as it was given. Each change gives it another revision."""

    text: str = ""
    revision: str = ""


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
    recovery_ms: int = 0  # since when there is point-in-time recovery; 0: there is none
    recovery_days: int = 35
    status: str = ACTIVE  # CREATING while a restore, an import or a replica fills it
    history: bytes = b""  # under which each write keeps what it replaces (:mod:`.history`); empty: none does
    epoch: int = 0  # how often it was asked for as it is at a moment
    restored: Restored | None = None
    destinations: tuple[Destination, ...] = ()
    replicas: tuple[Replica, ...] = ()  # elsewhere
    policy: Policy = Policy()
    warm: tuple[int, int] = (0, 0)  # read and write units a second that were asked for ahead; 0: the default

    def index(self, name: str) -> Index | None:
        """The index called ``name``."""
        return next((index for index in self.indexes if index.name == name), None)

    @property
    def plain(self) -> bool:
        """Whether a write touches nothing but the item: no index, stream, expiry, history or replica."""
        return not (self.indexes or self.ttl or self.history or self.destinations or self.replicas
                    or (self.stream and self.stream.enabled))


_NAME = "dynamodb.tables"
records = Records(_NAME, Table)
_decode = lru_cache(maxsize=1024)(msgspec.msgpack.Decoder(Table).decode)


@lru_cache(maxsize=4096)
def _key(account: str, region: str, name: str) -> bytes:
    return pack((account, region, _NAME, name))


def find(call: Call, name: str, *, steady: bool = False) -> Table | None:
    """The table called ``name`` (not an ARN), if there is one; ``steady`` for who writes its items."""
    key = _key(call.account, call.region, name)
    raw = call.tx.steady(key) if steady else call.tx.get(key)
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


@lru_cache(maxsize=1024)
def _is_name(text: str) -> bool:
    return NAME.fullmatch(text) is not None


def locate(call: Call, name_or_arn: str) -> tuple[Call, str]:
    """Where a table lies that a request names by name or by ARN."""
    if not name_or_arn.startswith("arn:"):
        if not _is_name(name_or_arn):
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


def below(call: Call, arn: str, kind: str) -> tuple[Call, str, str]:
    """What lies below a table (``table/NAME/backup/ID``): the call as seen from there, and both names."""
    try:
        parsed = Arn.parse(arn)
        table, name, within, id = parsed.resource.split("/")
    except ValueError:
        table = within = ""
    if (table, within) != ("table", kind) or parsed.service != "dynamodb":
        raise ValidationException(f"Invalid {kind.capitalize()}Arn: {arn}")
    return call.elsewhere(account=parsed.account, region=parsed.region), name, id


def get(call: Call, name_or_arn: str, action: str = "") -> tuple[Call, Table]:
    """The table of a request for items, and the call as seen from where it lies; its policy is asked.

    For who writes items it stays as it is: an index that comes meanwhile would not have what he writes.
    """
    there, name = locate(call, name_or_arn)
    table = find(there, name, steady=action not in _READS)
    if table is None or table.status == CREATING:
        raise ResourceNotFoundException
    if there is not call or table.policy.text:
        permit(there, table, action)
    return there, table


def permit(call: Call, table: Table, action: str) -> None:
    """Let the caller do ``action`` with the table, or raise AccessDeniedException; ``call`` is as seen from
    the table's account. Its policy must allow it to another account, and may deny it to its own.
    """
    permit_arn(call, arn_of(call, table), table.policy.text, action)


def permit_arn(call: Call, arn: str, policy: str, action: str) -> None:
    """The same of anything with a policy, or without one: that is for its own account alone."""
    outside = call.principal.account != call.account and call.principal != REPLICATION
    if outside or policy:
        verdict = judge(call, f"dynamodb:{action}", arn, policy)
        if verdict.decision.explicit or (outside and not verdict.allowed):
            raise AccessDeniedException(verdict.sentence)


def is_denied(call: Call, policy: str, action: str, arn: str) -> bool:
    """Whether a policy denies the caller ``action`` on an ARN."""
    return judge(call, f"dynamodb:{action}", arn, policy).decision.explicit


def described(call: Call, name_or_arn: str, action: str = "") -> tuple[Call, Table]:
    """The table of a request about the table itself; its policy is asked."""
    there, name = locate(call, name_or_arn)
    table = find(there, name)
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: Table: {name} not found")
    if there is not call or table.policy.text:
        permit(there, table, action)
    return there, table


def of_arn(call: Call, arn: str, action: str = "") -> tuple[Call, Table]:
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
    permit(there, table, action)
    return there, table


def arn_of(call: Call, table: Table) -> str:
    """The table's ARN."""
    return arn_named(call, table.name)


def arn_named(call: Call, name: str) -> str:
    """The ARN that a table of that name has."""
    return call.arn(f"table/{name}", "dynamodb")


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

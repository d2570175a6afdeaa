"""How mappings and pipes read a stream that is kept in shards, whichever service it belongs to."""

from collections.abc import Callable

from ..arn import Arn
from ..kernel import Call
from .shards import Entry, Shard, Shards, Stream, bell
from .sources import Page, Part, Record

Find = Callable[[Call, str], Stream | None]  # where the stream lies, and the resource that its ARN names
Horizon = Callable[[Call, Stream, Shard], int]
Render = Callable[[Call, Stream, Entry, str, str], Record]  # … the ARN that is read, and the shard


class ShardSource:
    """What :class:`.sources.Stream` asks of a stream in shards.

    ``horizon`` is the number of the last record that can't be read any more.
    """

    def __init__(self, shards: Shards, find: Find, horizon: Horizon, render: Render) -> None:
        self._shards, self._found, self._horizon, self._render = shards, find, horizon, render

    def find(self, call: Call, arn: str) -> tuple[Call, Stream | None]:
        """Where the stream lies, and the stream if it is there."""
        parsed = Arn.parse(arn)
        there = call.elsewhere(account=parsed.account, region=parsed.region)
        return there, self._found(there, parsed.resource)

    def bells(self, call: Call, arn: str, shard: str) -> tuple[str, ...]:
        """What rings when there is more."""
        _, stream = self.find(call, arn)
        return () if stream is None else (bell(stream, shard),)

    def parts(self, call: Call, arn: str) -> list[Part]:
        """All shards."""
        there, stream = self.find(call, arn)
        return [] if stream is None else [_shown(shard) for shard in self._shards.shards(there, stream)]

    def part(self, call: Call, arn: str, shard: str) -> Part | None:
        """One shard, if it is there."""
        found = self._shard(call, arn, shard)[2]
        return None if found is None else _shown(found)

    def place(self, call: Call, arn: str, shard: str, position: str, at_ms: int) -> int:
        """The number after which one begins who begins at a position."""
        there, stream, found = self._shard(call, arn, shard)
        if stream is None or found is None:
            return 0
        if position == "LATEST":
            return self._shards.last(there, stream, found)
        after = self._shards.before(there, stream, found, at_ms) if position == "AT_TIMESTAMP" else 0
        return max(after, self._horizon(there, stream, found))

    def read(self, call: Call, arn: str, shard: str, after: int, limit: int, lane: int, lanes: int) -> Page:
        """The records of a lane after a number."""
        there, stream, found = self._shard(call, arn, shard)
        if stream is None or found is None:
            return Page([], after)
        after = max(after, self._horizon(there, stream, found))
        entries, upto = self._shards.read_lane(there, stream, found, after, limit, lane, lanes)
        return Page([self._render(there, stream, entry, arn, shard) for entry in entries], upto)

    def _shard(self, call: Call, arn: str, shard: str) -> tuple[Call, Stream | None, Shard | None]:
        there, stream = self.find(call, arn)
        return there, stream, self._shards.shard(there, stream, shard) if stream is not None else None


def _shown(shard: Shard) -> Part:
    return Part(shard.id, shard.parents, shard.base, -1 if shard.is_open else shard.last)

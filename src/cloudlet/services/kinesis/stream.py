"""A stream: what is kept of it beside its shards, and how requests name it."""

from typing import Any

import msgspec

from ...arn import Arn
from ...fabric.shards import Shard, Stream
from ...kernel import Call
from ...kernel.permissions import judge
from . import limits
from .errors import AccessDeniedException, InvalidArgumentException, ResourceNotFoundException
from .service import streams

HOUR_MS = 3_600_000
_KIND = "stream"


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is the service's own in a stream.

    ``spread``: records go to any shard, whatever their keys. ``hidden_ms``: what came before that moment
    stays out of sight, though more may be kept now. ``policy`` is JSON as it was given.
    """

    on_demand: bool = False
    record_kib: int = limits.RECORD_KIB[0]
    spread: bool = False
    tags: dict[str, str] = {}
    policy: str = ""
    hidden_ms: int = 0
    resized: tuple[int, ...] = ()  # when UpdateShardCount was called, within a day
    switched: tuple[int, ...] = ()  # when UpdateStreamMode was


def settings_of(stream: Stream) -> Settings:
    """What is the service's own in a stream."""
    return msgspec.convert(stream.about, Settings)


def about(settings: Settings) -> dict[str, Any]:
    """Settings as they are kept with a stream."""
    found: dict[str, Any] = msgspec.to_builtins(settings)
    return found


def save(call: Call, stream: Stream, settings: Settings, kept_ms: int | None = None) -> Stream:
    """The stream with these settings, and perhaps another retention."""
    return streams.change(call, stream, about=about(settings), kept_ms=kept_ms)


def lookup(call: Call, name: str | None, arn: str | None, action: str) -> tuple[Call, Stream]:
    """The stream that a request means, and the call as seen from the account that owns it.

    Whether another account may do ``action`` is for the stream's policy to say.
    """
    if arn is None:
        if name is None:
            raise InvalidArgumentException("Either StreamName or StreamARN must be given.")
        return call, require(call, name)
    there, named = of_arn(call, arn)
    if name is not None and name != named:
        raise InvalidArgumentException(f"StreamName {name} is not the stream of StreamARN {arn}.")
    stream = require(there, named)
    if is_foreign(there):
        permit(there, arn, settings_of(stream).policy, action)
    return there, stream


def require(call: Call, name: str) -> Stream:
    """The stream called ``name``."""
    stream = streams.find(call, name)
    if stream is None:
        raise absent(call, name)
    return stream


def absent(call: Call, name: str) -> ResourceNotFoundException:
    """There is no such stream."""
    return ResourceNotFoundException(f"{told(call, name)} not found.")


def told(call: Call, name: str) -> str:
    """A stream as AWS's sentences name it."""
    return f"Stream {name} under account {call.account}"


def of_arn(call: Call, arn: str) -> tuple[Call, str]:
    """The name of the stream that an ARN means, and the call as seen from its account."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise InvalidArgumentException(f"{arn} is not the ARN of a stream.") from None
    kind, _, name = parsed.resource.partition("/")
    if parsed.service != "kinesis" or kind != _KIND or not name or "/" in name:
        raise InvalidArgumentException(f"{arn} is not the ARN of a stream.")
    there = call if parsed.account == call.account else call.elsewhere(account=parsed.account)
    if parsed.region != call.region:
        raise absent(there, name)  # each region is a Kinesis of its own
    return there, name


def arn_of(call: Call, name: str) -> str:
    """The ARN of the stream called ``name``."""
    return call.arn(f"{_KIND}/{name}", "kinesis")


def is_foreign(call: Call) -> bool:
    """Whether the caller is of another account; services act with roles of the stream's own."""
    return call.principal.account != call.account


def permit(call: Call, arn: str, policy: str, action: str) -> None:
    """Let a caller from outside the account do ``action`` to ``arn``, if its policy does."""
    verdict = judge(call, f"kinesis:{action}", arn, policy)
    if not verdict.allowed:
        raise AccessDeniedException(verdict.sentence)


def horizon(call: Call, stream: Stream, shard: Shard) -> int:
    """The number of the last record that can't be read any more."""
    hidden_ms = settings_of(stream).hidden_ms
    if hidden_ms > call.now_ms - stream.kept_ms:
        return streams.before(call, stream, shard, hidden_ms)
    return streams.horizon(call, stream, shard)

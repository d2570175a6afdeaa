"""What has tags and a policy: a stream or one of its consumers, found by its ARN."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from ...fabric.shards import Stream
from ...kernel import Call
from .consumer import Consumer, consumers, is_consumer, of_consumer_arn
from .stream import Settings, lookup, save, settings_of


class Held(NamedTuple):
    """A stream or, if there is one, a consumer; ``call`` is as seen from the account that owns it."""

    call: Call
    stream: Stream
    consumer: Consumer | None

    @property
    def own(self) -> Settings | Consumer:
        """Where its tags and policy are."""
        return self.consumer or settings_of(self.stream)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.consumer.name if self.consumer else self.stream.name

    def keep(self, *, tags: Mapping[str, str] | None = None, policy: str | None = None) -> None:
        """Give it other tags, or another policy."""
        changes = {"tags": tags, "policy": policy}
        own = replace(self.own, **{name: value for name, value in changes.items() if value is not None})
        if isinstance(own, Settings):
            save(self.call, self.stream, own)
        else:
            consumers.put(self.call, self.stream.home, own.name, record=own)


def held(call: Call, arn: str, action: str) -> Held:
    """What an ARN means."""
    if is_consumer(arn):
        return Held(*of_consumer_arn(call, arn, action))
    return Held(*lookup(call, None, arn, action), None)

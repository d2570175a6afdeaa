"""Brokers: Kafka and RabbitMQ, which run elsewhere and are read over the network.

What is read from one is not in our store, so it can't be taken and acknowledged in a transaction as from a
:class:`.sources.Queue`. A :class:`Reader` is a connection to one, and :mod:`.broker_feed` the engine that
reads it. Kafka's addresses are in each mapping. A broker of Amazon MQ has only an ARN, so who starts the
cloudlet says in :class:`Brokers` where it is.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Protocol

from ..errors import NotHonoured
from .sources import Record


class Unreachable(Exception):
    """The broker can't be reached, or is there no more, or refuses us; the text says which."""


class Reader(Protocol):
    """A connection that reads from a broker; any of its functions may say that it is :class:`Unreachable`."""

    async def take(self, limit: int) -> list[Record]:
        """Wait for records, and give up to ``limit`` of those that are there."""

    async def done(self, records: list[Record]) -> None:
        """They are handled, and with them what came before them."""

    async def failed(self, records: list[Record]) -> None:
        """They are not; let them be read again."""

    async def close(self) -> None:
        """Read no more; what is not done with others may read."""


class Brokers:
    """Where the brokers of Amazon MQ are: a URL for an ARN, or for the name in it."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)

    def url(self, arn: str) -> str:
        """Where the broker ``arn`` is; empty if nobody has said.

        >>> brokers = Brokers({"orders": "amqp://127.0.0.1:5672"})
        >>> brokers.url("arn:aws:mq:us-east-1:000000000000:broker:orders:b-1")
        'amqp://127.0.0.1:5672'
        """
        found = self._urls.get(arn)
        return found if found is not None else self._urls.get(name_of(arn), "")


def name_of(arn: str) -> str:
    """The name of a broker of Amazon MQ, from ``arn:aws:mq:REGION:ACCOUNT:broker:NAME:ID``."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 else ""


def require(module: str, extra: str) -> None:
    """Refuse what needs an optional client that is not installed."""
    if find_spec(module) is None:
        raise NotHonoured(f"Reading {extra} needs the package {module}, which is not installed here: "
                          f"pip install 'cloudlet[{extra}]'")

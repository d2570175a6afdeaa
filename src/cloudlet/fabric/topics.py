"""Topics of MQTT and the filters that choose among them: levels between slashes, ``+`` for any one of them,
``#`` for all that follow.

A filter that begins with a wildcard does not choose topics that begin with ``$``: those are the cloud's own.
"""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def levels(text: str) -> tuple[str, ...]:
    """The levels of a topic or a filter."""
    return tuple(text.split("/"))


def is_topic(text: str) -> bool:
    """Whether messages can have it: no wildcard, and not empty."""
    return bool(text) and not any(sign in text for sign in "+#\0")


def is_filter(text: str) -> bool:
    """Whether it is a filter: a wildcard is a whole level, and ``#`` the last.

    >>> is_filter("a/+/#"), is_filter("a/#/b"), is_filter("a+"), is_filter("")
    (True, False, False, False)
    """
    if not text or "\0" in text:
        return False
    *first, last = levels(text)
    return all(part == "+" or is_topic_level(part) for part in first) and (
        last in ("+", "#") or is_topic_level(last))


def is_topic_level(part: str) -> bool:
    """Whether a level has no wildcard in it."""
    return "+" not in part and "#" not in part


def matches(pattern: str, topic: str) -> bool:
    """Whether a filter chooses a topic.

    >>> matches("a/#", "a"), matches("a/+", "a/b/c"), matches("#", "$aws/x"), matches("$aws/#", "$aws/x")
    (True, False, False, True)
    """
    return bool(list(Filters([(pattern, True)]).choosing(topic)))


class Filters(Generic[T]):
    """Filters with something for each, by their levels: a topic is held against those that can choose it."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._inner: dict[str, Filters[T]] = {}
        self._here: list[T] = []
        for pattern, thing in entries:
            node = self
            for level in levels(pattern):
                node = node._inner.setdefault(level, Filters(()))
            node._here.append(thing)

    def choosing(self, topic: str) -> Iterator[T]:
        """What stands with the filters that choose ``topic``."""
        return self._under(levels(topic), wild=not topic.startswith("$"))

    def _under(self, rest: tuple[str, ...], *, wild: bool = True) -> Iterator[T]:
        every = self._inner.get("#") if wild else None
        if every:
            yield from every._here
        if not rest:
            yield from self._here
            return
        for step in (rest[0], "+") if wild else (rest[0],):
            node = self._inner.get(step)
            if node:
                yield from node._under(rest[1:])

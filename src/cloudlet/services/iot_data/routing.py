"""Who gets a message: subscriptions lie in the store by the levels of their filters, and only those branches
are walked that the topic can take. So it costs what matches, not what is subscribed to.
"""

from collections.abc import Iterator

import msgspec

from ...fabric.topics import levels
from ...kernel import Call
from .records import Message, Session, Subscription, sessions, subscriptions

_INDEX = "levels"


class Recipient(msgspec.Struct):
    """A session that gets a message once, for all its filters that choose it."""

    session: Session
    qos: int
    ids: list[int]
    as_published: bool


def recipients(call: Call, message: Message, publisher: str) -> list[Recipient]:
    """The sessions that are to get a message."""
    found: dict[str, Recipient] = {}
    groups: dict[tuple[str, str], list[Subscription]] = {}
    for one in _choosing(call, message.topic):
        if one.group:
            groups.setdefault((one.group, one.pattern), []).append(one)
        elif not (one.no_local and one.client_id == publisher):
            _add(call, found, one, message)
    for members in groups.values():
        chosen = _member(call, members)
        if chosen:
            _add(call, found, chosen, message)
    return list(found.values())


def _add(call: Call, found: dict[str, Recipient], one: Subscription, message: Message) -> None:
    known = found.get(one.client_id)
    if known is None:
        session = sessions.get(call, one.client_id)
        if session is None:
            return
        known = found[one.client_id] = Recipient(session, 0, [], False)
    known.qos = max(known.qos, min(one.qos, message.qos))
    known.as_published = known.as_published or one.as_published
    if one.id:
        known.ids.append(one.id)


def _member(call: Call, members: list[Subscription]) -> Subscription | None:
    """One member of a group, by chance: one that is connected, if there is one."""
    here = [one for one in members if (session := sessions.get(call, one.client_id)) and session.connection]
    some = here or members
    return some[int.from_bytes(call.ids.bytes(4), "big") % len(some)]


def _choosing(call: Call, topic: str) -> Iterator[Subscription]:
    """The subscriptions whose filter chooses the topic."""
    return _under(call, (), levels(topic), wild=not topic.startswith("$"))


def _under(call: Call, path: tuple[str, ...], rest: tuple[str, ...], *, wild: bool = True
           ) -> Iterator[Subscription]:
    if wild:
        yield from _ending(call, (*path, "#"))
    if not rest:
        yield from _ending(call, path)
        return
    for step in (rest[0], "+") if wild else (rest[0],):
        if any(True for _ in subscriptions.find(call, _INDEX, *path, step, limit=1)):
            yield from _under(call, (*path, step), rest[1:])


def _ending(call: Call, path: tuple[str, ...]) -> Iterator[Subscription]:
    for kind in (0, 1):
        for _, one in subscriptions.find(call, _INDEX, *path, kind):
            yield one

"""Announcements: what a service says of itself to the event bus of its account, in its own transaction.

Whoever has something to say calls ``announce``; who listens (the bus, once an account has a rule for it) has
said ``listen`` before. Neither knows the other, and where nobody listens an announcement costs one read.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ..kernel import Call
from ..store import Table


class Listener(msgspec.Struct):
    """The task of a service that hears what is announced in an account and region."""

    service: str
    task: str


class Announcement(msgspec.Struct):
    """Something that happened. ``source`` is as events have it (``aws.s3``), ``resources`` are ARNs."""

    source: str
    detail_type: str
    detail: dict[str, Any]
    resources: list[str]


_listeners = Table("announcements", Listener)


def announce(call: Call, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
    """Say that something happened in the account and region of ``call``."""
    listener = _listeners.get(call, "")
    if listener is not None:
        there = call.elsewhere(service=listener.service)
        hear = call.kernel.services[listener.service].tasks[listener.task]
        hear(there, Announcement(source, detail_type, detail, resources))


def listen(call: Call, task: Callable[..., Any]) -> None:
    """From now on ``task`` (of the calling service) hears what is announced in this account and region."""
    wanted = Listener(call.service, task.__name__)
    if _listeners.get(call, "") != wanted:
        _listeners.put(call, "", record=wanted)


def ignore(call: Call) -> None:
    """Hear nothing any more."""
    if _listeners.get(call, "") is not None:
        _listeners.delete(call, "")

"""Replays: archived events, put once more before the rules of their bus.

Each step replays some events and notes how far it got, in one transaction: a replay that a crash interrupts
goes on where it was, and sends nothing twice.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...store import Table
from ...store.keys import Key
from . import limits
from .archives import archives, kept
from .dispatch import dispatch
from .errors import (
    IllegalStatusException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    invalid,
    wrong_arn,
)
from .event import read
from .paging import page
from .records import check_room, find_bus, own_bus, seconds, told
from .service import events

Config = dict[str, Any]
_RULE = re.compile(r"arn:aws[\w-]*:events:[a-z0-9-]+:\d{12}:rule/.+")
_DAY_MS = 86_400_000
_AT_ONCE = 50  # events of one step
_ACTIVE = ("STARTING", "RUNNING", "CANCELLING")


class Replay(msgspec.Struct):
    """A replay; ``cursor`` is the key of the last event that it sent."""

    name: str
    arn: str
    archive_arn: str
    home: str
    bus_arn: str
    from_ms: int
    to_ms: int
    started_ms: int
    state: str = "STARTING"
    description: str = ""
    filters: list[str] = []
    cursor: list[int] = []
    last_ms: int = 0
    ended_ms: int = 0


replays = Table("events.replays", Replay,
                indexes={"active": lambda replay: () if replay.state in _ACTIVE else None})


@events.operation
def start_replay(call: Call, replay_name: str, event_source_arn: str, event_start_time: datetime,
                 event_end_time: datetime, destination: Config, description: str | None = None) -> Config:
    """Replay what an archive has of a stretch of time."""
    bus = own_bus(call, destination["Arn"])
    name = event_source_arn.partition(":archive/")[2]
    archive = archives.get(call, name)
    if archive is None:
        raise invalid("EventSourceArn", f"Archive {name or event_source_arn} does not exist.")
    if archive.bus_arn != bus.arn:
        raise invalid("Destination.Arn", "Cross event bus replay is not permitted.")
    from_ms, to_ms = (round(at.timestamp() * 1000) for at in (event_start_time, event_end_time))
    if from_ms >= to_ms:
        raise invalid("EventEndTime", "EventStartTime must be before EventEndTime.")
    filters = destination.get("FilterArns") or []
    if wrong := next((arn for arn in filters if not _RULE.fullmatch(arn)), None):
        raise wrong_arn(wrong)
    if replays.get(call, replay_name) is not None:
        raise ResourceAlreadyExistsException(f"Replay {replay_name} already exists.")
    check_room(sum(1 for _ in replays.find(call, "active", limit=limits.ACTIVE_REPLAYS)) + 1,
               limits.ACTIVE_REPLAYS)
    replay = Replay(replay_name, call.arn(f"replay/{replay_name}"), archive.arn, archive.home, bus.arn,
                    from_ms, to_ms, call.now_ms, description=description or "", filters=filters)
    _keep(call, replay)
    _go_on(call, replay)
    return {"ReplayArn": replay.arn, "State": replay.state, "ReplayStartTime": seconds(replay.started_ms)}


@events.operation
def describe_replay(call: Call, replay_name: str) -> Config:
    """A replay and how far it is."""
    replay = _need(call, replay_name)
    return _shown(replay) | told(
        ReplayArn=replay.arn, Description=replay.description,
        Destination={"Arn": replay.bus_arn} | told(FilterArns=replay.filters))


@events.operation
def cancel_replay(call: Call, replay_name: str) -> Config:
    """Let a replay end where it is."""
    replay = _need(call, replay_name)
    if replay.state not in ("STARTING", "RUNNING"):
        raise IllegalStatusException(f"Replay {replay_name} is not in a valid state for this operation.")
    replay.state = "CANCELLING"
    _keep(call, replay)
    return {"ReplayArn": replay.arn, "State": replay.state}


@events.operation
def list_replays(call: Call, name_prefix: str | None = None, state: str | None = None,
                 event_source_arn: str | None = None, next_token: str | None = None,
                 limit: int | None = None) -> Config:
    """Replays by name."""
    def rows(after: str) -> Iterator[tuple[str, Replay]]:
        for _, replay in replays.items(call, after=(after,) if after else None):
            if (replay.name.startswith(name_prefix or "") and state in (None, replay.state)
                    and event_source_arn in (None, replay.archive_arn)):
                yield replay.name, replay

    return page("Replays", rows, _shown, next_token, limit)


@events.task
def replay_some(call: Call, name: str) -> None:
    """Replay the next few events."""
    replay = replays.get(call, name)
    if replay is None or replay.state not in _ACTIVE:
        return
    if replay.state == "CANCELLING":
        _end(call, replay, "CANCELLED")
        return
    replay.state = "RUNNING"
    there, bus = find_bus(call, replay.bus_arn)
    sent = 0
    after: Key = (replay.home, *replay.cursor) if replay.cursor else (replay.home, replay.from_ms)
    for key, one in kept.items(call, replay.home, after=after, limit=_AT_ONCE):
        if int(key[1]) > replay.to_ms:
            break
        event = read(one.body)
        event.replay, event.ingested_ms = replay.name, call.now_ms
        dispatch(there, bus, event, frozenset(replay.filters))
        replay.cursor, replay.last_ms = [int(key[1]), int(key[2])], int(key[1])
        sent += 1
    if sent < _AT_ONCE:
        _end(call, replay, "COMPLETED")
    else:
        _keep(call, replay)
        _go_on(call, replay)


@events.task
def forget_replay(call: Call, name: str) -> None:
    """A replay that is over is remembered for ninety days."""
    replays.delete(call, name)


def _go_on(call: Call, replay: Replay) -> None:
    step = "-".join(map(str, replay.cursor))
    timers.schedule(call, replay_some, at_ms=call.now_ms, name=replay.name,
                    id=f"events/replay/{call.account}/{call.region}/{replay.name}/{step}")


def _end(call: Call, replay: Replay, state: str) -> None:
    replay.state, replay.ended_ms = state, call.now_ms
    _keep(call, replay)
    timers.schedule(call, forget_replay, at_ms=call.now_ms + limits.REPLAY_KEPT_DAYS * _DAY_MS,
                    name=replay.name,
                    id=f"events/replayed/{call.account}/{call.region}/{replay.name}")


def _keep(call: Call, replay: Replay) -> None:
    replays.put(call, replay.name, record=replay)


def _need(call: Call, name: str) -> Replay:
    replay = replays.get(call, name)
    if replay is None:
        raise ResourceNotFoundException(f"Replay {name} does not exist.")
    return replay


def _shown(replay: Replay) -> Config:
    return told(ReplayName=replay.name, EventSourceArn=replay.archive_arn, State=replay.state,
                EventStartTime=seconds(replay.from_ms), EventEndTime=seconds(replay.to_ms),
                EventLastReplayedTime=seconds(replay.last_ms), ReplayStartTime=seconds(replay.started_ms),
                ReplayEndTime=seconds(replay.ended_ms))

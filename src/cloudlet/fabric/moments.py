"""Moments at which things fire: an agenda, and one timer that stands at the earliest of an account's region.

They come in their order, whatever they are for, and each once: when the clock is moved a month ahead, or the
cloudlet was not there for an hour, all that was missed is made up for. What waits is one row.
"""

from collections.abc import Iterator

import msgspec

from ..kernel import Call
from ..store import Agenda, Due, Table
from . import timers

_AT_ONCE = 50  # in one transaction


class Moment(msgspec.Struct):
    """That something fires; its name is the row's."""


class Alarm(msgspec.Struct):
    """When the timer goes off, and its number."""

    at_ms: int
    number: int


class Moments:
    """Those of one kind of thing.

    ``task`` is the service's, by its name: it gets the ``number`` of a timer, and asks for what is ``due``.
    ``agenda`` and ``alarm`` name what is kept, ``timer`` what the timers' names begin with.
    """

    def __init__(self, agenda: str, alarm: str, timer: str, task: str) -> None:
        self._agenda, self._alarms = Agenda(agenda, Moment), Table(alarm, Alarm)
        self._timer, self._task = timer, task

    def add(self, call: Call, *, at_ms: int, id: str) -> None:
        """Let ``id`` fire at a moment; ``wind`` comes after the last of several."""
        self._agenda.add(call, at_ms=at_ms, id=id, work=Moment())

    def remove(self, call: Call, *, at_ms: int, id: str) -> None:
        """Let it not fire then."""
        self._agenda.remove(call, at_ms=at_ms, id=id)

    def due(self, call: Call, number: int) -> Iterator[Due[Moment]]:
        """What fires now that the timer ``number`` went off, the earliest first; to be gone through whole."""
        alarm = self._alarms.get(call, "")
        if alarm is None or alarm.number != number:
            return
        for _ in range(_AT_ONCE):  # one by one: the next moment of one may come before that of another
            due = next(iter(self._agenda.due(call, now_ms=call.now_ms, limit=1)), None)
            if due is None:
                break
            self._agenda.remove(call, at_ms=due.at_ms, id=due.id)
            yield due
        self._alarms.delete(call, "")
        self.wind(call, number)

    def wind(self, call: Call, last: int = 0) -> None:
        """See to it that the timer stands at the earliest moment."""
        earliest_ms, alarm = self._agenda.earliest_ms(call), self._alarms.get(call, "")
        if earliest_ms is None or (alarm is not None and alarm.at_ms <= earliest_ms):
            return
        number = max(last, alarm.number if alarm else 0) + 1
        if alarm is not None:
            timers.cancel(call, at_ms=alarm.at_ms, id=self._id(call, alarm.number))
        at_ms = max(earliest_ms, call.now_ms)
        self._alarms.put(call, "", record=Alarm(at_ms, number))
        timers.schedule(call, self._task, at_ms=at_ms, id=self._id(call, number), number=number)

    def _id(self, call: Call, number: int) -> str:
        return f"{self._timer}/{call.account}/{call.region}/{number}"

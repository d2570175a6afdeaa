"""The hands of a test's clock. Moving them lets time go by: what falls due on the way happens, in order."""

import warnings
from datetime import UTC, datetime, timedelta

from ..clock import PATIENCE_S, Clock
from .host import Host

_NEVER_MS = 1 << 61  # beyond it, somebody waits for a bell alone


class Hands:
    """``cloudlet.clock``."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self._host, self._clock = host, clock

    @property
    def now(self) -> datetime:
        """The moment it is now."""
        return _moment(self._host.do(self._clock.now_ms))

    @property
    def next(self) -> datetime | None:
        """The earliest moment that something in the cloudlet waits for, once what runs now has ended; None if
        nothing does."""
        self.rest()
        due_ms = self._host.do(self._clock.next_ms)
        return None if due_ms is None or due_ms > _NEVER_MS else _moment(due_ms)

    def advance(self, by: timedelta | None = None, *, days: float = 0, hours: float = 0, minutes: float = 0,
                seconds: float = 0, patience_s: float = PATIENCE_S) -> None:
        """Let time go by.

        At each moment at which something falls due, what runs then is waited for, ``patience_s`` of real time
        at most; a RuntimeWarning names what ran for longer.
        """
        whole = (by or timedelta()) + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        self._travel(round(whole / timedelta(milliseconds=1)), patience_s)

    def set(self, to: datetime, *, patience_s: float = PATIENCE_S) -> None:
        """Let time go by until ``to``, or turn it back; a moment without a time zone is in UTC."""
        self._travel(_ms(to) - _ms(self.now), patience_s)

    def freeze(self, at: datetime | None = None) -> None:
        """Stand still, now or at a moment, until ``resume``; ``advance`` and ``set`` move it all the same."""
        self._host.do(self._clock.freeze)
        if at is not None:
            self.set(at)

    def resume(self) -> None:
        """Run on from the moment shown."""
        self._host.do(self._clock.resume)

    def rest(self) -> None:
        """Until what runs now has ended; no time goes by."""
        self._travel(0, PATIENCE_S)

    def _travel(self, by_ms: int, patience_s: float) -> None:
        late = self._host.run(self._clock.travel(by_ms, patience_s))
        if late:
            what = ", ".join(sorted(late))
            warnings.warn(f"Time went on after {patience_s:g} s of waiting for {what}. What that does from "
                          "now on, it does late; a longer patience_s would wait for it.", RuntimeWarning,
                          stacklevel=3)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)

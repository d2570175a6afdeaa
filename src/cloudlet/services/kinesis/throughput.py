"""How much may go into and out of a shard: seconds are counted, each from the first request in it.

What has passed is written down with what it passed for: that of writes in the last record of the shard, so it
costs nothing to know, and is true for all who write.
"""

from typing import NamedTuple

from . import limits


class Meter(NamedTuple):
    """What has passed since a moment: how many records or requests (``times``), and their bytes."""

    since_ms: int
    times: int = 0
    size: int = 0

    def and_one(self, size: int) -> "Meter":
        """With one more of ``size`` bytes."""
        return Meter(self.since_ms, self.times + 1, self.size + size)


def written(known: Meter | None, now_ms: int) -> Meter:
    """What has been written to a shard in this second."""
    return _current(known, now_ms, limits.WRITES[1])


def takes(meter: Meter, size: int) -> bool:
    """Whether a record of ``size`` bytes may be written now.

    Records above 1 MiB borrow from the seconds that follow:
    https://docs.aws.amazon.com/streams/latest/dev/large-records.html
    """
    most, rate = limits.WRITES
    room = rate if size <= rate else limits.BURST_BYTES
    return meter.times < most and meter.size + size <= room


def is_busy(meter: Meter) -> bool:
    """Whether more than half of what may be written in a second has been."""
    most, rate = limits.WRITES
    return meter.times > most // 2 or meter.size > rate // 2


def read(known: Meter | None, now_ms: int) -> Meter:
    """What has been read from a shard in this second; after a large answer it is a longer one."""
    return _current(known, now_ms, limits.READS[1])


def gives(meter: Meter) -> bool:
    """Whether another GetRecords may be answered now."""
    most, rate = limits.READS
    return meter.times < most and meter.size < rate


def over_ms(meter: Meter, rate: int) -> int:
    """When the bytes of ``meter`` are paid for, and its second is over."""
    return meter.since_ms + max(1000, meter.size * 1000 // rate)


def _current(known: Meter | None, now_ms: int, rate: int) -> Meter:
    if known is None or not known.since_ms <= now_ms < over_ms(known, rate):
        return Meter(now_ms)
    return known

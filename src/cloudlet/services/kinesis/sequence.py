"""Sequence numbers: 56 digits that say in which stream and shard a record lies, and where in it.

Clients take them apart: the Kinesis Client Library checks that a record's number names the shard it was read
from. From the highest bit: a 2, when the stream was made (36 bits, seconds), a record's number (68 with their
padding), 44 that AWS uses and we don't, the shard's index (32), and a 2.
"""

from ...fabric.shards import RANGE, Shard, Stream

_MARK, _MADE, _NUMBER, _INDEX = 184, 148, 80, 4
_UNUSED = ((1 << 44) - 1) << 36


def sequence_number(stream: Stream, number: int) -> str:
    """The number of a record as clients see it. The one before the first of a shard is where that starts."""
    return str((2 << _MARK) + (stream.made_ms // 1000 << _MADE) + (number << _NUMBER)
               + (number // RANGE << _INDEX) + 2)


def number_of(stream: Stream, text: str) -> int | None:
    """The inverse of :func:`sequence_number`; None if it is no number of that stream."""
    whole = int(text)
    number = whole >> _NUMBER & (1 << 62) - 1
    return number if text == sequence_number(stream, number) else None


def is_sound(text: str) -> bool:
    """Whether a text could be a number of some stream."""
    whole = int(text)
    return whole >> _MARK == 2 and whole & 15 == 2 and not whole & _UNUSED


def index_of(shard: Shard) -> int:
    """Which shard of its stream it is, from 0."""
    return int(shard.id.rpartition("-")[2])


def start_of(stream: Stream, shard: Shard) -> str:
    """The number that a shard starts with, whatever of it is forgotten by now."""
    return sequence_number(stream, index_of(shard) * RANGE)

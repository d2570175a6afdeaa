"""Unpacking: what one record of the source holds, where a stream is told to look into it.

An event of CloudWatch Logs is one record, whatever number of messages it has, as on AWS; deaggregation makes
several of one.
"""

import json
import zlib
from typing import NamedTuple

from . import limits
from .processors import Processing
from .records import Entry

_GZIP = 31  # what zlib calls it


class Unpacked(NamedTuple):
    """The records that are in order, and those that could not be unpacked, each with the reason."""

    entries: list[Entry]
    unreadable: list[tuple[Entry, str]]


def unpack(found: list[Entry], processing: Processing) -> Unpacked:
    """Unpack what is not yet processed."""
    if not processing.unpacks:
        return Unpacked(found, [])
    whole = Unpacked([], [])
    for entry in found:
        if entry.processed:
            whole.entries.append(entry)
            continue
        data = entry.data
        try:
            if processing.decompress:
                data = _decompressed(data)
            if processing.extract:
                data = _messages(data)
        except (ValueError, zlib.error, KeyError, TypeError) as error:
            whole.unreadable.append((entry, str(error)))
            continue
        parts = _deaggregated(data, processing.separator) if processing.deaggregate else [data]
        whole.entries.extend([Entry(part, entry.at_ms, True, entry.origin) for part in parts])
    return whole


def _decompressed(data: bytes) -> bytes:
    """The JSON that is in a gzip; a bomb is not let go off."""
    machine = zlib.decompressobj(_GZIP)
    found = machine.decompress(data, limits.UNPACKED_BYTES)
    if not machine.eof:
        raise ValueError("the data is cut short" if not machine.unconsumed_tail else
                         f"the data unpacks to more than {limits.UNPACKED_BYTES} bytes")
    json.loads(found)
    return found


def _messages(data: bytes) -> bytes:
    """The messages of an event of CloudWatch Logs, each with a line feed."""
    event = json.loads(data)
    if event["messageType"] == "CONTROL_MESSAGE":
        return b""
    return "".join(one["message"] + "\n" for one in event["logEvents"]).encode("utf-8", "surrogatepass")


def _deaggregated(data: bytes, separator: bytes | None) -> list[bytes]:
    """The records that are packed in one; the whole, if there are too many or it can't be read."""
    try:
        parts = _objects(data) if separator is None else [part for part in data.split(separator) if part]
    except ValueError:
        return [data]
    return parts if 0 < len(parts) <= limits.DEAGGREGATED else [data]


def _objects(data: bytes) -> list[bytes]:
    text, at, found = data.decode(), 0, list[bytes]()
    decoder = json.JSONDecoder()
    while (at := at + len(text[at:]) - len(text[at:].lstrip())) < len(text):
        value, stop = decoder.raw_decode(text, at)
        if not isinstance(value, dict):
            raise ValueError("not an object")
        found.append(text[at:stop].encode())
        at = stop
    return found

"""Tuples as bytes, such that bytes sort as the tuples do.

A small cousin of FoundationDB's tuple layer.

>>> unpack(pack(("sqs", "orders", 7)))
('sqs', 'orders', 7)
>>> pack(("a", 2)) < pack(("a", 10)) < pack(("b",))
True
>>> start, stop = span(("sqs", "orders"))
>>> start <= pack(("sqs", "orders", -1)) < stop
True
"""

import struct

Part = str | int | bytes
Key = tuple[Part, ...]

_BYTES, _TEXT, _INT, _END = b"\x01", b"\x02", b"\x03", b"\xff"
_OFFSET = 1 << 63
_pack_int = struct.Struct(">cQ").pack


def pack(key: Key) -> bytes:
    """Encode ``key`` so that ``pack(a) < pack(b)`` exactly when ``a < b``; integers have 64 bits."""
    packed = b""  # every request packs a dozen keys, so this is one loop without calls of our own
    for part in key:
        if isinstance(part, int):
            packed += _pack_int(_INT, part + _OFFSET)
            continue
        if isinstance(part, str):
            mark, raw = _TEXT, part.encode("utf-8", "surrogatepass")
        else:
            mark, raw = _BYTES, part
        packed += mark + (raw.replace(b"\0", b"\0\xff") if 0 in raw else raw) + b"\0"
    return packed


def unpack(packed: bytes) -> Key:
    """The inverse of ``pack``."""
    parts: list[Part] = []
    at = 0
    while at < len(packed):
        mark = packed[at : at + 1]
        if mark == _INT:
            parts.append(int.from_bytes(packed[at + 1 : at + 9], "big") - _OFFSET)
            at += 9
            continue
        end = packed.index(b"\0", at + 1)
        while packed[end + 1 : end + 2] == b"\xff":
            end = packed.index(b"\0", end + 1)
        raw = packed[at + 1 : end].replace(b"\0\xff", b"\0")
        parts.append(raw.decode("utf-8", "surrogatepass") if mark == _TEXT else raw)
        at = end + 1
    return tuple(parts)


def span(prefix: Key) -> tuple[bytes, bytes]:
    """The half-open range of every key that starts with ``prefix``."""
    packed = pack(prefix)
    return packed, packed + _END

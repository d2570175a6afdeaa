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

Part = str | int | bytes
Key = tuple[Part, ...]

_BYTES, _TEXT, _INT, _END = b"\x01", b"\x02", b"\x03", b"\xff"
_OFFSET = 1 << 63


def pack(key: Key) -> bytes:
    """Encode ``key`` so that ``pack(a) < pack(b)`` exactly when ``a < b``; integers have 64 bits."""
    return b"".join([_pack_part(part) for part in key])


def _pack_part(part: Part) -> bytes:
    if isinstance(part, str):
        raw, mark = part.encode("utf-8", "surrogatepass"), _TEXT
    elif isinstance(part, int):
        return _INT + (part + _OFFSET).to_bytes(8, "big")
    else:
        raw, mark = part, _BYTES
    return mark + (raw.replace(b"\0", b"\0\xff") if b"\0" in raw else raw) + b"\0"


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

"""Answers in gzip or deflate, for clients that take them (RFC 9110, Accept-Encoding).

An encoding that is named goes before one that ``*`` stands for, and the one named first before its equals.
What is no weight counts as 1, as it does to AWS. Small answers stay as they are.
"""

import asyncio
import re
import zlib

from ..wire.http import Response

_WRAPPINGS = {"gzip": 31, "deflate": 15}  # zlib's word for the format; the first is what ``*`` means
_WEIGHT = re.compile(r"q=\s*(-?\d+(?:\.\d*)?)\s*(?:;|$)")
_LEVEL = 1  # the way is short: what is saved is memory of the client, not time of the network
_INLINE = 64 << 10  # bytes; what is larger is compressed in a thread


def chosen(accepted: str) -> str | None:
    """The encoding that an Accept-Encoding header likes best; None to send the answer as it is.

    >>> chosen("br, gzip;q=0.5, deflate"), chosen("identity"), chosen("gzip;q=0, *")
    ('deflate', None, 'deflate')
    """
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        weight = _WEIGHT.search(parameters)
        value = min(float(weight[1]), 1.0) if weight else 1.0
        weights[name.strip()] = max(value, weights.get(name.strip(), 0.0))
    named = [name for name in weights if name in _WRAPPINGS]
    others = [name for name in _WRAPPINGS if name not in weights]
    found = {name: weights[name] for name in named} | {name: weights.get("*", 0.0) for name in others}
    best = max(found, key=found.__getitem__)  # of equals, the first
    return best if found[best] > 0 else None


async def compress(response: Response, encoding: str) -> None:
    """Let ``response`` have its body in ``encoding``."""
    body = response.body
    assert isinstance(body, bytes)
    small = len(body) <= _INLINE
    response.body = _packed(body, encoding) if small else await asyncio.to_thread(_packed, body, encoding)
    response.headers["content-encoding"] = encoding


def _packed(body: bytes, encoding: str) -> bytes:
    packer = zlib.compressobj(_LEVEL, wbits=_WRAPPINGS[encoding])
    return packer.compress(body) + packer.flush()

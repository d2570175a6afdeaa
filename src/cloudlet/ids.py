"""Where identifiers and randomness come from: the only place that asks the machine for them."""

import itertools
import os
import string
import time
from collections.abc import Sequence

ALPHANUMERIC = string.digits + string.ascii_lowercase
BASE32 = string.ascii_uppercase + "234567"


class Ids:
    """A source of identifiers nobody can guess."""

    def __init__(self) -> None:
        self._tickets = itertools.count(time.time_ns())

    def uuid(self) -> str:
        """A random UUID, version 4."""
        raw = bytearray(os.urandom(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        text = raw.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def hex(self, length: int) -> str:
        """``length`` hexadecimal digits."""
        return os.urandom((length + 1) // 2).hex()[:length]

    def text(self, length: int, alphabet: Sequence[str] = ALPHANUMERIC) -> str:
        """``length`` characters of ``alphabet``, each as likely as the next."""
        size = len(alphabet)
        limit = 256 - 256 % size
        found: list[str] = []
        while len(found) < length:
            found.extend(alphabet[byte % size] for byte in os.urandom(length * 2) if byte < limit)
        return "".join(found[:length])

    def bytes(self, length: int) -> bytes:
        """``length`` random bytes."""
        return os.urandom(length)

    def ticket(self) -> int:
        """A number larger than any given before: the order of what happens within one millisecond."""
        return next(self._tickets)

"""Where identifiers and randomness come from: the only place that asks the machine for them."""

import itertools
import os
import string
import time
from collections.abc import Sequence

ALPHANUMERIC = string.digits + string.ascii_lowercase
BASE32 = string.ascii_uppercase + "234567"
_DRAWN = 4096  # bytes of randomness at a time
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}  # of a UUID, RFC 9562


class Ids:
    """A source of identifiers nobody can guess."""

    def __init__(self) -> None:
        self._tickets = itertools.count(time.time_ns())
        self._drawn, self._at = b"", 0  # of the machine's randomness, and how much of it is used

    def uuid(self) -> str:
        """A random UUID, version 4."""
        text = self.bytes(16).hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"

    def hex(self, length: int) -> str:
        """``length`` hexadecimal digits."""
        return self.bytes((length + 1) // 2).hex()[:length]

    def text(self, length: int, alphabet: Sequence[str] = ALPHANUMERIC) -> str:
        """``length`` characters of ``alphabet``, each as likely as the next."""
        size = len(alphabet)
        limit = 256 - 256 % size
        found: list[str] = []
        while len(found) < length:
            found.extend(alphabet[byte % size] for byte in self.bytes(length * 2) if byte < limit)
        return "".join(found[:length])

    def bytes(self, length: int) -> bytes:
        """``length`` random bytes: the machine is asked for many at once, each is given to one."""
        start, self._at = self._at, self._at + length
        if self._at > len(self._drawn):
            self._drawn, start, self._at = os.urandom(max(length, _DRAWN)), 0, length
        return self._drawn[start : self._at]

    def ticket(self) -> int:
        """A number larger than any given before: the order of what happens within one millisecond."""
        return next(self._tickets)

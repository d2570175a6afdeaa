"""Where identifiers and randomness come from: the only place that asks the machine for them.

Every request needs a few identifiers, and to ask is a system call: so the machine is asked for many at once.
"""

import itertools
import os
import string
import time
from collections.abc import Sequence

ALPHANUMERIC = string.digits + string.ascii_lowercase
BASE32 = string.ascii_uppercase + "234567"
_DIGITS, _DRAWN = 32, 256  # of a piece; pieces asked for at a time
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}  # of a UUID, RFC 9562


class Ids:
    """A source of identifiers nobody can guess."""

    def __init__(self) -> None:
        self._tickets = itertools.count(time.time_ns())
        self._pieces: list[str] = []  # random digits that nobody has had yet

    def uuid(self) -> str:
        """A random UUID, version 4."""
        text = self._piece()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"

    def hex(self, length: int) -> str:
        """``length`` hexadecimal digits."""
        text = self._piece() if length <= _DIGITS else os.urandom((length + 1) // 2).hex()
        return text[:length]

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

    def _piece(self) -> str:
        """Random digits; threads may ask at once, and ``pop`` gives no piece twice."""
        while True:
            try:
                return self._pieces.pop()
            except IndexError:
                text = os.urandom(_DIGITS // 2 * _DRAWN).hex()
                self._pieces += [text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS)]

"""The texts in a packet of MQTT 5: each must be UTF-8 without NUL.

The library's codec (0.8) panics at one that isn't, so packets are looked through before it gets them. What
else may be wrong with a packet is left to it.
"""

from .errors import Broken

_SUBSCRIBE = 8
# how long the values of properties are, by their ids; those that are not here are texts or data
_SIZES = {0x01: 1, 0x17: 1, 0x19: 1, 0x24: 1, 0x25: 1, 0x28: 1, 0x29: 1, 0x2A: 1, 0x13: 2, 0x21: 2, 0x22: 2,
          0x23: 2, 0x02: 4, 0x11: 4, 0x18: 4, 0x27: 4}
_DATA, _PAIR, _NUMBER = (0x09, 0x16), 0x26, 0x0B


def check(first: int, body: bytes) -> None:
    """Look through a packet's texts; its first byte says which packet it is."""
    look = _Look(body)
    try:
        match first >> 4:
            case 1:
                look.connect()
            case 3:
                look.text()
                look.at += 2 if first & 0x06 else 0
                look.properties()
            case 8 | 10 as kind:
                look.at += 2
                look.properties()
                while look.at < len(body):
                    look.text()
                    look.at += kind == _SUBSCRIBE
            case 12 | 13:
                return
            case 14 | 15:
                look.at += 1
                look.rest()
            case _:
                look.at += 3
                look.rest()
    except IndexError:
        raise Broken("The packet is malformed.") from None


class _Look:
    """A place in a packet."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def connect(self) -> None:
        """What CONNECT says."""
        flags = self.body[7]
        self.at = 10
        self.properties()
        self.text()
        if flags & 0x04:
            self.properties()
            self.text()
            self.data()
        if flags & 0x80:
            self.text()

    def rest(self) -> None:
        """Properties that may be left out."""
        if self.at < len(self.body):
            self.properties()

    def properties(self) -> None:
        """Properties, after how many bytes they have."""
        stop = self.number()
        stop += self.at
        while self.at < stop:
            kind = self.number()
            if kind in _SIZES:
                self.at += _SIZES[kind]
            elif kind == _NUMBER:
                self.number()
            elif kind in _DATA:
                self.data()
            else:
                self.text()
                if kind == _PAIR:
                    self.text()

    def number(self) -> int:
        """A number of one to four bytes."""
        found = shift = 0
        while True:
            byte = self.body[self.at]
            found |= (byte & 0x7F) << shift
            self.at, shift = self.at + 1, shift + 7
            if not byte & 0x80:
                return found
            if shift > 21:
                raise Broken("The packet is malformed.")

    def data(self) -> bytes:
        """Bytes after how many they are."""
        size = self.body[self.at] << 8 | self.body[self.at + 1]
        found = self.body[self.at + 2 : self.at + 2 + size]
        self.at += 2 + size
        return found

    def text(self) -> None:
        """A text."""
        try:
            found = self.data().decode()
        except UnicodeDecodeError:
            raise Broken("A text is not UTF-8.") from None
        if "\0" in found:
            raise Broken("A text has a NUL.")

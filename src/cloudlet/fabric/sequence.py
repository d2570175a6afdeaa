"""Sequence numbers as DynamoDB Streams shows them: the numbers of records, none shorter than another."""

_FIRST = 10**20  # they have 21 digits at least
_NONE = 1 << 62  # what no record has


def sequence_number(number: int) -> str:
    """A record's number as clients see it.

    >>> sequence_number(7)
    '100000000000000000007'
    """
    return str(_FIRST + number)


def number_of(text: str) -> int | None:
    """The inverse of :func:`sequence_number`; None if it is none.

    >>> number_of("100000000000000000007"), number_of("seven")
    (7, None)
    """
    if not (text.isascii() and text.isdigit() and 20 < len(text) <= 40):
        return None
    number = int(text) - _FIRST
    return number if number < _NONE else None

"""Numbers with 38 digits: checked, in their one normal form, in order, and added up.

A number is kept as text without exponent or needless zeros, so that equal numbers are equal texts.

>>> normal("1.50e3"), normal("-0.0"), normal("0001")
('1500', '0', '1')
>>> ordered("-2") < ordered("-1.5") < ordered("0") < ordered("3e-5") < ordered("1") < ordered("12")
True
>>> plus("0.1", "0.2")
'0.3'
"""

import re
from decimal import Context, Decimal
from functools import lru_cache

from .errors import ValidationException
from .limits import DIGITS, LARGEST_EXPONENT, SMALLEST_EXPONENT

_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", re.ASCII)
_EXACT = Context(prec=400)
_OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
_BIAS = 0x2000
_NINES = bytes.maketrans(b"0123456789", b"9876543210")


def normal(text: str) -> str:
    """The normal form of ``text``; a ValidationException says why it is no number DynamoDB can hold."""
    if len(text) < DIGITS and text.isdigit() and text.isascii() and text[0] != "0":
        return text
    sign, digits, exponent = _parts(text)
    if not digits:
        return "0"
    point = len(digits) + exponent  # digits before the point
    if exponent >= 0:
        plain = digits + "0" * exponent
    elif point > 0:
        plain = f"{digits[:point]}.{digits[point:]}"
    else:
        plain = f"0.{'0' * -point}{digits}"
    return f"{sign}{plain}"


def ordered(text: str) -> bytes:
    """Bytes that sort as the numbers do."""
    sign, digits, exponent = _parts(text)
    if not digits:
        return b"\x02"
    magnitude = len(digits) + exponent
    if sign:
        return b"\x01" + (_BIAS - magnitude).to_bytes(2, "big") + digits.encode().translate(_NINES) + b"\xff"
    return b"\x03" + (_BIAS + magnitude).to_bytes(2, "big") + digits.encode()


def plus(left: str, right: str) -> str:
    """The sum, exact or refused."""
    return _exact(_EXACT.add(Decimal(left), Decimal(right)))


def minus(left: str, right: str) -> str:
    """The difference, exact or refused."""
    return _exact(_EXACT.subtract(Decimal(left), Decimal(right)))


def _exact(result: Decimal) -> str:
    """A result that 38 digits can't hold is an overflow to DynamoDB, however small."""
    if len(result.normalize(_EXACT).as_tuple().digits) > DIGITS:
        raise ValidationException(_OVERFLOW)
    return normal(str(result))


def size(text: str) -> int:
    """Bytes that a normal number counts for in an item: two significant digits a byte, on either side of the
    point, and one or two more.

    >>> size("0"), size("-100"), size("123456"), size("3.14159"), size("0.0012")
    (1, 3, 4, 5, 2)
    """
    whole, _, fraction = text.lstrip("-").partition(".")
    if not fraction:
        whole = whole.rstrip("0")
    if whole in ("0", ""):
        whole, fraction = "", fraction.lstrip("0")
    return 1 + (len(whole) + 1) // 2 + (len(fraction) + 1) // 2 + text.startswith("-")


@lru_cache(maxsize=1024)
def _parts(text: str) -> tuple[str, str, int]:
    """Sign, significant digits ("" for zero), and the exponent of the last of them."""
    match = _NUMBER.fullmatch(text)
    if not match or not (match[2] or match[3]):
        shown = f": {text}" if text else ""
        raise ValidationException(f"The parameter cannot be converted to a numeric value{shown}")
    fraction = match[3] or ""
    all_digits = (match[2] + fraction).lstrip("0")
    digits = all_digits.rstrip("0")
    if not digits:
        return "", "", 0
    scale = match[4] or "0"
    shift = int(scale) if len(scale) < 9 else (-10**9 if scale[0] == "-" else 10**9)
    exponent = shift - len(fraction) + len(all_digits) - len(digits)
    magnitude = len(digits) + exponent - 1
    if magnitude > LARGEST_EXPONENT:
        raise ValidationException(_OVERFLOW)
    if magnitude < SMALLEST_EXPONENT:
        raise ValidationException("Number underflow. Attempting to store a number with magnitude smaller "
                                  "than supported range")
    if len(digits) > DIGITS:
        raise ValidationException("Attempting to store more than 38 significant digits in a Number")
    return "-" if match[1] == "-" else "", digits, exponent

"""Arithmetic of IoT SQL: 34 digits where it can, double precision where AWS has that."""

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from typing import Any

from .values import ARITHMETIC, UNDEFINED, to_decimal, to_floor

Run = Callable[..., Any]


def double(number: float) -> Any:
    """A number of double precision as a Decimal; undefined if it is none."""
    return Decimal(repr(number)) if math.isfinite(number) else UNDEFINED


def compute(operator: str, left: Any, right: Any) -> Any:
    """``left operator right`` of two numbers, or of texts that are numbers.

    >>> compute("+", 1, 2), compute("/", 7, 2), compute("*", Decimal("1.5"), 2), compute("/", 1, 0)
    (3, 3, Decimal('3.0'), UNDEFINED)
    """
    one, other = to_decimal(left), to_decimal(right)
    if one is UNDEFINED or other is UNDEFINED:
        return UNDEFINED
    whole = isinstance(left, int) and isinstance(right, int)
    try:
        found = _OPERATORS[operator](Decimal(one), Decimal(other))
        found = found.to_integral_value(ROUND_DOWN) if whole and operator == "/" else found
    except DecimalException:
        return UNDEFINED
    return int(found) if whole else found


_OPERATORS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": ARITHMETIC.add, "-": ARITHMETIC.subtract, "*": ARITHMETIC.multiply, "/": ARITHMETIC.divide,
    "%": ARITHMETIC.remainder}


def _doubles(work: Callable[..., float]) -> Run:
    def run(*arguments: Any) -> Any:
        found = [to_decimal(argument) for argument in arguments]
        if UNDEFINED in found:
            return UNDEFINED
        try:
            return double(work(*map(float, found)))
        except (ValueError, OverflowError, TypeError):  # TypeError: it is imaginary
            return UNDEFINED
    return run


def _rounded(mode: str) -> Run:
    def run(value: Any) -> Any:
        found = to_decimal(value)
        return int(found.to_integral_value(mode)) if isinstance(found, Decimal) else found
    return run


def _bits(work: Callable[..., int]) -> Run:
    def run(*arguments: Any) -> Any:
        found = [to_floor(argument) for argument in arguments]
        return UNDEFINED if UNDEFINED in found else work(*found)
    return run


def _abs(value: Any) -> Any:
    found = to_decimal(value)
    return found if found is UNDEFINED else abs(found)


def _sign(value: Any) -> Any:
    found = to_decimal(value)
    return found if found is UNDEFINED else (found > 0) - (found < 0)


def _trunc(value: Any, places: Any) -> Any:
    found, count = to_decimal(value), to_floor(places)
    if not isinstance(found, Decimal) or not isinstance(count, int):
        return found if isinstance(found, int) and isinstance(count, int) else UNDEFINED
    unit = Decimal(1).scaleb(-min(max(count, 0), 34))
    try:
        cut = found.quantize(unit, ROUND_DOWN, ARITHMETIC)
    except DecimalException:  # it has no such places
        return found
    shown = cut.normalize(ARITHMETIC)
    return int(shown) if shown == shown.to_integral_value() else shown


FUNCTIONS: dict[str, tuple[Run, int, int]] = {
    "abs": (_abs, 1, 1),
    "acos": (_doubles(math.acos), 1, 1),
    "asin": (_doubles(math.asin), 1, 1),
    "atan": (_doubles(math.atan), 1, 1),
    "atan2": (_doubles(math.atan2), 2, 2),
    "bitand": (_bits(lambda a, b: a & b), 2, 2),
    "bitnot": (_bits(lambda a: ~a), 1, 1),
    "bitor": (_bits(lambda a, b: a | b), 2, 2),
    "bitxor": (_bits(lambda a, b: a ^ b), 2, 2),
    "ceil": (_rounded(ROUND_CEILING), 1, 1),
    "cos": (_doubles(math.cos), 1, 1),
    "cosh": (_doubles(math.cosh), 1, 1),
    "exp": (_doubles(math.exp), 1, 1),
    "floor": (_rounded(ROUND_FLOOR), 1, 1),
    "ln": (_doubles(math.log), 1, 1),
    "log": (_doubles(math.log10), 1, 1),
    "mod": (lambda a, b: compute("%", a, b), 2, 2),
    "power": (_doubles(lambda a, b: a**b), 2, 2),
    "remainder": (lambda a, b: compute("%", a, b), 2, 2),
    "round": (_rounded(ROUND_HALF_UP), 1, 1),
    "sign": (_sign, 1, 1),
    "sin": (_doubles(math.sin), 1, 1),
    "sinh": (_doubles(math.sinh), 1, 1),
    "sqrt": (_doubles(math.sqrt), 1, 1),
    "tan": (_doubles(math.tan), 1, 1),
    "tanh": (_doubles(math.tanh), 1, 1),
    "trunc": (_trunc, 2, 2),
}

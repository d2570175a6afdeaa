"""The conditions of a statement: every operator that IAM has, with its prefixes and suffixes.

A condition names a key of the request and values. It holds if what the request says under the key matches
one of the values; a negated operator holds if it matches none of them, and also if the request says nothing.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from . import patterns
from .patterns import Context

Test = Callable[[str, str, Context], bool]  # a value of the policy, a value of the request, the request


class Condition(msgspec.Struct, frozen=True):
    """One key of one operator. ``test`` compares two values; the rest says what is made of it."""

    operator: str
    key: str
    values: tuple[str, ...]
    test: Test
    negated: bool = False
    if_exists: bool = False
    quantifier: str = ""  # "forallvalues", "foranyvalue" or nothing

    def holds(self, context: Context) -> bool:
        """Whether it is so in this request."""
        said = context.get(self.key.lower(), ())
        if self.operator == "null":
            return (not said) == (self.values[0].lower() == "true")
        if not said:
            if self.quantifier:
                return self.quantifier == "forallvalues"
            return self.if_exists or self.negated
        if self.quantifier == "forallvalues":
            return all(self._one(value, context) for value in said)
        if self.negated and not self.quantifier:
            return all(self._one(value, context) for value in said)
        return any(self._one(value, context) for value in said)

    def _one(self, said: str, context: Context) -> bool:
        return any(self.test(value, said, context) for value in self.values) != self.negated


class Unknown(ValueError):
    """There is no such operator."""


def compile_conditions(block: Mapping[str, Mapping[str, Any]], variables: bool) -> tuple[Condition, ...]:
    """The conditions of a ``Condition`` block; :class:`Unknown` names an operator that is none."""
    return tuple(_compile(name, key, values, variables)
                 for name, keys in block.items() for key, values in keys.items())


def _compile(name: str, key: str, values: Any, variables: bool) -> Condition:
    quantifier, _, operator = name.lower().rpartition(":")
    if_exists = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    if quantifier not in ("", "forallvalues", "foranyvalue") or operator not in _TESTS or (
            operator == "null" and if_exists):
        raise Unknown(name)
    texts = tuple(map(text_of, values if isinstance(values, list) else [values]))
    test, negated = _TESTS[operator]
    if not variables and operator.startswith(("string", "arn")):
        test = _without_variables(test)
    return Condition(operator, key, texts, test, negated, if_exists, quantifier)


def text_of(value: Any) -> str:
    """A value of a policy as text: JSON's ``true`` and numbers are allowed there."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _without_variables(test: Test) -> Test:
    return lambda value, said, _: test(value.replace("${", "${$}{"), said, {})


def _equal(value: str, said: str, context: Context) -> bool:
    return said == (patterns.filled(value, context) if "${" in value else value)


def _equal_folded(value: str, said: str, context: Context) -> bool:
    meant = patterns.filled(value, context) if "${" in value else value
    return meant is not None and said.casefold() == meant.casefold()


def _like(value: str, said: str, context: Context) -> bool:
    return patterns.matches(value, said, context)


def _arn(value: str, said: str, context: Context) -> bool:
    return said.count(":") >= 5 and patterns.matches(value, said, context, arn=True)


def _bool(value: str, said: str, context: Context) -> bool:
    meant = patterns.filled(value, context) or ""
    return said.lower() == meant.lower() and meant.lower() in ("true", "false")


def _binary(value: str, said: str, _: Context) -> bool:
    try:
        return base64.b64decode(value) == base64.b64decode(said)
    except (binascii.Error, ValueError):
        return False


def _address(value: str, said: str, _: Context) -> bool:
    try:
        network, address = _network(value), ipaddress.ip_address(said)
    except ValueError:
        return False
    return address.version == network.version and address in network


_network = lru_cache(maxsize=4096)(lambda text: ipaddress.ip_network(text, strict=False))


@lru_cache(maxsize=4096)
def moment_of(text: str) -> float:
    """Seconds since 1970 from ISO 8601 or a number; ValueError if it is neither."""
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _ordered(read: Callable[[str], float], order: Callable[[float, float], bool]) -> Test:
    def test(value: str, said: str, _: Context) -> bool:
        try:
            return order(read(said), read(value))
        except ValueError:
            return False
    return test


_ORDERS: dict[str, tuple[Callable[[float, float], bool], bool]] = {
    "equals": (lambda said, value: said == value, False),
    "notequals": (lambda said, value: said == value, True),
    "lessthan": (lambda said, value: said < value, False),
    "lessthanequals": (lambda said, value: said <= value, False),
    "greaterthan": (lambda said, value: said > value, False),
    "greaterthanequals": (lambda said, value: said >= value, False)}

_TESTS: dict[str, tuple[Test, bool]] = {
    "stringequals": (_equal, False), "stringnotequals": (_equal, True),
    "stringequalsignorecase": (_equal_folded, False), "stringnotequalsignorecase": (_equal_folded, True),
    "stringlike": (_like, False), "stringnotlike": (_like, True),
    "arnequals": (_arn, False), "arnlike": (_arn, False),
    "arnnotequals": (_arn, True), "arnnotlike": (_arn, True),
    "bool": (_bool, False), "binaryequals": (_binary, False), "null": (_equal, False),
    "ipaddress": (_address, False), "notipaddress": (_address, True),
    **{f"numeric{name}": (_ordered(float, order), negated) for name, (order, negated) in _ORDERS.items()},
    **{f"date{name}": (_ordered(moment_of, order), negated) for name, (order, negated) in _ORDERS.items()}}

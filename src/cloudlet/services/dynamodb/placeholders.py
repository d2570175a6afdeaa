"""ExpressionAttributeNames and ExpressionAttributeValues of a request, and which of them it used."""

import re
from collections.abc import Mapping
from typing import Any

from .errors import ValidationException
from .limits import PLACEHOLDER_CHARACTERS
from .values import Value, admit, check_name

_NAME = re.compile(r"#[A-Za-z0-9_]+")
_VALUE = re.compile(r":[A-Za-z0-9_]+")
_NAMES, _VALUES = "ExpressionAttributeNames", "ExpressionAttributeValues"


class Placeholders:
    """What ``#name`` and ``:value`` stand for in the expressions of one request."""

    def __init__(self, names: Mapping[str, str] | None, values: Mapping[str, Value] | None) -> None:
        self.names = _checked_names(names)
        self.values = _checked_values(values)
        self.used: set[str] = set()

    def name(self, alias: str) -> str | None:
        """The attribute that ``#alias`` stands for, if it was defined."""
        self.used.add(alias)
        return self.names.get(alias)

    def value(self, alias: str) -> Value | None:
        """The value that ``:alias`` stands for, if it was defined."""
        self.used.add(alias)
        return self.values.get(alias)

    def finish(self) -> None:
        """Every placeholder has to be used."""
        for what, given in ((_NAMES, self.names), (_VALUES, self.values)):
            unused = [alias for alias in given if alias not in self.used]
            if unused:
                raise ValidationException(f"Value provided in {what} unused in expressions: "
                                          f"keys: {{{', '.join(unused)}}}")


def placeholders(names: Mapping[str, str] | None, values: Mapping[str, Value] | None = None,
                 **expressions: str | None) -> Placeholders:
    """The placeholders of a request; they need an expression that could use them.

    ``expressions`` are the request's own, by their name in AWS, in the order in which messages name them.
    """
    if names is None and values is None:
        return Placeholders(None, None)
    given = [name for name, text in expressions.items() if text is not None]
    if not given and names is not None:
        raise ValidationException(f"{_NAMES} can only be specified when using expressions")
    if values is not None and given in ([], ["ProjectionExpression"]):
        able = [name for name in expressions if name != "ProjectionExpression"]
        verb = "is" if len(able) == 1 else "are"
        raise ValidationException(f"{_VALUES} can only be specified when using expressions: "
                                  f"{' and '.join(able)} {verb} null")
    return Placeholders(names, values)


def exclusive(expressions: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    """A request has expressions or the parameters they replaced, not both."""
    given = [name for name, value in others.items() if value is not None]
    modern = [name for name, value in expressions.items() if value is not None]
    if given and modern:
        raise ValidationException(
            "Can not use both expression and non-expression parameters in the same request: Non-expression "
            f"parameters: {{{', '.join(given)}}} Expression parameters: {{{', '.join(modern)}}}")


def _checked_names(names: Mapping[str, str] | None) -> Mapping[str, str]:
    if names is None:
        return {}
    if not names:
        raise ValidationException(f"{_NAMES} must not be empty")
    for alias, name in names.items():
        _check_alias(_NAMES, _NAME, alias)
        try:
            check_name(name)
        except ValidationException as error:
            raise ValidationException(f"{_NAMES} contains invalid value: {error} for key {alias}") from None
    return names


def _checked_values(values: Mapping[str, Value] | None) -> dict[str, Value]:
    if values is None:
        return {}
    if not values:
        raise ValidationException(f"{_VALUES} must not be empty")
    found = {}
    for alias, value in values.items():
        _check_alias(_VALUES, _VALUE, alias)
        try:
            found[alias] = admit(value)[0]
        except ValidationException as error:
            raise ValidationException(f"{_VALUES} contains invalid value: {error} for key {alias}") from None
    return found


def _check_alias(what: str, pattern: re.Pattern[str], alias: str) -> None:
    if not pattern.fullmatch(alias):
        raise ValidationException(f'{what} contains invalid key: Syntax error; key: "{alias}"')
    if len(alias) > PLACEHOLDER_CHARACTERS:
        raise ValidationException(f"{what} contains invalid key: Expression attribute "
                                  f"{'name' if pattern is _NAME else 'value'} is too long; the limit is "
                                  f"{PLACEHOLDER_CHARACTERS} characters")

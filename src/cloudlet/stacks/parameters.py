"""Parameters: what a template asks for, and whether what was given will do.

Values are texts until the end: a number stays as it was written, a list is a list of texts.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import ValidationError
from .document import Document, refusal, text_of
from .java_patterns import compiled
from .limits import MAX_PARAMETER_VALUE

_ATTRIBUTES = frozenset(
    (
        "Type",
        "Default",
        "NoEcho",
        "AllowedValues",
        "AllowedPattern",
        "MinLength",
        "MaxLength",
        "MinValue",
        "MaxValue",
        "Description",
        "ConstraintDescription",
    )
)
_STORED = re.compile(r"AWS::SSM::Parameter::Value<(?P<inner>.+)>")
_LIST = re.compile(r"List<(?P<inner>.+)>")
_RESOURCE_TYPE = re.compile(r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+(::[A-Za-z0-9]+)?")
MASK = "****"


class ParameterSpec(msgspec.Struct, frozen=True):
    """A parameter as the template declares it."""

    name: str
    type: str
    default: str | None = None
    no_echo: bool = False
    allowed_values: tuple[str, ...] = ()
    allowed_pattern: str = ""
    min_length: int | None = None
    max_length: int | None = None
    min_value: float | None = None
    max_value: float | None = None
    description: str = ""
    constraint: str = ""

    @property
    def stored(self) -> bool:
        """Whether the value is the name of an SSM parameter, which holds the value."""
        return _STORED.fullmatch(self.type) is not None

    @property
    def inner(self) -> str:
        """The type of the value itself."""
        found = _STORED.fullmatch(self.type)
        return found["inner"] if found else self.type

    @property
    def listed(self) -> bool:
        """Whether the value is a list."""
        return self.inner == "CommaDelimitedList" or _LIST.fullmatch(self.inner) is not None


class Given(msgspec.Struct, frozen=True):
    """A parameter's value as the caller gave it; ``stored`` is what SSM holds under that name."""

    value: str
    stored: str = ""


def read_parameters(document: Document, section: Mapping[str, Any]) -> dict[str, ParameterSpec]:
    """The declarations in the Parameters section."""
    return {name: _read(document, name, spec) for name, spec in section.items()}


def _read(document: Document, name: str, spec: Any) -> ParameterSpec:
    line = document.line("Parameters", name)
    if not name.isalnum() or not name.isascii():
        raise refusal(f"Template format error: Parameter name {name} is non alphanumeric.", line)
    if not isinstance(spec, dict) or not isinstance(spec.get("Type"), str):
        raise refusal(
            f"Template format error: Every Parameters object must contain a Type member. [{name}]", line
        )
    for key in spec.keys() - _ATTRIBUTES:
        raise refusal(f"Invalid template parameter property '{key}'", document.line("Parameters", name, key))
    if not _known(spec["Type"]):
        raise refusal(
            f"Template format error: Unrecognized parameter type: {spec['Type']}",
            document.line("Parameters", name, "Type"),
        )
    default, allowed = spec.get("Default"), spec.get("AllowedValues") or ()
    if isinstance(default, dict | list) or not isinstance(allowed, list | tuple):
        raise refusal(
            "Template format error: Every Default member must be a string."
            if allowed in ((), [])
            else "Template format error: AllowedValues must be a list.",
            line,
        )
    try:
        compiled(text_of(spec.get("AllowedPattern") or ""))
    except ValueError as error:
        raise refusal(
            f"Template format error: Parameter {name}: AllowedPattern is no regular expression: {error}",
            document.line("Parameters", name, "AllowedPattern"),
        ) from None
    try:
        return ParameterSpec(
            name,
            spec["Type"],
            None if default is None else text_of(default),
            text_of(spec.get("NoEcho", "")).lower() == "true",
            tuple(text_of(value) for value in allowed),
            text_of(spec.get("AllowedPattern") or ""),
            _number(spec.get("MinLength"), int),
            _number(spec.get("MaxLength"), int),
            _number(spec.get("MinValue"), float),
            _number(spec.get("MaxValue"), float),
            text_of(spec.get("Description") or ""),
            text_of(spec.get("ConstraintDescription") or ""),
        )
    except ValueError as error:
        raise refusal(f"Template format error: Parameter {name}: {error}", line) from None


def _number(value: Any, kind: Any) -> Any:
    return None if value is None else kind(value)


def _known(type: str) -> bool:
    stored = _STORED.fullmatch(type)
    inner = stored["inner"] if stored else type
    listed = _LIST.fullmatch(inner)
    if listed:
        inner = listed["inner"]
    return inner in ("String", "Number", "CommaDelimitedList") or _RESOURCE_TYPE.fullmatch(inner) is not None


def accept(specs: Mapping[str, ParameterSpec], given: Mapping[str, str]) -> dict[str, str]:
    """Each parameter's value, given or default, before SSM is asked; refused if one is missing or unknown."""
    unknown = [name for name in given if name not in specs]
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [spec.name for spec in specs.values() if spec.name not in given and spec.default is None]
    if missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    values = {}
    for spec in specs.values():
        value = given.get(spec.name, spec.default)
        values[spec.name] = value or ""
        if not spec.stored:
            check(spec, values[spec.name])
    return values


def check(spec: ParameterSpec, value: str) -> None:
    """Hold a value against what its declaration allows."""
    problem = ""
    if len(value.encode()) > MAX_PARAMETER_VALUE:
        problem = f"exceeds the maximum length of {MAX_PARAMETER_VALUE} bytes"
    for item in _split(value) if spec.listed else [value]:
        problem = problem or _problem(spec, item)
    if problem and spec.constraint:
        raise ValidationError(f"Parameter {spec.name} failed to satisfy constraint: {spec.constraint}")
    if problem:
        raise ValidationError(f"Parameter '{spec.name}' {problem}")


def value_of(spec: ParameterSpec, text: str) -> str | list[str]:
    """What ``Ref`` gives for a parameter whose value is ``text``."""
    return _split(text) if spec.listed else text


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def _problem(spec: ParameterSpec, value: str) -> str:
    if spec.inner in ("Number", "List<Number>"):
        try:
            number = float(value)
        except ValueError:
            return "must be a number."
        if spec.min_value is not None and number < spec.min_value:
            return f"must be a number not less than {text_of(spec.min_value)}"
        if spec.max_value is not None and number > spec.max_value:
            return f"must be a number not greater than {text_of(spec.max_value)}"
    if spec.allowed_values and value not in spec.allowed_values:
        return f"must be one of AllowedValues [{', '.join(spec.allowed_values)}]"
    if spec.min_length is not None and len(value) < spec.min_length:
        return f"must contain at least {spec.min_length} characters"
    if spec.max_length is not None and len(value) > spec.max_length:
        return f"must contain at most {spec.max_length} characters"
    if spec.allowed_pattern and not compiled(spec.allowed_pattern).fullmatch(value):
        return f"must match pattern {spec.allowed_pattern}"
    return ""

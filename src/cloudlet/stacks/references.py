"""What a value of a template refers to: resources, parameters and conditions.

>>> [(r.name, r.attribute) for r in references({"Fn::Sub": "${Queue.Arn} in ${AWS::Region}"})]
[('Queue', 'Arn'), ('AWS::Region', '')]
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .document import Path

PSEUDO_PARAMETERS = frozenset(
    (
        "AWS::AccountId",
        "AWS::NoValue",
        "AWS::NotificationARNs",
        "AWS::Partition",
        "AWS::Region",
        "AWS::StackId",
        "AWS::StackName",
        "AWS::URLSuffix",
    )
)
PLACEHOLDER = re.compile(r"\$\{(!?)([^{}]*)\}")  # of Fn::Sub; with a "!" it is meant literally


class Reference(NamedTuple):
    """A name in a value. ``attribute`` is empty for ``Ref``; ``condition`` says that it names a condition."""

    name: str
    path: Path
    function: str
    attribute: str = ""
    condition: bool = False


def function_of(value: Any) -> str:
    """The intrinsic function that ``value`` calls; empty if it is plain.

    >>> function_of({"Ref": "Queue"}), function_of({"Condition": "IsProd"}), function_of("text")
    ('Ref', '', '')
    """
    if isinstance(value, dict) and len(value) == 1:
        name: str = next(iter(value))
        if name == "Ref" or name.startswith("Fn::"):
            return name
    return ""


def references(
    value: Any, path: Path = (), *, taken: Callable[[str], bool] | None = None, plain: bool = False
) -> Iterator[Reference]:
    """Every reference in ``value``; with ``taken`` (a condition's value) only those in branches taken.

    With ``plain`` the value is a list of names, as DependsOn is.
    """
    if plain:
        yield from (Reference(name, path, "DependsOn") for name in value if isinstance(name, str))
        return
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from references(item, (*path, n), taken=taken)
        return
    if not isinstance(value, dict):
        return
    function = function_of(value)
    if not function:
        for key, item in value.items():
            if path[:1] == ("Conditions",) and key == "Condition" and isinstance(item, str):
                yield Reference(item, path, "Condition", condition=True)
            yield from references(item, (*path, key), taken=taken)
        return
    yield from _of_function(function, value[function], (*path, function), taken)


def _of_function(
    function: str, argument: Any, path: Path, taken: Callable[[str], bool] | None
) -> Iterator[Reference]:
    if function == "Ref" and isinstance(argument, str):
        yield Reference(argument, path, function)
    elif function == "Fn::GetAtt":
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if isinstance(parts, list) and parts and isinstance(parts[0], str):
            yield Reference(parts[0], path, function, ".".join(map(str, parts[1:])) or "?")
            yield from references(parts[1:], path, taken=taken)
    elif function == "Fn::Sub":
        yield from _of_sub(argument, path, taken)
    elif function == "Fn::If" and isinstance(argument, list) and len(argument) == 3:
        yield Reference(str(argument[0]), path, function, condition=True)
        branches = (1, 2) if taken is None else (1,) if taken(str(argument[0])) else (2,)
        for branch in branches:
            yield from references(argument[branch], (*path, branch), taken=taken)
    else:
        yield from references(argument, path, taken=taken)


def _of_sub(argument: Any, path: Path, taken: Callable[[str], bool] | None) -> Iterator[Reference]:
    text, values = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    if not isinstance(text, str):
        return
    own = values if isinstance(values, dict) else {}
    for literal, inner in PLACEHOLDER.findall(text):
        name, _, attribute = inner.strip().partition(".")
        if not literal and inner.strip() not in own:
            yield Reference(name, path, "Fn::Sub" if not attribute else "Fn::GetAtt", attribute)
    yield from references(own, path, taken=taken)

"""Event patterns: which events a rule, a filter or a subscription lets through.

A pattern has the shape of the events it is for. Objects nest; a leaf is a list of alternatives, each a
literal or one operator. Matching follows the open-source engine behind EventBridge, SNS and Lambda
(github.com/aws/event-ruler): arrays match when one element does, and two fields of one object must come
from the same element; a dot in a key of the event is as good as nesting.

>>> pattern = parse('{"detail": {"state": [{"prefix": "run"}, "stopped"]}}')
>>> pattern.matches({"detail": {"state": "running"}}), pattern.matches({"detail": {"state": "pending"}})
(True, False)
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from .operators import OPERATORS, PatternError, Place, literal

Test = Callable[[Any], bool]
Path = tuple[str, ...]
_ABSENT = "exists"
_NOTHING: Any = object()


class Leaf(msgspec.Struct, frozen=True):
    """The alternatives for one field. ``absent``: it may also be missing from the event."""

    path: Path
    tests: tuple[Test, ...]
    absent: bool
    alternatives: tuple[Any, ...]  # as the pattern has them: literals, and operators with their arguments


class Node(msgspec.Struct, frozen=True):
    """An object of the pattern: all its fields must match, and one branch of each ``$or``."""

    fields: dict[str, "Node | Leaf"]
    choices: tuple[tuple["Node", ...], ...] = ()


class Pattern(msgspec.Struct, frozen=True):
    """A compiled pattern."""

    root: Node

    def matches(self, event: Any) -> bool:
        """Whether ``event`` (decoded JSON) is let through."""
        return _node_matches(self.root, event, event)


def parse(text: str | bytes) -> Pattern:
    """Compile a pattern; a :class:`PatternError` says what is wrong and where, as AWS does."""
    text = text.decode() if isinstance(text, bytes) else text
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PatternError(f"The pattern is not JSON: {error}") from None
    place = Place(text)
    place.enter()
    if not isinstance(document, dict):
        raise place.error("Filter is not an object")
    return Pattern(_node(document, (), place))


def _node(document: dict[str, Any], path: Path, place: Place) -> Node:
    fields: dict[str, Node | Leaf] = {}
    choices = []
    if not document:
        place.enter()
        raise place.error("Empty objects are not allowed")
    for key, value in document.items():
        place.enter()  # the key
        if key == "$or" and _is_choice(value):
            choices.append(_branches(value, path, place))
            continue
        below = (*path, *key.split("."))
        place.enter()
        if isinstance(value, dict):
            _put(fields, below[len(path):], _node(value, below, place))
        elif isinstance(value, list):
            _put(fields, below[len(path):], _leaf(value, below, place))
        else:
            raise place.error(f'"{key}" must be an object or an array')
    place.enter()  # the closing brace
    return Node(fields, tuple(choices))


def _is_choice(value: Any) -> bool:
    """``$or`` is a choice over two or more objects; anything else makes it an ordinary field's name."""
    return (isinstance(value, list) and len(value) > 1 and all(isinstance(one, dict) and one for one in value)
            and not any(key in OPERATORS for one in value for key in one))


def _branches(value: list[dict[str, Any]], path: Path, place: Place) -> tuple[Node, ...]:
    place.enter()
    found = []
    for one in value:
        place.enter()
        found.append(_node(one, path, place))
    place.enter()
    return tuple(found)


def _put(fields: dict[str, "Node | Leaf"], keys: Path, value: "Node | Leaf") -> None:
    """Place a field whose key may have dots, beside others that share its beginning."""
    for key in keys[:-1]:
        below = fields.get(key)
        if not isinstance(below, Node):
            below = fields[key] = Node({})
        fields = below.fields
    known = fields.get(keys[-1])
    if isinstance(known, Node) and isinstance(value, Node):
        fields[keys[-1]] = Node(known.fields | value.fields, known.choices + value.choices)
    else:
        fields[keys[-1]] = value


def _leaf(value: list[Any], path: Path, place: Place) -> Leaf:
    tests, absent = [], False
    if not value:
        place.enter()
        raise place.error("Empty arrays are not allowed")
    for one in value:
        place.enter()
        if isinstance(one, list):
            raise place.error("Match value must be String, number, true, false, or null")
        if not isinstance(one, dict):
            tests.append(literal(one))
            continue
        place.enter()
        if not one:
            raise place.error("Empty objects are not allowed")
        name, argument = next(iter(one.items()))
        place.enter()
        if name not in OPERATORS:
            raise place.error(f"Unrecognized match type {name}")
        test = OPERATORS[name](argument, place)
        place.enter()
        if len(one) > 1:
            place.enter()
            raise place.error("Only one key allowed in match expression")
        if name == _ABSENT and argument is False:
            absent = True
        else:
            tests.append(test)
    place.enter()
    return Leaf(path, tuple(tests), absent, tuple(value))


def _node_matches(node: Node, value: Any, event: Any) -> bool:
    if isinstance(value, list):
        return any(_node_matches(node, one, event) for one in value)
    value = expanded(value) if isinstance(value, dict) else {}
    for key, below in node.fields.items():
        found = value.get(key, _NOTHING)
        if isinstance(below, Leaf):
            if not _leaf_matches(below, found, event):
                return False
        elif not _node_matches(below, None if found is _NOTHING else found, event):
            return False
    return all(any(_node_matches(branch, value, event) for branch in choice) for choice in node.choices)


def _leaf_matches(leaf: Leaf, value: Any, event: Any) -> bool:
    if value is not _NOTHING:
        for one in _scalars(value):
            if any(test(one) for test in leaf.tests):
                return True
    return leaf.absent and not _present(leaf.path, event)


def _scalars(value: Any) -> Iterator[Any]:
    """The values of a field; an object is none, and of an array each counts."""
    if isinstance(value, list):
        for one in value:
            yield from _scalars(one)
    elif not isinstance(value, dict):
        yield value


def _present(path: Path, value: Any) -> bool:
    """Whether a value stands at ``path`` anywhere, whatever array lies on the way."""
    if isinstance(value, list):
        return any(_present(path, one) for one in value)
    if not path:
        return not isinstance(value, dict)
    if not isinstance(value, dict):
        return False
    value = expanded(value)
    return path[0] in value and _present(path[1:], value[path[0]])


def expanded(value: dict[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``, which is the same to a pattern."""
    if not any("." in key for key in value):
        return value
    whole: dict[str, Any] = {}
    for key, one in value.items():
        for step in reversed(key.split(".")):
            one = {step: one}
        whole = _merged(whole, one)
    return whole


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: _merged(one[key], value) if key in one else value for key, value in other.items()}
    return [one, other]


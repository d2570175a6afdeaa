"""The model's constraints, and AWS's words for a value that violates them.

Each shape becomes a function once that tells whether a value is all right; only if it is not does somebody
walk through the value to say why. Ranges of lengths count code points, as AWS's servers do.
"""

from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from math import inf
from typing import Any

from .shapes import Member, Shape, pattern_of

_Test = Callable[[Any], bool]
_MANY = 10  # AWS names at most this many violations in one answer


def violations(params: dict[str, Any], member: Member) -> list[str]:
    """What is wrong with ``params``, each as AWS says it.

    For example ``Value null at 'tableName' failed to satisfy constraint: Member must not be null``.
    """
    fits = _test(member.shape)
    if fits is None or fits(params):
        return []
    found = []
    for message in reasons(params, member.shape):
        found.append(message)
        if len(found) == _MANY:
            break
    return found


def message(found: list[str]) -> str:
    """The violations in one sentence, as AWS's services put it."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: " + "; ".join(found)


@cache
def _test(shape: Shape) -> _Test | None:
    """What tells whether a value of ``shape`` is all right; None if nothing can be wrong with one."""
    if not (shape.is_constrained() or _own(shape)):
        return None
    kind = shape.type
    low, high = -inf if shape.min is None else shape.min, inf if shape.max is None else shape.max
    if kind == "structure":
        return _test_structure(shape)
    if kind == "list" and shape.item:
        return _test_elements(shape.item.shape, low, high)
    if kind == "map" and shape.key and shape.value:
        return _test_entries(shape.key.shape, shape.value.shape, low, high)
    if kind == "string":
        return _test_text(shape, low, high)
    if kind == "blob":
        return lambda value: not isinstance(value, bytes) or low <= len(value) <= high
    if kind in ("integer", "long", "float", "double", "short", "byte"):
        return lambda value: bool(low <= value <= high)
    return None


def _test_structure(shape: Shape) -> _Test:
    required = [name for name in shape.required if not shape.members[name].token]
    tests: dict[str, _Test | None] = {}

    def fits(value: Any) -> bool:
        if shape.document or not isinstance(value, dict):
            return True
        if not tests:  # not made before: a shape may have itself inside
            tests.update((name, _test(member.shape)) for name, member in shape.members.items())
        for name in required:
            if value.get(name) is None:
                return False
        for name, item in value.items():
            test = tests[name]
            if test is not None and item is not None and not test(item):
                return False
        return True

    return fits


def _test_elements(inner: Shape, low: float, high: float) -> _Test:
    def fits(value: Any) -> bool:
        test = _test(inner)
        return low <= len(value) <= high and (test is None or all(map(test, value)))

    return fits


def _test_entries(key: Shape, inner: Shape, low: float, high: float) -> _Test:
    own = _own(key)

    def fits(value: Any) -> bool:
        name, test = _test(key), _test(inner)
        return (low <= len(value) <= high and (not own or name is None or all(map(name, value)))
                and (test is None or all(test(item) for item in value.values() if item is not None)))

    return fits


def _test_text(shape: Shape, low: float, high: float) -> _Test:
    allowed, pattern = frozenset(shape.enum), _compiled(shape.pattern) if shape.pattern else None

    def fits(value: Any) -> bool:
        return not isinstance(value, str) or (
            low <= len(value) <= high and (not allowed or value in allowed)
            and (pattern is None or pattern.fullmatch(value) is not None))

    return fits


_compiled = lru_cache(maxsize=4096)(pattern_of)


def reasons(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """What is wrong with a value at ``path``, one by one."""
    kind = shape.type
    if kind == "structure":
        if shape.document or not isinstance(value, dict):
            return
        for name in shape.required:
            if value.get(name) is None and not shape.members[name].token:
                yield _says(None, _join(path, name), "Member must not be null")
        for name, item in value.items():
            inner = shape.members[name].shape
            if item is not None and inner.is_constrained() | _own(inner):
                yield from reasons(item, inner, _join(path, name))
    elif kind == "list" and shape.item:
        yield from _size(value, shape, path)
        if (inner := shape.item.shape).is_constrained() | _own(inner):
            for n, item in enumerate(value, 1):
                yield from reasons(item, inner, f"{path}.{n}.member")
    elif kind == "map" and shape.key and shape.value:
        yield from _size(value, shape, path)
        if _own(shape.key.shape):
            for key in value:
                yield from reasons(key, shape.key.shape, path)
        if (inner := shape.value.shape).is_constrained() | _own(inner):
            for key, item in value.items():
                yield from reasons(item, inner, f"{path}.{key}.member")
    elif kind == "string" and isinstance(value, str):
        yield from _text(value, shape, path)
    elif kind == "blob":
        if isinstance(value, bytes):
            yield from _size(value, shape, path)
    elif kind in ("integer", "long", "float", "double", "short", "byte"):
        if shape.min is not None and value < shape.min:
            yield _says(value, path, f"Member must have value greater than or equal to {shape.min:g}")
        if shape.max is not None and value > shape.max:
            yield _says(value, path, f"Member must have value less than or equal to {shape.max:g}")


def _own(shape: Shape) -> bool:
    """Whether the shape itself, not one inside it, has a constraint."""
    return (
        bool(shape.required or shape.enum or shape.pattern) or shape.min is not None or shape.max is not None
    )


def _text(value: str, shape: Shape, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _says(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    if shape.pattern and (pattern := _compiled(shape.pattern)) and not pattern.fullmatch(value):
        yield _says(value, path, f"Member must satisfy regular expression pattern: {shape.pattern}")
    yield from _size(value, shape, path)


def _size(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if shape.min is not None and len(value) < shape.min:
        yield _says(value, path, f"Member must have length greater than or equal to {shape.min:g}")
    if shape.max is not None and len(value) > shape.max:
        yield _says(value, path, f"Member must have length less than or equal to {shape.max:g}")


def _says(value: Any, path: str, rule: str) -> str:
    shown = "null" if value is None else f"'{_show(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"


def _show(value: Any) -> str:
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_show, value)) + "]"
    return str(value)


def _join(path: str, name: str) -> str:
    step = name[:1].lower() + name[1:]
    return f"{path}.{step}" if path else step

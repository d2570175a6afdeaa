"""The model's constraints, and AWS's words for a value that violates them.

The walk is silent and quick when all is well; messages are only made when something is not.
Ranges of lengths count code points, as AWS's servers do.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from .shapes import Member, Shape, pattern_of

_MANY = 10  # AWS names at most this many violations in one answer


def violations(params: dict[str, Any], member: Member) -> list[str]:
    """What is wrong with ``params``, each as AWS says it.

    For example ``Value null at 'tableName' failed to satisfy constraint: Member must not be null``.
    """
    if not member.shape.is_constrained():
        return []
    found = []
    for message in _check(params, member.shape, ""):
        found.append(message)
        if len(found) == _MANY:
            break
    return found


def message(found: list[str]) -> str:
    """The violations in one sentence, as AWS's services put it."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: " + "; ".join(found)


def _check(value: Any, shape: Shape, path: str) -> Iterator[str]:
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
                yield from _check(item, inner, _join(path, name))
    elif kind == "list" and shape.item:
        yield from _size(value, shape, path)
        if (inner := shape.item.shape).is_constrained() | _own(inner):
            for n, item in enumerate(value, 1):
                yield from _check(item, inner, f"{path}.{n}.member")
    elif kind == "map" and shape.key and shape.value:
        yield from _size(value, shape, path)
        if _own(shape.key.shape):
            for key in value:
                yield from _check(key, shape.key.shape, path)
        if (inner := shape.value.shape).is_constrained() | _own(inner):
            for key, item in value.items():
                yield from _check(item, inner, f"{path}.{key}.member")
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


_compiled = lru_cache(maxsize=4096)(pattern_of)


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

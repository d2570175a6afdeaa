"""Changing an item as an update says.

Every operand is worth what it was before the update. Positions in lists are those before it, too: what is
set beyond the end is appended in order, and elements are removed last.
"""

from typing import Any

from . import numbers
from .conditions import computed
from .errors import ValidationException, invalid
from .syntax import Path, Update
from .values import SETS, Item, Value, kind_of

_INVALID = "The document path provided in the update expression is invalid for update"
_TYPE = "An operand in the update expression has an incorrect data type"


def apply(update: Update, item: Item) -> None:
    """Change ``item`` (the caller's own copy, whose containers nobody else holds)."""
    changes: list[tuple[Path, Value]] = [(path, computed(operand, item)) for path, operand in update.sets]
    removed = list(update.removes)
    for path, value in update.adds:
        before = _at(path, item)
        _check_kinds(update, before, value)
        changes.append((path, _added(before, value)))
    for path, value in update.deletes:
        before = _at(path, item)
        _check_kinds(update, before, value)
        if before is None:
            continue
        left = _without(before, value)
        if left is None:
            removed.append(path)
        else:
            changes.append((path, left))
    for path in removed:
        _container(path, item)
    for path, value in sorted(changes, key=lambda change: _position(change[0])):
        _put(path, item, value)
    for path in sorted(removed, key=_position, reverse=True):
        _remove(path, item)


def _position(path: Path) -> int:
    step = path.steps[-1]
    return step if isinstance(step, int) else -1


def _container(path: Path, item: Item) -> Any:
    """What holds the last step of ``path``: a dict of a map, or a list."""
    container: Any = item
    for at, step in enumerate(path.steps[:-1]):
        value = _step(container, step)
        if value is None:
            raise ValidationException(_INVALID)
        wanted = "L" if isinstance(path.steps[at + 1], int) else "M"
        if wanted not in value:
            raise ValidationException(_INVALID)
        container = value[wanted]
    return container


def _step(container: Any, step: str | int) -> Value | None:
    if isinstance(step, int):
        return container[step] if step < len(container) else None
    found: Value | None = container.get(step)
    return found


def _at(path: Path, item: Item) -> Value | None:
    return _step(_container(path, item), path.steps[-1])


def _put(path: Path, item: Item, value: Value) -> None:
    container, step = _container(path, item), path.steps[-1]
    if isinstance(step, int) and step >= len(container):
        container.append(value)
    else:
        container[step] = value


def _remove(path: Path, item: Item) -> None:
    container, step = _container(path, item), path.steps[-1]
    if isinstance(step, int):
        if step < len(container):
            del container[step]
    else:
        container.pop(step, None)


def _check_kinds(update: Update, before: Value | None, value: Value) -> None:
    if before is not None and kind_of(value) not in before:
        raise invalid("Type mismatch for attribute to "
                      "update") if update.legacy else ValidationException(_TYPE)


def _added(before: Value | None, value: Value) -> Value:
    """``before`` and ``value`` together: a sum, or a union."""
    if before is None:
        return value
    kind = kind_of(value)
    if kind == "N":
        return {"N": numbers.plus(before["N"], value["N"])}
    if kind == "L":
        return {"L": before["L"] + value["L"]}
    return {kind: _sorted(kind, {*before[kind], *value[kind]})}


def _without(before: Value, value: Value) -> Value | None:
    """What is left of a set; None if that is nothing."""
    kind = kind_of(value)
    left = set(before[kind]) - set(value[kind])
    return {kind: _sorted(kind, left)} if left else None


def _sorted(kind: str, elements: set[Any]) -> list[Any]:
    return sorted(elements, key=numbers.ordered if SETS[kind] == "N" else None)

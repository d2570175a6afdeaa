"""The part of an item that somebody asked for."""

from collections.abc import Iterable
from typing import Any

from .syntax import Path
from .values import Item, Value

Tree = dict[str | int, Any]  # from a step to the tree below it; an empty one stands for all there is


def tree_of(paths: Iterable[Path]) -> Tree:
    """Paths as a tree of their steps."""
    tree: Tree = {}
    for path in paths:
        node = tree
        for step in path.steps:
            node = node.setdefault(step, {})
    return tree


def tree_of_names(names: Iterable[str]) -> Tree:
    """Top-level attributes as such a tree."""
    return {name: {} for name in names}


def project(item: Item, tree: Tree) -> Item:
    """The part of ``item`` that ``tree`` names, with the elements of lists moved together."""
    found: Item = {}
    for name, below in tree.items():
        value = item.get(name)  # type: ignore[arg-type]
        if value is not None:
            part = value if not below else _part(value, below)
            if part is not None:
                found[str(name)] = part
    return found


def _part(value: Value, tree: Tree) -> Value | None:
    if "M" in value:
        inner = project(value["M"], {step: below for step, below in tree.items() if isinstance(step, str)})
        return {"M": inner} if inner else None
    if "L" in value:
        elements = value["L"]
        picked = []
        for step in sorted(step for step in tree if isinstance(step, int)):
            if step < len(elements):
                part = elements[step] if not tree[step] else _part(elements[step], tree[step])
                if part is not None:
                    picked.append(part)
        return {"L": picked} if picked else None
    return None

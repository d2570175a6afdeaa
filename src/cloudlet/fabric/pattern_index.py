"""Many patterns at once: which of them let an event through, without asking each.

Of every pattern one field is chosen that its events must agree with, and the pattern is looked up by what
events have there: a value, a beginning or an ending of one, or anything at all. The field is the one that
fewest other patterns could be looked up by, so a thousand patterns for one source are told apart by what they
say of its events. What is found so is asked in full; what has no such field is asked for every event.

>>> from .patterns import parse
>>> index = PatternIndex([("paid", parse('{"source": ["shop"], "detail": {"state": ["paid"]}}')),
...                       ("any", parse('{"source": [{"prefix": "sh"}]}'))])
>>> index.matching({"source": "shop", "detail": {"state": "open"}})
['any']
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from .patterns import Leaf, Node, Path, Pattern, expanded

K = TypeVar("K")
_EXACT, _BEGINNING, _ENDING, _ANYTHING = range(4)  # the earlier says more


class Key(NamedTuple):
    """What a pattern is looked up by: a field, and what an event has there. ``fold``: in any casing."""

    path: Path
    kind: int
    value: Any = None
    fold: bool = False


class _Field:
    """The patterns that are looked up by one field."""

    __slots__ = ("anything", "beginnings", "children", "endings", "exact")

    def __init__(self) -> None:
        self.children: dict[str, _Field] = {}
        self.exact: dict[Any, list[int]] = {}
        # by length and casing, so that a value is cut once for each
        self.beginnings: dict[tuple[int, bool], dict[str, list[int]]] = {}
        self.endings: dict[tuple[int, bool], dict[str, list[int]]] = {}
        self.anything: list[int] = []

    def add(self, key: Key, number: int) -> None:
        if key.kind == _ANYTHING:
            self.anything.append(number)
        elif key.kind == _EXACT:
            self.exact.setdefault(key.value, []).append(number)
        else:
            tables = self.beginnings if key.kind == _BEGINNING else self.endings
            table = tables.setdefault((len(key.value), key.fold), {})
            table.setdefault(key.value, []).append(number)

    def look_up(self, value: Any, found: set[int]) -> None:
        found.update(self.anything)
        found.update(self.exact.get(_exact(value), ()))
        if isinstance(value, str):
            folded = value.casefold()
            for (length, fold), table in self.beginnings.items():
                found.update(table.get((folded if fold else value)[:length], ()))
            for (length, fold), table in self.endings.items():
                text = folded if fold else value
                found.update(table.get(text[len(text) - length:] if length <= len(text) else "", ()))


class PatternIndex(Generic[K]):
    """Patterns by names of the caller's; they are found in the order in which they were given."""

    def __init__(self, patterns: Iterable[tuple[K, Pattern]]) -> None:
        self._patterns = list(patterns)
        self._root = _Field()
        self._unindexed: list[int] = []
        shared = Counter(key for _, pattern in self._patterns for keys in _all(pattern.root) for key in keys)
        for number, (_, pattern) in enumerate(self._patterns):
            keys = _choose(pattern.root, shared)
            if keys is None:
                self._unindexed.append(number)
            else:
                for key in keys:
                    self._field(key.path).add(key, number)

    def matching(self, event: Any) -> list[K]:
        """Exactly the names whose patterns let ``event`` (decoded JSON) through."""
        patterns = self._patterns
        return [patterns[n][0] for n in self.candidates(event) if patterns[n][1].matches(event)]

    def candidates(self, event: Any) -> list[int]:
        """The numbers of the patterns that are worth asking, in order."""
        found = set(self._unindexed)
        _walk(event, self._root, found)
        return sorted(found)

    def _field(self, path: Path) -> _Field:
        field = self._root
        for step in path:
            field = field.children.setdefault(step, _Field())
        return field


def _walk(value: Any, field: _Field, found: set[int]) -> None:
    """Look up every value that stands in a field of the index, whatever array lies on the way."""
    if isinstance(value, dict):
        children = field.children
        if children:
            for step, inner in expanded(value).items():
                below = children.get(step)
                if below is not None:
                    _walk(inner, below, found)
    elif isinstance(value, list):
        for one in value:
            _walk(one, field, found)
    else:
        field.look_up(value, found)


def _all(node: Node) -> Iterator[set[Key]]:
    """For each field that could be chosen somewhere, the keys it would be looked up by."""
    for below in node.fields.values():
        if isinstance(below, Node):
            yield from _all(below)
        elif (keys := _keys(below)) is not None:
            yield keys
    for choice in node.choices:
        for branch in choice:
            yield from _all(branch)


def _choose(node: Node, shared: Counter[Key]) -> set[Key] | None:
    """The keys by which an object of the pattern is found best; None if it can't be found by any."""
    options = [_choose(below, shared) if isinstance(below, Node) else _keys(below)
               for below in node.fields.values()]
    for choice in node.choices:  # an event may take any branch, so all of them must be found
        branches = [_choose(branch, shared) for branch in choice]
        union = {key for keys in branches if keys is not None for key in keys}
        options.append(None if None in branches else union)
    usable = [keys for keys in options if keys is not None]
    return min(usable, key=lambda keys: _cost(keys, shared), default=None)


def _cost(keys: set[Key], shared: Counter[Key]) -> tuple[int, int]:
    return max(shared[key] for key in keys), max(key.kind for key in keys)


def _keys(leaf: Leaf) -> set[Key] | None:
    """One key for each alternative; None if the field may be missing."""
    return None if leaf.absent else {_key(leaf.path, one) for one in leaf.alternatives}


def _key(path: Path, alternative: Any) -> Key:
    if not isinstance(alternative, dict):
        return Key(path, _EXACT, _exact(alternative))
    (name, argument), = alternative.items()
    if name == "prefix":
        return _affix(path, _BEGINNING, argument)
    if name == "suffix":
        return _affix(path, _ENDING, argument)
    if name == "equals-ignore-case":  # whatever is equal begins so
        return Key(path, _BEGINNING, argument.casefold(), True)
    if name == "wildcard":
        beginning = argument.partition("*")[0].partition("\\")[0]
        if beginning:
            return Key(path, _BEGINNING, beginning)
    return Key(path, _ANYTHING)


def _affix(path: Path, kind: int, argument: Any) -> Key:
    if isinstance(argument, dict):
        return Key(path, kind, argument["equals-ignore-case"].casefold(), True)
    return Key(path, kind, argument)


def _exact(value: Any) -> Any:
    """A value that a table tells apart as patterns do: ``true`` is not 1."""
    return (str(value),) if value is None or isinstance(value, bool) else value

"""Which route a request takes.

Routes are a tree of path segments. At each step a literal segment is tried before a variable, and that
before a greedy one, so the most specific path wins that serves the method at all; of two routes with one
path the one that names the method wins over ``ANY``. What nothing matches goes to ``$default``.

>>> router = Router({"GET /pets/{id}": 1, "ANY /{proxy+}": 2, "$default": 3})
>>> router.find("GET", "/pets/7")
Match(key='GET /pets/{id}', route=1, variables={'id': '7'})
>>> router.find("PUT", "/pets/7").key, router.find("GET", "/").key
('ANY /{proxy+}', '$default')
"""

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

T = TypeVar("T")


class Match(NamedTuple, Generic[T]):
    """The route that was found, and what its variables stand for."""

    key: str
    route: T
    variables: dict[str, str]


class _Node(Generic[T]):
    """What may follow a beginning of a path."""

    __slots__ = ("ends", "greedy", "literals", "variables")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.variables: _Node[T] | None = None
        self.greedy: _Node[T] | None = None
        self.ends: dict[str, tuple[str, list[str], T]] = {}  # by method: key, names of variables, route


class Router(Generic[T]):
    """Routes by their keys."""

    def __init__(self, routes: Mapping[str, T]) -> None:
        self._root: _Node[T] = _Node()
        self._default = routes.get("$default")
        for key, route in routes.items():
            if key != "$default":
                self._add(key, route)

    def find(self, method: str, path: str) -> Match[T] | None:
        """The route for a request; ``path`` still has its escapes."""
        found = _walk(self._root, path.split("/")[1:], 0, method, [])
        if found is not None:
            (key, names, route), values = found
            return Match(
                key, route, {name: unquote(value) for name, value in zip(names, values, strict=True)}
            )
        return None if self._default is None else Match("$default", self._default, {})

    def _add(self, key: str, route: T) -> None:
        method, _, path = key.partition(" ")
        node, names = self._root, list[str]()
        for segment in path.split("/")[1:]:
            if segment.startswith("{") and segment.endswith("+}"):
                names.append(segment[1:-2])
                node.greedy = node.greedy or _Node()
                node = node.greedy
            elif segment.startswith("{") and segment.endswith("}"):
                names.append(segment[1:-1])
                node.variables = node.variables or _Node()
                node = node.variables
            else:
                node = node.literals.setdefault(unquote(segment), _Node())
        node.ends[method] = (key, names, route)


def _walk(node: _Node[T], segments: list[str], at: int, method: str,
          values: list[str]) -> tuple[tuple[str, list[str], T], list[str]] | None:
    if at == len(segments):
        end = node.ends.get(method) or node.ends.get("ANY")
        return None if end is None else (end, values)
    segment = segments[at]
    literal = node.literals.get(unquote(segment))
    found = None
    if literal is not None:
        found = _walk(literal, segments, at + 1, method, values)
    if found is None and node.variables is not None and segment:
        found = _walk(node.variables, segments, at + 1, method, [*values, segment])
    if found is None and node.greedy is not None and (rest := "/".join(segments[at:])):
        found = _walk(node.greedy, segments, len(segments), method, [*values, rest])
    return found

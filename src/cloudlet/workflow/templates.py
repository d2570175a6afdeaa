"""Templates: JSON of a definition in which some texts are paths, calls or expressions.

A template is compiled once into a function of a :class:`Scene`. What holds nothing to be evaluated is given
as it is, and shared: nobody may change a value, only build another.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .failures import Failure
from .intrinsics import compile_call, following, json_text
from .jsonata import BadExpression, Expression, is_expression
from .jsonpath import BadText, NoResult, Path, compile_path
from .records import World

Template = Callable[["Scene"], Any]


class BadTemplate(Exception):
    """A field that can't be compiled: AWS's words and, below the field, where."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class Scene:
    """What a template may know: the input, the context object, variables, and where chance comes from."""

    def __init__(self, value: Any, context: Callable[[], dict[str, Any]],
                 variables: Callable[[], Mapping[str, Any]], world: World, now_ms: int) -> None:
        self.input: Any = value  # of the state
        self.value: Any = value  # what ``$`` is at the moment
        self.result: Any = _NOTHING
        self.error: Any = _NOTHING
        self._context, self.variables, self.world, self.now_ms = context, variables, world, now_ms
        self._found: dict[str, Any] | None = None

    def context(self) -> dict[str, Any]:
        """The context object."""
        if self._found is None:
            self._found = self._context()
        return self._found

    def states(self, *, context: bool) -> dict[str, Any]:
        """The value of ``$states``."""
        found = {"input": self.input}
        if context:
            found["context"] = self.context()
        if self.result is not _NOTHING:
            found["result"] = self.result
        if self.error is not _NOTHING:
            found["errorOutput"] = self.error
        return found

    def follow(self, path: Path) -> Any:
        """What ``path`` leads to; NoResult if nowhere."""
        if not path.scope:
            return path.find(self.value)
        if path.scope == "$":
            return path.find(self.context())
        variables = self.variables()
        if path.scope not in variables:
            raise NoResult(f"No results for path: $['{path.scope}']")
        return path.find(variables[path.scope])

    def shown(self) -> str:
        """The input, for messages."""
        return json_text(self.value)


_NOTHING = object()


def constant(value: Any) -> Template:
    """A template that always gives ``value``."""
    return lambda scene: value


def payload(value: Any) -> Template:
    """A JSONPath payload template: fields whose name ends in ``.$`` are evaluated."""
    def field(name: str, one: Any) -> tuple[str, Template | None]:
        return (name[:-2], dynamic(one, name)) if name.endswith(".$") else (name, walk(one, ""))

    def walk(one: Any, _: str) -> Template | None:
        return _tree(one, _, walk, field)

    return walk(value, "") or constant(value)


def query(value: Any, field: str) -> Template:
    """JSON with expressions in ``{% … %}``; ``field`` is how AWS names it, such as ``Output``."""
    def walk(one: Any, at: str) -> Template | None:
        if is_expression(one):
            return expression(one, at)
        return _tree(one, at, walk, lambda name, inner: (name, walk(inner, f"{at}/{name}")))

    return walk(value, field) or constant(value)


def _tree(value: Any, at: str, walk: Callable[[Any, str], Template | None],
          field: Callable[[str, Any], tuple[str, Template | None]]) -> Template | None:
    """A list or an object in which something is to be evaluated; None if nothing is."""
    if isinstance(value, list):
        items = [walk(one, f"{at}[{position}]") for position, one in enumerate(value)]
        parts = [item or constant(one) for item, one in zip(items, value, strict=True)]
        return (lambda scene: [part(scene) for part in parts]) if any(items) else None
    if not isinstance(value, dict):
        return None
    fields = [field(name, one) for name, one in value.items()]
    pairs = [(name, part or constant(one)) for (name, part), one in zip(fields, value.values(), strict=True)]
    if not any(part for _, part in fields):
        return None
    return lambda scene: {name: part(scene) for name, part in pairs}


def dynamic(text: Any, field: str) -> Template:
    """A path or a call, of a field whose name ends in ``.$`` or ``Path``."""
    try:
        if isinstance(text, str) and text.lstrip().startswith("States."):
            return compile_call(text)
        path = compile_path(text)
    except (BadText, TypeError):
        raise BadTemplate(f"The value for the field '{field}' must be a valid JSONPath or a valid intrinsic "
                          "function call") from None
    return following(path, lambda scene, nowhere: (
        f"The JSONPath '{text}' specified for the field '{field}' could not be found in the input "
        f"'{scene.shown()}'"))


def path_of(text: Any, field: str) -> Template:
    """InputPath and its like, which say how far a path led."""
    if isinstance(text, str) and text.startswith("States."):
        return dynamic(text, field)
    try:
        path = compile_path(text)
    except (BadText, TypeError):
        raise BadTemplate(f"Invalid path '{text}' for the field '{field}'") from None
    if path.text == "$":
        return lambda scene: scene.value
    return following(path, lambda scene, nowhere: f"Invalid path '{text}' : {nowhere}")


def expression(text: str, field: str) -> Expression:
    """The expression between ``{%`` and ``%}``."""
    try:
        return Expression(text[2:-2].strip(), field)
    except BadExpression as error:
        raise BadTemplate(str(error), "/" + field) from None


def typed(value: Any, field: str, kind: str) -> Template:
    """A JSONata field that takes one kind of value: ``array``, ``number``, ``string``, ``boolean``."""
    if not is_expression(value):
        return query(value, field)
    compiled = expression(value, field)

    def checked(scene: Scene) -> Any:
        found = compiled(scene)
        compiled.expect(found, kind)
        return found

    return checked


def place(whole: Any, keys: tuple[str | int, ...], value: Any, shown: str) -> Any:
    """``whole`` with ``value`` at ``keys``, made of new containers where it differs."""
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(key, int):
        if not isinstance(whole, list) or key >= len(whole):
            raise _no_match(whole, shown)
        return [*whole[:key], place(whole[key], rest, value, shown), *whole[key + 1 :]]
    if whole is not None and not isinstance(whole, dict):
        raise _no_match(whole, shown)
    inner = (whole or {}).get(key)
    return {**(whole or {}), key: place(inner, rest, value, shown)}


def _no_match(whole: Any, shown: str) -> Failure:
    return Failure("States.ResultPathMatchFailure",
                   f"Unable to apply ReferencePath {shown} to input {json_text(whole)}")


def whole_number(value: Any, *, least: int = 0) -> int | None:
    """The value as an integer of at least ``least``, also from a text; None if it is none."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= least else None


"""Fn::ForEach of AWS::LanguageExtensions: a piece of a template, once for each of a list.

>>> document = Document({"Transform": "AWS::LanguageExtensions", "Resources": {"Fn::ForEach::Queues": [
...     "Name", ["Orders", "Bills"], {"Queue${Name}": {"Type": "AWS::SQS::Queue"}}]}})
>>> list(expand(document, {}, account="1", region="r").body["Resources"])
['QueueOrders', 'QueueBills']
"""

from collections.abc import Mapping
from typing import Any

from .document import Document, Path, refusal, text_of
from .goal import Environment, resolver_of
from .intrinsics import Resolver
from .parameters import Given, read_parameters
from .template import Template

_LOOP = "Fn::ForEach::"
_DEEPEST = 5


def expand(document: Document, parameters: Mapping[str, str], *, account: str, region: str) -> Document:
    """The document with every loop written out."""
    if _LOOP not in document.text and not _has_loop(document.body):
        return document
    specs = read_parameters(document, document.body.get("Parameters") or {})
    template = Template(
        document,
        parameters=specs,
        mappings=document.body.get("Mappings") or {},
        transforms=("AWS::LanguageExtensions",),
    )
    environment = Environment(account, region, "", "")
    resolver = resolver_of(
        template, environment, {name: Given(value, value) for name, value in parameters.items()}
    )
    document.line("Resources")  # so that a JSON document knows its lines
    expander = _Expander(resolver, document)
    body = expander.value(document.body, (), (), {}, 0)
    return Document(body, document.lines | expander.lines, document.text)


def _has_loop(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key.startswith(_LOOP) or _has_loop(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_loop, value))


class _Expander:
    """Writes loops out, and remembers on which line what it wrote stood."""

    def __init__(self, resolver: Resolver, document: Document) -> None:
        self._resolver, self._document = resolver, document
        self.lines: dict[Path, int] = {}

    def value(self, value: Any, path: Path, to: Path, names: Mapping[str, str], depth: int) -> Any:
        """``value``, which stands under ``path`` and will stand under ``to``, with ``names`` put in."""
        if names:
            self.lines[to] = self._document.line(*path)
        if isinstance(value, str):
            return _put(value, names)
        if isinstance(value, list):
            return [self.value(item, (*path, n), (*to, n), names, depth) for n, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if names and value.keys() == {"Ref"} and value["Ref"] in names:
            return names[value["Ref"]]
        found: dict[str, Any] = {}
        for key, item in value.items():
            if key.startswith(_LOOP):
                for name, one in self._loop(item, (*path, key), to, names, depth + 1).items():
                    if name in found:
                        raise refusal(
                            f"Template error: Fn::ForEach makes {name} twice", self._document.line(*path, key)
                        )
                    found[name] = one
            else:
                name = _put(key, names)
                found[name] = self.value(item, (*path, key), (*to, name), names, depth)
        return found

    def _loop(self, loop: Any, path: Path, to: Path, names: Mapping[str, str], depth: int) -> dict[str, Any]:
        if (
            not isinstance(loop, list)
            or len(loop) != 3
            or not isinstance(loop[0], str)
            or not isinstance(loop[2], dict)
        ):
            raise refusal(
                "Template error: Fn::ForEach requires an identifier, a collection and an output",
                self._document.line(*path),
            )
        if depth > _DEEPEST:
            raise refusal(
                f"Template error: Fn::ForEach may be nested {_DEEPEST} deep", self._document.line(*path)
            )
        collection = self._resolver.resolve(self.value(loop[1], (*path, 1), to, names, depth), (*path, 1))
        if not isinstance(collection, list):
            raise refusal(
                "Template error: the collection of Fn::ForEach must be a list", self._document.line(*path)
            )
        found: dict[str, Any] = {}
        for item in dict.fromkeys(map(text_of, collection)):
            inner = {**names, loop[0]: item}
            made = self.value(loop[2], (*path, 2), to, inner, depth)
            twice = found.keys() & made.keys()
            if twice:
                raise refusal(
                    f"Template error: Fn::ForEach makes {min(twice)} twice", self._document.line(*path)
                )
            found |= made
        return found


def _put(text: str, names: Mapping[str, str]) -> str:
    """``text`` with the identifiers of loops replaced: ``&{X}`` is their alphanumeric part."""
    for name, item in names.items():
        text = text.replace(f"${{{name}}}", item)
        text = text.replace(f"&{{{name}}}", "".join(c for c in item if c.isalnum()))
    return text

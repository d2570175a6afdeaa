"""Selection expressions: what a parameter takes from the request, its context, the stage or the answer.

``$request.body.name`` is one, ``{"to": "${request.header.name}"}`` a text with some in it. Each is compiled
once. One that leads to nothing fails the request, as on AWS, also where the service could do without.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html
"""

import json
import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from ...wire.http import Response
from ...workflow.jsonpath import BadText, NoResult, Path, compile_path
from . import limits
from .visits import Visit

_EMBEDDED = re.compile(r"\$\{([^{}]*)\}")
_MESSAGE = re.compile(r"(request|response)\.(header|querystring|path|body)(?:\.(.+)|(\[.+))?", re.DOTALL)
_PLAIN = re.compile(r"(context|stageVariables)\.([\w.:/-]+)")
_REFUSED = ("..", "?(")  # of JSONPath


class Unresolved(Exception):
    """An expression that leads to nothing."""


class Around:
    """What expressions may look at: a visitor's request and, once there is one, its answer."""

    def __init__(self, visit: Visit, answer: Response | None = None) -> None:
        self.visit, self.answer = visit, answer

    @cached_property
    def context(self) -> dict[str, str]:
        """The ``$context`` variables."""
        return self.visit.context()

    @cached_property
    def document(self) -> Any:
        """The request's body as JSON; AWS looks no further than 100 KB into it."""
        return _parsed(self.visit.request.body[: limits.MAX_MAPPED_BODY])

    @cached_property
    def answered(self) -> Any:
        """The answer's body as JSON."""
        assert self.answer
        return _parsed(self.answer.body if isinstance(self.answer.body, bytes) else b"")


Expression = Callable[[Around], str]


@lru_cache(maxsize=4096)
def compiled(text: str, *, of_answer: bool = False) -> Expression:
    """The expression that a text is; ValueError if it is none. Only ``of_answer`` may see the answer."""
    if text.startswith("$") and not text.startswith("${"):
        return _source(text[1:], of_answer)
    parts = _EMBEDDED.split(text)
    texts, sources = parts[::2], [_source(part, of_answer) for part in parts[1::2]]

    def filled(around: Around) -> str:
        values = [*(source(around) for source in sources), ""]
        return "".join(text + value for text, value in zip(texts, values, strict=True))

    return filled


def _source(text: str, of_answer: bool) -> Expression:
    plain, message = _PLAIN.fullmatch(text), _MESSAGE.fullmatch(text)
    if plain:
        name = plain[2]
        return _given((lambda around: around.context.get(name)) if plain[1] == "context" else
                      (lambda around: around.visit.stage.stage_variables.get(name)))
    if message is None or (message[1] == "response" and not of_answer):
        raise ValueError(text)
    whose, place = message[1], message[2]
    name = f".{message[3]}" if message[3] else message[4] or ""
    if place == "body":
        return _of_body(whose, name)
    if whose == "response" and place != "header":
        raise ValueError(text)
    if place == "path" and not name:
        return lambda around: around.visit.resource
    if not name.startswith(".") or len(name) < 2:
        raise ValueError(text)
    return _given(_PLACES[whose, place](name[1:]))


def _given(look: Callable[[Around], str | None]) -> Expression:
    def source(around: Around) -> str:
        found = look(around)
        if not found:
            raise Unresolved
        return found

    return source


_PLACES: dict[tuple[str, str], Callable[[str], Callable[[Around], str | None]]] = {
    ("request", "header"): lambda name: lambda around: around.visit.request.headers.get(name.lower()),
    ("request", "querystring"): lambda name: lambda around: ",".join(around.visit.queries().get(name, ())),
    ("request", "path"): lambda name: lambda around: around.visit.variables.get(name),
    ("response", "header"): lambda name: lambda around: _header(around, name.lower())}


def _header(around: Around, name: str) -> str | None:
    assert around.answer
    found = around.answer.headers.get(name)
    return ",".join(found) if isinstance(found, list) else found


def _of_body(whose: str, name: str) -> Expression:
    if not name:
        return _given(_whole if whose == "request" else _answer)
    if any(sign in name for sign in _REFUSED):
        raise ValueError(name)
    try:
        path = compile_path(f"${name}")
    except BadText:
        raise ValueError(name) from None
    return _given(lambda around: _found(path, around.document if whose == "request" else around.answered))


def _whole(around: Around) -> str:
    return around.visit.request.body.decode("utf-8", "replace")


def _answer(around: Around) -> str:
    body = around.answer.body if around.answer else b""
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else ""


def _found(path: Path, document: Any) -> str | None:
    try:
        value = path.find(document)
    except NoResult:
        return None
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

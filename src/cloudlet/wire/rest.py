"""What REST-JSON and REST-XML share: members bound to the path, the query and the headers."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from ..errors import SerializationException
from .http import Request, Response
from .model import OperationModel, ServiceModel
from .shapes import Member
from .values import read_text, write_text


class Route(NamedTuple):
    """What a request must have to be for an operation."""

    name: str
    literals: tuple[tuple[str, str], ...]
    queries: frozenset[str]
    headers: frozenset[str]


def operation_name(request: Request, model: ServiceModel) -> str:
    """The operation whose method and URI fit best: the most literal one wins."""
    queries = request.queries() if request.query else {}
    for pattern, routes in _routes(model).get(request.method, ()):
        if not pattern.fullmatch(request.path):
            continue
        for route in routes:
            if (route.queries <= queries.keys() and route.headers <= request.headers.keys()
                    and all(queries[key] == value for key, value in route.literals if value)):
                return route.name
    return ""


def parse(request: Request, spec: OperationModel, body: Callable[[bytes, Member], Any]) -> dict[str, Any]:
    """The parameters of the operation; ``body`` reads those that the body carries.

    A streaming payload is the request itself, for the operation to read as it comes.
    """
    if spec.input is None:
        return {}
    shape = spec.input.shape
    found = _read_bound(request, spec)
    if shape.payload:
        member = shape.members[shape.payload]
        if member.streaming or member.shape.streaming:
            found[shape.payload] = request
        elif member.type == "blob":
            if request.body:
                found[shape.payload] = request.body
        elif member.type == "string":
            if request.body:
                found[shape.payload] = request.body.decode("utf-8", "replace")
        elif request.body and not member.shape.eventstream:
            found[shape.payload] = body(request.body, member)
    elif request.body and any(member.location is None for member in shape.members.values()):
        document = body(request.body, spec.input)
        if not isinstance(document, dict):
            raise SerializationException("Unexpected value type in payload")
        found |= document
    return found


def bind(
    result: dict[str, Any], spec: OperationModel, body: Callable[[Any, Member], bytes], kind: str
) -> Response:
    """The response to ``result``; ``body`` writes what the headers do not carry."""
    response = Response(spec.status, {})
    if spec.output is None:
        return response
    shape = spec.output.shape
    for name, value in result.items():
        member = shape.members[name]
        if value is None or member.location is None:
            continue
        if member.location == "header":
            response.headers[member.wire.lower()] = _write_header(value, member)
        elif member.location == "headers":
            response.headers |= {(member.wire + key).lower(): item for key, item in value.items()}
        elif member.location == "statusCode":
            response.status = value
    if shape.payload:
        value, member = result.get(shape.payload), shape.members[shape.payload]
        if value is None:
            return response
        if member.type in ("blob", "string"):
            response.body = value.encode() if isinstance(value, str) else value
            if not any(other.wire.lower() == "content-type" for other in shape.members.values()):
                kind = "application/octet-stream" if member.type == "blob" else "text/plain"
                response.headers.setdefault("content-type", kind)
        else:
            response.headers.setdefault("content-type", kind)
            response.body = body(value, member)
    elif any(member.location is None for member in shape.members.values()):
        response.headers.setdefault("content-type", kind)
        response.body = body(result, spec.output)
    return response


def _read_bound(request: Request, spec: OperationModel) -> dict[str, Any]:
    """The members that the path, the query string and the headers carry."""
    assert spec.input
    pattern, labels = _path(spec.path)
    match = pattern.fullmatch(request.path)
    uri = dict(zip(labels, map(unquote, match.groups()), strict=True)) if match else {}
    query: dict[str, list[str]] = {}
    for key, value in parse_qsl(request.query, keep_blank_values=True):
        query.setdefault(key, []).append(value)
    found: dict[str, Any] = {}
    for name, member in spec.input.shape.members.items():
        wire = member.wire
        if member.location is None:
            continue
        if member.location == "uri" and wire in uri:
            found[name] = read_text(uri[wire], member)
        elif member.location == "querystring":
            value = _read_query(query, spec, member)
            if value is not None:
                found[name] = value
        elif member.location == "header" and wire.lower() in request.headers:
            found[name] = _read_header(request.headers[wire.lower()], member)
        elif member.location == "headers":
            start = wire.lower()
            some = {k[len(start):]: v for k, v in request.headers.items() if k.startswith(start)}
            if some:
                found[name] = some
    return found


def _read_query(query: dict[str, list[str]], spec: OperationModel, member: Member) -> Any:
    if member.type == "map" and member.shape.value:
        assert spec.input
        bound = {key for key, _ in spec.literals} | {
            other.wire for other in spec.input.shape.members.values()
            if other.location == "querystring" and other.type != "map"}
        many = member.shape.value.type == "list"
        return {key: value if many else value[0] for key, value in query.items() if key not in bound} or None
    if member.wire not in query:
        return None
    if member.shape.item:
        return [read_text(value, member.shape.item) for value in query[member.wire]]
    return read_text(query[member.wire][0], member)


@lru_cache(maxsize=256)
def _routes(model: ServiceModel) -> dict[str, list[tuple[re.Pattern[str], list[Route]]]]:
    """By method: the paths, the most literal first, and the operations that live there."""
    ranked: dict[str, dict[str, list[tuple[tuple[int, bool], Route]]]] = {}
    for name in model.operation_names:
        spec = model.operation(name)
        queries = _required(spec, "querystring") | {key for key, _ in spec.literals}
        headers = frozenset(header.lower() for header in _required(spec, "header"))
        route = Route(name, spec.literals, queries, headers)
        here = ranked.setdefault(spec.method, {}).setdefault(_anonymous(spec.path), [])
        here.append(((-len(queries) - len(headers), spec.deprecated), route))
    return {method: [(_path(path)[0], [route for _, route in sorted(routes, key=lambda pair: pair[0])])
                     for path, routes in sorted(paths.items(), key=lambda pair: _literalness(pair[0]))]
            for method, paths in ranked.items()}


def _anonymous(path: str) -> str:
    """The path with its labels' names left out, so that twins fall together."""
    return re.sub(r"\{[^}+]+(\+?)\}", r"{_\1}", path)


def _literalness(path: str) -> tuple[int, int, int]:
    return (path.count("+}"), path.count("{"), -len(path))


def _required(spec: OperationModel, location: str) -> frozenset[str]:
    if spec.input is None:
        return frozenset()
    shape = spec.input.shape
    return frozenset(shape.members[name].wire for name in shape.required
                     if shape.members[name].location == location and shape.members[name].type != "map")


@lru_cache(maxsize=8192)
def _path(uri: str) -> tuple[re.Pattern[str], list[str]]:
    """A pattern for the paths of ``uri``, and the labels it captures; ``{Key+}`` takes slashes too."""
    labels: list[str] = []
    pattern = ""
    for text, label, greedy in re.findall(r"([^{]*)(?:\{([^}+]+)(\+?)\})?", uri):
        pattern += re.escape(text)
        if label:
            labels.append(label)
            pattern += "(.+)" if greedy else "([^/]+)"
    return re.compile(pattern.rstrip("/") + "/?" if not pattern.endswith("(.+)") else pattern, re.S), labels


def _read_header(text: str, member: Member) -> Any:
    if member.shape.item:
        inner = member.shape.item
        if inner.type == "timestamp" and (inner.timestamp_format or "rfc822") == "rfc822":
            halves = [part.strip() for part in text.split(",")]  # "Mon, 01 Jan 2026 …" has a comma of its own
            return [
                read_text(", ".join(pair), inner) for pair in zip(halves[::2], halves[1::2], strict=False)
            ]
        return [read_text(part, inner) for part in _split(text)]
    return read_text(text, member)


def _split(text: str) -> list[str]:
    """The items of a list in a header; those with commas stand in quotes."""
    return [part[1:-1].replace('\\"', '"') if part.startswith('"') else part.strip()
            for part in re.findall(r'"(?:[^"\\]|\\.)*"|[^,\s][^,]*', text)]


def _write_header(value: Any, member: Member) -> str:
    if member.shape.item:
        inner = member.shape.item
        return ",".join(_quoted(write_text(item, inner, "rfc822")) if inner.type == "string"
                        else write_text(item, inner, "rfc822") for item in value)
    return write_text(value, member, "rfc822")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"' if "," in text or '"' in text else text

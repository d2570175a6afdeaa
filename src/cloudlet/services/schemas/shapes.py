"""What events look like: the shape of one, of many together, and the schema that says it. Pure.

A shape is plain data, so that it can be kept: ``kinds`` of values seen, ``fields`` of objects with how many
objects had each, ``items`` of arrays. Shapes are merged, never forgotten: a schema gets a new version when an
event shows something new, and not when one lacks what is known to be optional.
"""

import re
from typing import Any

from .documents import EVENT
from .limits import EVENT_DEPTH

Shape = dict[str, Any]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ENVELOPE = ("detail-type", "resources", "detail", "id", "source", "time", "region", "version", "account")
_TEXTS = ("account", "detail-type", "id", "region", "source", "version")


def shape_of(value: Any, depth: int = 0) -> Shape:
    """The shape of one value."""
    if isinstance(value, dict):
        if depth >= EVENT_DEPTH:
            return {"kinds": ["object"], "fields": {}, "required": []}
        fields = {name: shape_of(one, depth + 1) for name, one in value.items()}
        return {"kinds": ["object"], "fields": fields, "required": sorted(fields)}
    if isinstance(value, list):
        items: Shape = {}
        for one in value:
            items = merged(items, shape_of(one, depth + 1))
        return {"kinds": ["array"], "items": items}
    return {"kinds": [_kind(value)]}


def merged(one: Shape, other: Shape) -> Shape:
    """What both show; a field is required if all objects seen have it."""
    if not one or not other:
        return one or other
    found: Shape = {"kinds": sorted({*one["kinds"], *other["kinds"]})}
    if "fields" in one and "fields" in other:
        names = sorted({*one["fields"], *other["fields"]})
        found["fields"] = {name: merged(one["fields"].get(name, {}), other["fields"].get(name, {}))
                           for name in names}
        found["required"] = sorted({*one["required"]} & {*other["required"]})
    elif fields := next((shape for shape in (one, other) if "fields" in shape), None):
        found |= {"fields": fields["fields"], "required": fields["required"]}
    if "items" in one or "items" in other:
        found["items"] = merged(one.get("items", {}), other.get("items", {}))
    return found


def openapi(shape: Shape, title: str, *, source: str = "", detail_type: str = "") -> dict[str, Any]:
    """An OpenAPI document for the shape of events' details (or of any value, if no source is given)."""
    writer = _Writer()
    components = writer.components
    if not source:
        components[title] = {}
        components[title] = writer.write(shape, title, top=True)
        return _document(title, components)
    components[EVENT], components[title] = {}, {}
    components[title] = writer.write(shape, title, top=True)
    properties: dict[str, Any] = {"detail": {"$ref": f"#/components/schemas/{title}"}}
    properties |= {name: {"type": "string"} for name in _TEXTS}
    properties |= {"resources": {"type": "array", "items": {"type": "string"}},
                   "time": {"type": "string", "format": "date-time"}}
    components[EVENT] = {
        "type": "object", "required": list(_ENVELOPE), "x-amazon-events-detail-type": detail_type,
        "x-amazon-events-source": source, "properties": dict(sorted(properties.items()))}
    return _document(title, components)


def camel(text: str) -> str:
    """A name without blanks and signs.

    >>> camel("EC2 Instance State-change Notification")
    'EC2InstanceStateChangeNotification'
    """
    words = re.split(r"[^0-9A-Za-z]+", text)
    return "".join(word[:1].upper() + word[1:] for word in words) or "Event"


class _Writer:
    """Writes shapes as schemas; each object becomes a component of its own."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}

    def write(self, shape: Shape, name: str, *, top: bool = False) -> dict[str, Any]:
        kinds = [kind for kind in shape.get("kinds", ()) if kind != "null"]
        several: list[dict[str, Any]] = [self._one(kind, shape, name, top and len(kinds) == 1)
                                         for kind in kinds]
        found: dict[str, Any] = several[0] if len(several) == 1 else {"oneOf": several} if several else {}
        if len(kinds) < len(shape.get("kinds", ())) and "$ref" not in found:
            found["nullable"] = True
        return found

    def _one(self, kind: str, shape: Shape, name: str, top: bool) -> dict[str, Any]:
        if kind == "array":
            return {"type": "array", "items": self.write(shape["items"], name)}
        if kind != "object":
            return {"type": "string", "format": kind} if kind in ("date", "date-time") else {"type": kind}
        if top:
            return self._object(shape)
        component = _free(camel(name), self.components)
        self.components[component] = {}
        self.components[component] = self._object(shape)
        return {"$ref": f"#/components/schemas/{component}"}

    def _object(self, shape: Shape) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "object"}
        if shape["required"]:
            found["required"] = shape["required"]
        return found | {"properties": {name: self.write(one, name) for name, one in shape["fields"].items()}}


def _free(name: str, taken: dict[str, Any]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _document(title: str, components: dict[str, Any]) -> dict[str, Any]:
    return {"openapi": "3.0.0", "info": {"version": "1.0.0", "title": title}, "paths": {},
            "components": {"schemas": components}}


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "date-time" if _MOMENT.fullmatch(value) else "date" if _DAY.fullmatch(value) else "string"
    return "number"

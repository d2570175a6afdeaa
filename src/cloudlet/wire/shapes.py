"""Shapes: what values an operation takes and gives.

A :class:`Shape` is the value's own type; a :class:`Member` is a place where it stands, with the
name and the position it has on the wire there. Traits of the place win over those of the type.
"""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import ServiceModel

_TEXTS = {"string", "character"}


class Shape:
    """The type of a value."""

    __slots__ = ("deep_constraints", "document", "enum", "eventstream", "item", "json_plain", "key", "max",
                 "members", "min", "name", "pattern", "payload", "required", "requires_length", "sensitive",
                 "spec", "streaming", "type", "union", "value", "wires")

    def __init__(self, name: str, spec: dict[str, Any]) -> None:
        self.name, self.spec = name, spec
        self.type: str = spec["type"]
        self.members: dict[str, Member] = {}
        self.required: tuple[str, ...] = tuple(spec.get("required", ()))
        self.item: Member | None = None
        self.key: Member | None = None
        self.value: Member | None = None
        self.enum: tuple[str, ...] = tuple(spec.get("enum", ()))
        self.min: float | None = spec.get("min")
        self.max: float | None = spec.get("max")
        self.pattern: str | None = spec.get("pattern")
        self.payload: str | None = spec.get("payload")
        self.document: bool = spec.get("document", False)
        self.union: bool = spec.get("union", False)
        self.eventstream: bool = spec.get("eventstream", False)
        self.streaming: bool = spec.get("streaming", False)
        self.requires_length: bool = spec.get("requiresLength", False)
        self.sensitive: bool = spec.get("sensitive", False)
        self.json_plain: bool | None = None
        self.deep_constraints: bool | None = None
        self.wires: dict[str, Member] = {}

    def link(self, spec: dict[str, Any], service: "ServiceModel") -> None:
        """Build what this shape is made of."""
        self.members = {name: service.member(ref, name) for name, ref in spec.get("members", {}).items()}
        self.wires = {member.wire: member for member in self.members.values()}
        if self.type == "list":
            self.item = service.member(spec["member"])
        if self.type == "map":
            self.key, self.value = service.member(spec["key"]), service.member(spec["value"])

    def parts(self) -> "list[Member]":
        """The members, items, keys and values this shape is made of."""
        return [*self.members.values(), *(part for part in (self.item, self.key, self.value) if part)]

    def is_plain(self) -> bool:
        """Whether a JSON encoder writes a value of this shape right without being told how."""
        if self.json_plain is None:
            self.json_plain = _nowhere(self, _needs_help)
        return self.json_plain

    def is_constrained(self) -> bool:
        """Whether this shape, or one inside it, has a constraint a value could violate."""
        if self.deep_constraints is None:
            self.deep_constraints = not _nowhere(self, _has_constraint)
        return self.deep_constraints

    def __repr__(self) -> str:
        return f"<{self.type} {self.name}>"


class Member:
    """A place where a shape stands."""

    __slots__ = ("attribute", "event_header", "event_payload", "flattened", "host_label", "jsonvalue",
                 "list_name", "location", "name", "named", "namespace", "shape", "streaming",
                 "timestamp_format", "token", "type", "wire")

    def __init__(self, name: str, shape: Shape, own: dict[str, Any], ref: dict[str, Any]) -> None:
        def trait(key: str, default: Any = None) -> Any:
            return ref.get(key, own.get(key, default))

        self.name, self.shape, self.type = name, shape, shape.type
        self.named: str | None = trait("locationName")
        self.wire: str = self.named or name
        self.location: str | None = trait("location")
        self.flattened: bool = trait("flattened", False)
        self.attribute: bool = trait("xmlAttribute", False)
        self.namespace: dict[str, str] | None = trait("xmlNamespace")
        self.timestamp_format: str | None = trait("timestampFormat")
        self.streaming: bool = trait("streaming", False)
        self.event_payload: bool = trait("eventpayload", False)
        self.event_header: bool = trait("eventheader", False)
        self.token: bool = ref.get("idempotencyToken", False)
        self.jsonvalue: bool = trait("jsonvalue", False)
        self.host_label: bool = trait("hostLabel", False)
        self.list_name: str | None = ref.get("queryName")

    def __repr__(self) -> str:
        return f"<member {self.name} {self.shape!r}>"


def _nowhere(shape: Shape, bad: Any) -> bool:
    """Whether no shape that can be reached from ``shape`` is ``bad``."""
    seen, queue = {shape.name}, [shape]
    while queue:
        for part in (current := queue.pop()).parts():
            if bad(part, current):
                return False
            if part.shape.name not in seen:
                seen.add(part.shape.name)
                queue.append(part.shape)
    return True


def _needs_help(part: Member, home: Shape) -> bool:
    return (part.type == "timestamp" or part.location is not None or part.jsonvalue
            or (home.type == "structure" and part.wire != part.name))


def _has_constraint(part: Member, home: Shape) -> bool:
    shape = part.shape
    return bool(home.required or shape.required or shape.enum or shape.min is not None
                or shape.max is not None or shape.pattern)


def pattern_of(text: str) -> re.Pattern[str] | None:
    """A model's pattern as Python's; None where the two dialects differ too much."""
    try:
        return re.compile(re.sub(r"\\p\{[A-Za-z]+\}", r"\\w", text).replace(r"\z", r"\Z"))
    except re.error:
        return None

"""Registries, schemas, their versions and discoverers as they are remembered."""

import re
from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from . import limits
from .errors import absent, bad

DISCOVERED = "discovered-schemas"
_NAME = re.compile(r"[0-9A-Za-z_.@-]+")


class Registry(msgspec.Struct):
    """A registry of schemas."""

    name: str
    arn: str
    description: str = ""
    tags: dict[str, str] = {}


class Schema(msgspec.Struct):
    """A schema; ``latest`` is the number of its newest version, ``shape`` what discovery has seen of it."""

    registry: str
    name: str
    arn: str
    type: str
    created_ms: int
    modified_ms: int
    latest: int = 0
    description: str = ""
    tags: dict[str, str] = {}
    shape: dict[str, Any] = {}


class Version(msgspec.Struct):
    """One version of a schema."""

    number: int
    content: str
    type: str
    created_ms: int
    token: str = ""


class Discoverer(msgspec.Struct):
    """What looks at the events of a bus."""

    id: str
    arn: str
    source_arn: str
    description: str = ""
    cross_account: bool = True
    running: bool = True
    tags: dict[str, str] = {}


registries = Table("schemas.registries", Registry)
known = Table("schemas.schemas", Schema)
versions = Table("schemas.versions", Version)
discoverers = Table("schemas.discoverers", Discoverer)


def need_registry(call: Call, name: str) -> Registry:
    """The registry of that name, or the error that there is none."""
    registry = registries.get(call, name)
    if registry is None:
        raise absent("Registry", name)
    return registry


def need_schema(call: Call, registry: str, name: str) -> Schema:
    """The schema of that name, or the error that there is none."""
    need_registry(call, registry)
    schema = known.get(call, registry, name)
    if schema is None:
        raise absent("Schema", name)
    return schema


def need_version(call: Call, schema: Schema, number: str | None) -> Version:
    """A version of a schema, the newest if none is named."""
    wanted = schema.latest if number is None else int(number) if number.isascii() and number.isdigit() else 0
    version = versions.get(call, schema.registry, schema.name, wanted)
    if version is None:
        raise absent("Schema version", str(number or schema.latest))
    return version


def new_registry(call: Call, name: str, description: str = "",
                 tags: dict[str, str] | None = None) -> Registry:
    """Make a registry."""
    registry = Registry(name, call.elsewhere(service="schemas").arn(f"registry/{name}"), description,
                        tags or {})
    registries.put(call, name, record=registry)
    return registry


def add_version(call: Call, schema: Schema, content: str, token: str = "") -> Version:
    """Give a schema a new version; the oldest goes when there are too many."""
    schema.latest += 1
    schema.modified_ms = call.now_ms
    version = Version(schema.latest, content, schema.type, call.now_ms, token)
    versions.put(call, schema.registry, schema.name, version.number, record=version)
    versions.delete(call, schema.registry, schema.name, version.number - limits.VERSIONS_PER_SCHEMA)
    known.put(call, schema.registry, schema.name, record=schema)
    return version


def check_name(kind: str, name: str, longest: int) -> None:
    """Refuse a name that AWS doesn't take."""
    if not _NAME.fullmatch(name) or len(name) > longest:
        raise bad(f"{kind} name {name} is not valid.")
    if name.lower().startswith("aws."):
        raise bad(f"{kind} name {name} begins with aws., which is reserved.")


def told(**members: Any) -> dict[str, Any]:
    """An answer without what is empty."""
    return {name: value for name, value in members.items() if value not in (None, "", {}, [])}

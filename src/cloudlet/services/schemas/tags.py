"""Tags of registries, schemas and discoverers."""

from typing import Any

from ...kernel import Call
from . import limits
from .errors import absent, bad
from .records import Discoverer, Registry, Schema, discoverers, known, registries
from .service import schemas

Config = dict[str, Any]


@schemas.operation
def tag_resource(call: Call, resource_arn: str, tags: dict[str, str]) -> None:
    """Add tags, or change them."""
    owner = _owner(call, resource_arn)
    owner.tags = {**owner.tags, **tags}
    if len(owner.tags) > limits.TAGS:
        raise bad(f"A resource can have at most {limits.TAGS} tags.")
    _keep(call, owner)


@schemas.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> None:
    """Remove tags; those that are not there are no error."""
    owner = _owner(call, resource_arn)
    owner.tags = {key: value for key, value in owner.tags.items() if key not in tag_keys}
    _keep(call, owner)


@schemas.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> Config:
    """The tags of a registry, a schema or a discoverer."""
    return {"Tags": _owner(call, resource_arn).tags}


def _owner(call: Call, arn: str) -> Registry | Schema | Discoverer:
    kind, _, name = arn.rpartition(":")[2].partition("/")
    found: Registry | Schema | Discoverer | None = None
    if kind == "registry":
        found = registries.get(call, name)
    elif kind == "schema":
        found = known.get(call, *name.split("/", 1))
    elif kind == "discoverer":
        found = discoverers.get(call, name)
    if found is None:
        raise absent("Resource", arn)
    return found


def _keep(call: Call, owner: Registry | Schema | Discoverer) -> None:
    if isinstance(owner, Registry):
        registries.put(call, owner.name, record=owner)
    elif isinstance(owner, Schema):
        known.put(call, owner.registry, owner.name, record=owner)
    else:
        discoverers.put(call, owner.id, record=owner)

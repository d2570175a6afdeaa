"""Registries: made, shown, changed, deleted, listed."""

from collections.abc import Iterator
from typing import Any

from ...kernel import Call
from . import limits
from .errors import bad, taken
from .paging import page
from .records import Registry, check_name, known, need_registry, new_registry, registries, told
from .service import schemas

Config = dict[str, Any]


@schemas.operation
def create_registry(call: Call, registry_name: str, description: str | None = None,
                    tags: dict[str, str] | None = None) -> Config:
    """Make a registry."""
    check_name("Registry", registry_name, limits.NAME_LONGEST)
    if registries.get(call, registry_name) is not None:
        raise taken("Registry", registry_name)
    if sum(1 for _ in registries.items(call, limit=limits.REGISTRIES)) >= limits.REGISTRIES:
        raise bad(f"An account can have at most {limits.REGISTRIES} registries.")
    return _shown(new_registry(call, registry_name, description or "", tags))


@schemas.operation
def describe_registry(call: Call, registry_name: str) -> Config:
    """A registry."""
    return _shown(need_registry(call, registry_name))


@schemas.operation
def update_registry(call: Call, registry_name: str, description: str | None = None) -> Config:
    """Change the description of a registry."""
    registry = need_registry(call, registry_name)
    registry.description = description or ""
    registries.put(call, registry_name, record=registry)
    return _shown(registry)


@schemas.operation
def delete_registry(call: Call, registry_name: str) -> None:
    """Delete a registry without schemas."""
    need_registry(call, registry_name)
    if any(known.items(call, registry_name, limit=1)):
        raise bad(f"Registry with name {registry_name} has schemas, and can't be deleted.")
    registries.delete(call, registry_name)


@schemas.operation
def list_registries(call: Call, limit: int | None = None, next_token: str | None = None,
                    registry_name_prefix: str | None = None, scope: str | None = None) -> Config:
    """Registries by name. Those of ``Scope`` AWS hold the schemas of AWS's services: there are none here."""
    if scope not in (None, "LOCAL", "AWS"):
        raise bad("Scope must be LOCAL or AWS.")

    def rows(after: str) -> Iterator[tuple[str, Registry]]:
        for _, registry in registries.items(call, after=(after,) if after else None):
            if registry.name.startswith(registry_name_prefix or "") and scope != "AWS":
                yield registry.name, registry

    return page("Registries", rows, lambda one: told(
        RegistryArn=one.arn, RegistryName=one.name, Tags=one.tags), next_token, limit)


def _shown(registry: Registry) -> Config:
    return told(Description=registry.description, RegistryArn=registry.arn, RegistryName=registry.name,
                Tags=registry.tags)

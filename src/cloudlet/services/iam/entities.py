"""What users, groups, roles and profiles have in common: names that are unique, paths, life and death."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from ...kernel import Call
from ...store import Table
from .errors import (
    DeleteConflictException,
    EntityAlreadyExistsException,
    LimitExceededException,
    NoSuchEntityException,
    UnmodifiableEntityException,
)
from .records import NOUNS, Record, Role, count, key_of, save

R = TypeVar("R", bound=msgspec.Struct)
_LABELS = {"user": "User", "group": "Group", "role": "Role", "instance-profile": "Instance Profile"}
_QUOTAS = {"user": "UsersPerAccount", "group": "GroupsPerAccount", "role": "RolesPerAccount",
           "instance-profile": "InstanceProfilesPerAccount", "policy": "PoliciesPerAccount"}
SERVICE_LINKED = "/aws-service-role/"  # the path of roles that services own
_NOUN_OF_TABLE = {"iam.users": "user", "iam.groups": "group", "iam.roles": "role"}


def find(call: Call, table: Table[R], name: str) -> R:
    """The entity called ``name``."""
    record = table.get(call, key_of(name))
    if record is None:
        noun = _NOUN_OF_TABLE.get(table.name)
        raise NoSuchEntityException(f"The {noun} with name {name} cannot be found." if noun else
                                    f"Instance Profile {name} cannot be found.")
    return record


def create(call: Call, record: Record, table: Table[Any], most: int) -> None:
    """Keep a new entity, unless its name is taken or there are ``most`` already."""
    noun = NOUNS[type(record)]
    if table.get(call, key_of(record.name)) is not None:
        raise EntityAlreadyExistsException(
            f"A policy called {record.name} already exists. Duplicate names are not allowed."
            if noun == "policy"
            else f"{_LABELS[noun]} with name {record.name} already exists." if noun != "instance-profile"
            else f"Instance Profile {record.name} already exists.")
    if count(call, noun) >= most:
        raise LimitExceededException(f"Cannot exceed quota for {_QUOTAS[noun]}: {most}")
    count(call, noun, 1)
    save(call, record)


def rename(call: Call, record: Record, table: Table[Any], name: str) -> None:
    """Give an entity another name, unless it is taken."""
    old, new = key_of(record.name), key_of(name)
    if new != old:
        if table.get(call, new) is not None:
            label = _LABELS[NOUNS[type(record)]]
            raise EntityAlreadyExistsException(f"{label} with name {name} already exists.")
        table.delete(call, old)
    record.name = name


def under(call: Call, table: Table[R], prefix: str) -> Callable[[str | None], Iterable[tuple[str, R]]]:
    """Entities whose path starts with ``prefix``, as pages want them."""
    def items(after: str | None) -> Iterable[tuple[str, R]]:
        for key, record in table.items(call, after=None if after is None else (after,)):
            if record.path.startswith(prefix):  # type: ignore[attr-defined]
                yield str(key[0]), record
    return items


def refuse_leftovers(record: Record, leftovers: Mapping[str, Any]) -> None:
    """Refuse to delete what still has something, by what must be done first."""
    inline, attached = getattr(record, "inline", {}), getattr(record, "attached", [])
    for todo, left in {**leftovers, "detach all policies": attached, "delete policies": inline}.items():
        if left:
            raise DeleteConflictException(f"Cannot delete entity, must {todo} first.")


def refuse_protected(role: Role) -> None:
    """Refuse to change a role that belongs to a service."""
    if role.path.startswith(SERVICE_LINKED):
        raise UnmodifiableEntityException(
            f"Cannot perform the operation on the protected role '{role.name}' - this role is only "
            "modifiable by AWS")

"""Roles: an identity without a key, for whom its trust policy lets in."""

from typing import Any

from ...kernel import Call, credentials
from . import boundaries, documents, limits, paging, tagging
from .entities import create, find, refuse_leftovers, refuse_protected, under
from .records import Role, arn_of, remove, roles, save, unique_id
from .service import iam


@iam.operation
def create_role(call: Call, role_name: str, assume_role_policy_document: str, path: str = "/",
                description: str | None = None, max_session_duration: int = 3600,
                permissions_boundary: str | None = None, tags: tagging.Tags | None = None) -> dict[str, Any]:
    """Make a role."""
    trust = documents.trust(call, assume_role_policy_document)
    role = Role(role_name, unique_id(call, "role"), path, call.now_ms // 1000, trust, description,
                max_session_duration, tagging.read(tags))
    create(call, role, roles, limits.ROLES)
    if permissions_boundary:
        boundaries.put(call, role, permissions_boundary)
    return {"Role": show(call, role)}


@iam.operation
def get_role(call: Call, role_name: str) -> dict[str, Any]:
    """A role in full."""
    return {"Role": show(call, find(call, roles, role_name))}


@iam.operation
def list_roles(call: Call, path_prefix: str = "/", marker: str | None = None,
               max_items: int | None = None) -> dict[str, Any]:
    """The roles under a path, in pages."""
    found, rest = paging.page(under(call, roles, path_prefix), marker, max_items,
                              lambda role: brief(call, role))
    return {"Roles": found, **rest}


@iam.operation
def update_role(call: Call, role_name: str, description: str | None = None,
                max_session_duration: int | None = None) -> dict[str, Any]:
    """Change a role."""
    role = find(call, roles, role_name)
    refuse_protected(role)
    if description is not None:
        role.description = description
    role.max_session_s = max_session_duration or 3600
    save(call, role)
    return {}


@iam.operation
def update_role_description(call: Call, role_name: str, description: str) -> dict[str, Any]:
    """Change the description of a role."""
    role = find(call, roles, role_name)
    refuse_protected(role)
    role.description = description
    save(call, role)
    return {"Role": show(call, role)}


@iam.operation
def update_assume_role_policy(call: Call, role_name: str, policy_document: str) -> None:
    """Replace the trust policy of a role."""
    role = find(call, roles, role_name)
    refuse_protected(role)
    role.trust = documents.trust(call, policy_document)
    save(call, role)


@iam.operation
def delete_role(call: Call, role_name: str) -> None:
    """Remove a role."""
    role = find(call, roles, role_name)
    refuse_protected(role)
    refuse_leftovers(role, {"remove roles from instance profile": role.profiles})
    boundaries.clear(call, role)
    remove(call, role)


@iam.operation
def tag_role(call: Call, role_name: str, tags: tagging.Tags) -> None:
    """Set tags of a role."""
    role = find(call, roles, role_name)
    role.tags = tagging.merged(role.tags, tags)
    save(call, role)


@iam.operation
def untag_role(call: Call, role_name: str, tag_keys: list[str]) -> None:
    """Remove tags from a role."""
    role = find(call, roles, role_name)
    role.tags = tagging.without(role.tags, tag_keys)
    save(call, role)


@iam.operation
def list_role_tags(call: Call, role_name: str, marker: str | None = None,
                   max_items: int | None = None) -> dict[str, Any]:
    """The tags of a role, in pages."""
    return tagging.page(find(call, roles, role_name).tags, marker, max_items)


def brief(call: Call, role: Role) -> dict[str, Any]:
    """A role as lists give it: without tags, boundary and last use."""
    return {"Path": role.path, "RoleName": role.name, "RoleId": role.id, "Arn": arn_of(call, role),
            "CreateDate": role.created_s, "AssumeRolePolicyDocument": documents.shown(role.trust),
            "Description": role.description, "MaxSessionDuration": role.max_session_s}


def show(call: Call, role: Role) -> dict[str, Any]:
    """A role in full."""
    return {**brief(call, role), "PermissionsBoundary": boundaries.show(role.boundary),
            "Tags": tagging.show(role.tags) if role.tags else None, "RoleLastUsed": last_used(call, role)}


def last_used(call: Call, role: Role) -> dict[str, Any]:
    """When a session of the role last signed a request, to the minute; empty if none did."""
    use = credentials.last_use(call, arn_of(call, role))
    return {"LastUsedDate": use.at_ms // 1000, "Region": use.region} if use else {}

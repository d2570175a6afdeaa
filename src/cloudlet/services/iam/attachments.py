"""Managed policies attached to users, groups and roles."""

from typing import Any

from ...kernel import Call
from ...store import Table
from . import limits, managed, paging
from .entities import find, refuse_protected
from .errors import LimitExceededException, NoSuchEntityException
from .records import NOUNS, Entity, Role, Use, groups, key_of, roles, save, users, uses
from .service import iam

_TABLES: dict[str, Table[Any]] = {"user": users, "group": groups, "role": roles}


@iam.operation
def attach_user_policy(call: Call, user_name: str, policy_arn: str) -> None:
    """Attach a managed policy to a user."""
    attach(call, find(call, users, user_name), policy_arn)


@iam.operation
def attach_group_policy(call: Call, group_name: str, policy_arn: str) -> None:
    """Attach a managed policy to a group."""
    attach(call, find(call, groups, group_name), policy_arn)


@iam.operation
def attach_role_policy(call: Call, role_name: str, policy_arn: str) -> None:
    """Attach a managed policy to a role."""
    attach(call, find(call, roles, role_name), policy_arn)


@iam.operation
def detach_user_policy(call: Call, user_name: str, policy_arn: str) -> None:
    """Detach a managed policy from a user."""
    detach(call, find(call, users, user_name), policy_arn)


@iam.operation
def detach_group_policy(call: Call, group_name: str, policy_arn: str) -> None:
    """Detach a managed policy from a group."""
    detach(call, find(call, groups, group_name), policy_arn)


@iam.operation
def detach_role_policy(call: Call, role_name: str, policy_arn: str) -> None:
    """Detach a managed policy from a role."""
    detach(call, find(call, roles, role_name), policy_arn)


@iam.operation
def list_attached_user_policies(call: Call, user_name: str, path_prefix: str = "/",
                                marker: str | None = None, max_items: int | None = None) -> dict[str, Any]:
    """The managed policies attached to a user, in pages."""
    return _listed(find(call, users, user_name), path_prefix, marker, max_items)


@iam.operation
def list_attached_group_policies(call: Call, group_name: str, path_prefix: str = "/",
                                 marker: str | None = None, max_items: int | None = None) -> dict[str, Any]:
    """The managed policies attached to a group, in pages."""
    return _listed(find(call, groups, group_name), path_prefix, marker, max_items)


@iam.operation
def list_attached_role_policies(call: Call, role_name: str, path_prefix: str = "/",
                                marker: str | None = None, max_items: int | None = None) -> dict[str, Any]:
    """The managed policies attached to a role, in pages."""
    return _listed(find(call, roles, role_name), path_prefix, marker, max_items)


@iam.operation
def list_entities_for_policy(call: Call, policy_arn: str, entity_filter: str | None = None,
                             path_prefix: str = "/", policy_usage_filter: str | None = None,
                             marker: str | None = None, max_items: int | None = None) -> dict[str, Any]:
    """Who uses a managed policy, in pages."""
    managed.find(call, policy_arn)
    ways = {"PermissionsPolicy": ("attached",), "PermissionsBoundary": ("boundary",)}.get(
        policy_usage_filter or "", ("attached", "boundary"))
    kinds = {"User": "user", "Group": "group", "Role": "role"}
    found = {(str(key[2]), str(key[3])): use
             for way in ways for key, use in uses.items(call, policy_arn, way)}
    items = [("/".join(key), _TABLES[use.kind].get(call, key[1])) for key, use in found.items()
             if entity_filter is None or kinds.get(entity_filter) == use.kind]
    items = [(key, entity) for key, entity in items if entity and entity.path.startswith(path_prefix)]
    page, rest = paging.page(paging.listed(items), marker, max_items, lambda entity: entity)
    answer: dict[str, Any] = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": [], **rest}
    for entity in page:
        noun = NOUNS[type(entity)].capitalize()
        answer[f"Policy{noun}s"].append({f"{noun}Name": entity.name, f"{noun}Id": entity.id})
    return answer


def attach(call: Call, holder: Entity, arn: str) -> None:
    """Attach the managed policy ``arn``; no error if it is already."""
    if isinstance(holder, Role):
        refuse_protected(holder)
    if managed.peek(call, arn) is None:
        raise NoSuchEntityException(f"Policy {arn} does not exist or is not attachable.")
    if arn in holder.attached:
        return
    noun = NOUNS[type(holder)]
    if len(holder.attached) >= limits.ATTACHED_POLICIES:
        raise LimitExceededException(
            f"Cannot exceed quota for PoliciesPer{noun.capitalize()}: {limits.ATTACHED_POLICIES}")
    holder.attached.append(arn)
    uses.put(call, arn, "attached", noun, key_of(holder.name), record=Use(noun, holder.name))
    save(call, holder)


def detach(call: Call, holder: Entity, arn: str) -> None:
    """Detach the managed policy ``arn``."""
    if isinstance(holder, Role):
        refuse_protected(holder)
    if arn not in holder.attached:
        raise NoSuchEntityException(f"Policy {arn} was not found.")
    holder.attached.remove(arn)
    uses.delete(call, arn, "attached", NOUNS[type(holder)], key_of(holder.name))
    save(call, holder)


def show(arn: str) -> dict[str, Any]:
    """An attachment as answers give it."""
    return {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}


def _listed(holder: Entity, prefix: str, marker: str | None, max_items: int | None) -> dict[str, Any]:
    items = [(arn, arn) for arn in holder.attached if _path_of(arn).startswith(prefix)]
    found, rest = paging.page(paging.listed(items), marker, max_items, show)
    return {"AttachedPolicies": found, **rest}


def _path_of(arn: str) -> str:
    path = arn.partition(":policy/")[2].rpartition("/")[0]
    return f"/{path}/" if path else "/"

"""Groups: policies that several users share."""

from collections.abc import Iterable
from typing import Any

from ...kernel import Call
from . import limits, paging
from . import users as user_operations
from .entities import create, find, refuse_leftovers, rename, under
from .errors import LimitExceededException, NoSuchEntityException
from .records import (
    Group,
    Membership,
    Use,
    User,
    arn_of,
    groups,
    key_of,
    members,
    remove,
    save,
    unique_id,
    users,
    uses,
)
from .service import iam


@iam.operation
def create_group(call: Call, group_name: str, path: str = "/") -> dict[str, Any]:
    """Make a group."""
    group = Group(group_name, unique_id(call, "group"), path, call.now_ms // 1000)
    create(call, group, groups, limits.GROUPS)
    return {"Group": show(call, group)}


@iam.operation
def get_group(call: Call, group_name: str, marker: str | None = None,
              max_items: int | None = None) -> dict[str, Any]:
    """A group and its users, in pages."""
    group = find(call, groups, group_name)
    key = key_of(group.name)

    def items(after: str | None) -> Iterable[tuple[str, User]]:
        for found, _ in members.items(call, key, after=None if after is None else (key, after)):
            user = users.get(call, found[1])
            if user:
                yield str(found[1]), user
    found, rest = paging.page(items, marker, max_items, lambda user: user_operations.brief(call, user))
    return {"Group": show(call, group), "Users": found, **rest}


@iam.operation
def list_groups(call: Call, path_prefix: str = "/", marker: str | None = None,
                max_items: int | None = None) -> dict[str, Any]:
    """The groups under a path, in pages."""
    found, rest = paging.page(under(call, groups, path_prefix), marker, max_items,
                              lambda each: show(call, each))
    return {"Groups": found, **rest}


@iam.operation
def list_groups_for_user(call: Call, user_name: str, marker: str | None = None,
                         max_items: int | None = None) -> dict[str, Any]:
    """The groups that a user is in, in pages."""
    user = find(call, users, user_name)
    items = [(key, find(call, groups, key)) for key in user.groups]
    found, rest = paging.page(paging.listed(items), marker, max_items, lambda group: show(call, group))
    return {"Groups": found, **rest}


@iam.operation
def update_group(call: Call, group_name: str, new_path: str | None = None,
                 new_group_name: str | None = None) -> None:
    """Change a group."""
    group = find(call, groups, group_name)
    old = key_of(group.name)
    group.path = new_path or group.path
    if new_group_name:
        rename(call, group, groups, new_group_name)
    save(call, group)
    _moved(call, group, old)


@iam.operation
def delete_group(call: Call, group_name: str) -> None:
    """Remove a group."""
    group = find(call, groups, group_name)
    some = list(members.items(call, key_of(group.name), limit=1))
    refuse_leftovers(group, {"remove users from group": some})
    remove(call, group)


@iam.operation
def add_user_to_group(call: Call, group_name: str, user_name: str) -> None:
    """Put a user into a group; no error if it is there."""
    group, user = find(call, groups, group_name), find(call, users, user_name)
    key = key_of(group.name)
    if key in user.groups:
        return
    if len(user.groups) >= limits.GROUPS_PER_USER:
        raise LimitExceededException(f"Cannot exceed quota for GroupsPerUser: {limits.GROUPS_PER_USER}")
    user.groups.append(key)
    members.put(call, key, key_of(user.name), record=Membership(user.name))
    save(call, user)


@iam.operation
def remove_user_from_group(call: Call, group_name: str, user_name: str) -> None:
    """Take a user out of a group."""
    group, user = find(call, groups, group_name), find(call, users, user_name)
    key = key_of(group.name)
    if key not in user.groups:
        raise NoSuchEntityException(f"The user with name {user.name} is not in group {group.name}.")
    user.groups.remove(key)
    members.delete(call, key, key_of(user.name))
    save(call, user)


def show(call: Call, group: Group) -> dict[str, Any]:
    """A group as answers give it."""
    return {"Path": group.path, "GroupName": group.name, "GroupId": group.id, "Arn": arn_of(call, group),
            "CreateDate": group.created_s}


def _moved(call: Call, group: Group, old: str) -> None:
    """Let everything that refers to a group by name refer to its new one."""
    new = key_of(group.name)
    if new == old:
        return
    for key, membership in list(members.items(call, old)):
        user = find(call, users, str(key[1]))
        user.groups = [new if each == old else each for each in user.groups]
        save(call, user)
        members.delete(call, *key)
        members.put(call, new, key[1], record=membership)
    for arn in group.attached:
        uses.delete(call, arn, "attached", "group", old)
        uses.put(call, arn, "attached", "group", new, record=Use("group", group.name))

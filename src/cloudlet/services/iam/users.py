"""Users: identities with long-lived keys. There is no console here, so they have no passwords."""

from typing import Any

from ...kernel import Call
from . import boundaries, keys, limits, paging, tagging
from .entities import create, find, refuse_leftovers, rename, under
from .records import Membership, Use, User, arn_of, key_of, members, remove, save, unique_id, users, uses
from .service import iam


@iam.operation
def create_user(call: Call, user_name: str, path: str = "/", permissions_boundary: str | None = None,
                tags: tagging.Tags | None = None) -> dict[str, Any]:
    """Make a user."""
    user = User(user_name, unique_id(call, "user"), path, call.now_ms // 1000, tagging.read(tags))
    create(call, user, users, limits.USERS)
    if permissions_boundary:
        boundaries.put(call, user, permissions_boundary)
    return {"User": show(call, user)}


@iam.operation
def get_user(call: Call, user_name: str | None = None) -> dict[str, Any]:
    """A user, or the one who asks."""
    if user_name is None and call.principal.kind == "root":
        return {"User": {"Path": "/", "UserName": "root", "UserId": call.account, "Arn": call.principal.arn,
                         "CreateDate": 0}}
    return {"User": show(call, find(call, users, user_name or keys.own_name(call)))}


@iam.operation
def list_users(call: Call, path_prefix: str = "/", marker: str | None = None,
               max_items: int | None = None) -> dict[str, Any]:
    """The users under a path, in pages."""
    found, rest = paging.page(under(call, users, path_prefix), marker, max_items,
                              lambda user: brief(call, user))
    return {"Users": found, **rest}


@iam.operation
def update_user(call: Call, user_name: str, new_path: str | None = None,
                new_user_name: str | None = None) -> None:
    """Change a user."""
    user = find(call, users, user_name)
    old = key_of(user.name)
    user.path = new_path or user.path
    if new_user_name:
        rename(call, user, users, new_user_name)
    save(call, user)
    _moved(call, user, old)


@iam.operation
def delete_user(call: Call, user_name: str) -> None:
    """Remove a user."""
    user = find(call, users, user_name)
    refuse_leftovers(user, {"remove users from group": user.groups, "delete access keys": user.keys})
    boundaries.clear(call, user)
    remove(call, user)


@iam.operation
def tag_user(call: Call, user_name: str, tags: tagging.Tags) -> None:
    """Set tags of a user."""
    user = find(call, users, user_name)
    user.tags = tagging.merged(user.tags, tags)
    save(call, user)


@iam.operation
def untag_user(call: Call, user_name: str, tag_keys: list[str]) -> None:
    """Remove tags from a user."""
    user = find(call, users, user_name)
    user.tags = tagging.without(user.tags, tag_keys)
    save(call, user)


@iam.operation
def list_user_tags(call: Call, user_name: str, marker: str | None = None,
                   max_items: int | None = None) -> dict[str, Any]:
    """The tags of a user, in pages."""
    return tagging.page(find(call, users, user_name).tags, marker, max_items)


def brief(call: Call, user: User) -> dict[str, Any]:
    """A user as lists give it: without tags and boundary."""
    return {"Path": user.path, "UserName": user.name, "UserId": user.id, "Arn": arn_of(call, user),
            "CreateDate": user.created_s}


def show(call: Call, user: User) -> dict[str, Any]:
    """A user in full."""
    return {**brief(call, user), "PermissionsBoundary": boundaries.show(user.boundary),
            "Tags": tagging.show(user.tags) if user.tags else None}


def _moved(call: Call, user: User, old: str) -> None:
    """Let everything that refers to a user by name or ARN refer to the new one."""
    new = key_of(user.name)
    for group in user.groups:
        members.delete(call, group, old)
        members.put(call, group, new, record=Membership(user.name))
    ways = [(arn, "attached") for arn in user.attached] + ([(user.boundary, "boundary")] if user.boundary
                                                           else [])
    for arn, way in ways:
        uses.delete(call, arn, way, "user", old)
        uses.put(call, arn, way, "user", new, record=Use("user", user.name))
    for id in user.keys:
        keys.rename(call, id, user)

"""Inline policies: documents that belong to one user, group or role."""

from typing import Any

from ...kernel import Call
from . import documents, limits, paging
from .entities import find, refuse_protected
from .errors import LimitExceededException, NoSuchEntityException
from .records import NOUNS, Entity, Role, groups, roles, save, users
from .service import iam


@iam.operation
def put_user_policy(call: Call, user_name: str, policy_name: str, policy_document: str) -> None:
    """Give a user an inline policy, or replace the one of that name."""
    put(call, find(call, users, user_name), policy_name, policy_document)


@iam.operation
def put_group_policy(call: Call, group_name: str, policy_name: str, policy_document: str) -> None:
    """Give a group an inline policy, or replace the one of that name."""
    put(call, find(call, groups, group_name), policy_name, policy_document)


@iam.operation
def put_role_policy(call: Call, role_name: str, policy_name: str, policy_document: str) -> None:
    """Give a role an inline policy, or replace the one of that name."""
    put(call, find(call, roles, role_name), policy_name, policy_document)


@iam.operation
def get_user_policy(call: Call, user_name: str, policy_name: str) -> dict[str, Any]:
    """An inline policy of a user."""
    return {"UserName": user_name, **_show(find(call, users, user_name), policy_name)}


@iam.operation
def get_group_policy(call: Call, group_name: str, policy_name: str) -> dict[str, Any]:
    """An inline policy of a group."""
    return {"GroupName": group_name, **_show(find(call, groups, group_name), policy_name)}


@iam.operation
def get_role_policy(call: Call, role_name: str, policy_name: str) -> dict[str, Any]:
    """An inline policy of a role."""
    return {"RoleName": role_name, **_show(find(call, roles, role_name), policy_name)}


@iam.operation
def delete_user_policy(call: Call, user_name: str, policy_name: str) -> None:
    """Take an inline policy from a user."""
    _delete(call, find(call, users, user_name), policy_name)


@iam.operation
def delete_group_policy(call: Call, group_name: str, policy_name: str) -> None:
    """Take an inline policy from a group."""
    _delete(call, find(call, groups, group_name), policy_name)


@iam.operation
def delete_role_policy(call: Call, role_name: str, policy_name: str) -> None:
    """Take an inline policy from a role."""
    _delete(call, find(call, roles, role_name), policy_name)


@iam.operation
def list_user_policies(call: Call, user_name: str, marker: str | None = None,
                       max_items: int | None = None) -> dict[str, Any]:
    """The names of the inline policies of a user, in pages."""
    return _names(find(call, users, user_name), marker, max_items)


@iam.operation
def list_group_policies(call: Call, group_name: str, marker: str | None = None,
                        max_items: int | None = None) -> dict[str, Any]:
    """The names of the inline policies of a group, in pages."""
    return _names(find(call, groups, group_name), marker, max_items)


@iam.operation
def list_role_policies(call: Call, role_name: str, marker: str | None = None,
                       max_items: int | None = None) -> dict[str, Any]:
    """The names of the inline policies of a role, in pages."""
    return _names(find(call, roles, role_name), marker, max_items)


def put(call: Call, holder: Entity, name: str, document: str) -> None:
    """Give the entity an inline policy, or replace the one of that name."""
    if isinstance(holder, Role):
        refuse_protected(holder)
    holder.inline[name] = documents.identity(document)
    noun = NOUNS[type(holder)]
    most = limits.INLINE_CHARACTERS[noun]
    if sum(map(documents.size_of, holder.inline.values())) > most:
        raise LimitExceededException(f"Maximum policy size of {most} bytes exceeded for {noun} {holder.name}")
    save(call, holder)


def show_all(holder: Entity) -> list[dict[str, Any]]:
    """All inline policies with their documents."""
    return [{"PolicyName": name, "PolicyDocument": documents.shown(text)} for name,
            text in holder.inline.items()]


def _show(holder: Entity, name: str) -> dict[str, Any]:
    return {"PolicyName": name, "PolicyDocument": documents.shown(_document(holder, name))}


def _delete(call: Call, holder: Entity, name: str) -> None:
    if isinstance(holder, Role):
        refuse_protected(holder)
    _document(holder, name)
    del holder.inline[name]
    save(call, holder)


def _document(holder: Entity, name: str) -> str:
    try:
        return holder.inline[name]
    except KeyError:
        raise NoSuchEntityException(
            f"The {NOUNS[type(holder)]} policy with name {name} cannot be found.") from None


def _names(holder: Entity, marker: str | None, max_items: int | None) -> dict[str, Any]:
    items = [(name, name) for name in holder.inline]
    found, rest = paging.page(paging.listed(items), marker, max_items, str)
    return {"PolicyNames": found, **rest}

"""Permissions boundaries: a managed policy that a user's or role's permissions may not exceed."""

from typing import Any

from ...kernel import Call
from ...kernel.permissions import BELL
from . import managed
from .entities import find, refuse_protected
from .errors import NoSuchEntityException
from .records import NOUNS, Role, Use, User, key_of, roles, save, users, uses
from .service import iam


@iam.operation
def put_user_permissions_boundary(call: Call, user_name: str, permissions_boundary: str) -> None:
    """Limit what a user may be allowed."""
    put(call, find(call, users, user_name), permissions_boundary)


@iam.operation
def put_role_permissions_boundary(call: Call, role_name: str, permissions_boundary: str) -> None:
    """Limit what a role may be allowed."""
    role = find(call, roles, role_name)
    refuse_protected(role)
    put(call, role, permissions_boundary)


@iam.operation
def delete_user_permissions_boundary(call: Call, user_name: str) -> None:
    """Let nothing limit what a user may be allowed."""
    user = find(call, users, user_name)
    clear(call, user)
    save(call, user)


@iam.operation
def delete_role_permissions_boundary(call: Call, role_name: str) -> None:
    """Let nothing limit what a role may be allowed."""
    role = find(call, roles, role_name)
    refuse_protected(role)
    clear(call, role)
    save(call, role)


def put(call: Call, holder: User | Role, arn: str) -> None:
    """Let the managed policy ``arn`` be the boundary."""
    if managed.peek(call, arn) is None:
        raise NoSuchEntityException(f"Scope ARN: {arn} does not exist or is not attachable.")
    clear(call, holder)
    holder.boundary = arn
    noun = NOUNS[type(holder)]
    uses.put(call, arn, "boundary", noun, key_of(holder.name), record=Use(noun, holder.name))
    save(call, holder)


def clear(call: Call, holder: User | Role) -> None:
    """Let there be no boundary; the caller saves."""
    if holder.boundary:
        uses.delete(call, holder.boundary, "boundary", NOUNS[type(holder)], key_of(holder.name))
        holder.boundary = ""
        call.tx.ring(BELL)


def show(arn: str) -> dict[str, Any] | None:
    """A boundary as answers give it."""
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn} if arn else None

"""The policies of the users and roles that were made here, for whoever must decide what they may do."""

from collections.abc import Iterable

from ...identity import Principal
from ...identity.evaluation import Policies, Policy
from ...identity.policy import compiled
from ...kernel import roles as roles_of
from ...store import Scope
from . import managed
from .records import Entity, Group, arn_of, groups, key_of, roles, users
from .service import iam


@iam.identities
def policies_of(scope: Scope, principal: Principal) -> Policies:
    """The policies of a user with its groups, or of a role; none if it is gone."""
    name = key_of((principal.role_arn or principal.arn).rpartition("/")[2])
    holder = roles.get(scope, name) if principal.kind == "role" else users.get(scope, name)
    if holder is None or holder.id != principal.id.partition(":")[0]:
        return Policies()  # another of that name is another
    return of(scope, holder)


@iam.trusts
def find_role(scope: Scope, arn: str) -> roles_of.Role | None:
    """What must be known of a role in order to act with it."""
    role = roles.get(scope, key_of(arn.rpartition("/")[2]))
    if role is None or arn_of(scope, role) != arn:
        return None
    return roles_of.Role(role.name, role.id, role.trust)


def of(scope: Scope, holder: Entity) -> Policies:
    """The policies of a user with its groups, or of a role, or of a group alone."""
    found = list(_own(scope, holder))
    if isinstance(holder, Group):
        return Policies(tuple(found))
    for key in getattr(holder, "groups", ()):
        group = groups.get(scope, key)
        if group:
            found.extend(_own(scope, group))
    boundary = _managed(scope, holder.boundary) if holder.boundary else None
    return Policies(tuple(found), boundary, tags=tuple(holder.tags.items()))


def _own(scope: Scope, holder: Entity) -> Iterable[Policy]:
    for name, document in holder.inline.items():
        yield Policy(f"{arn_of(scope, holder)}/{name}", compiled(document))
    for arn in holder.attached:
        policy = _managed(scope, arn)
        if policy:
            yield policy


def _managed(scope: Scope, arn: str) -> Policy | None:
    policy = managed.peek(scope, arn)
    return Policy(arn, compiled(managed.default_document(policy))) if policy else None

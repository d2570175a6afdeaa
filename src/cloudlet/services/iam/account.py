"""The account as a whole: its alias, how much it has, and everything it has."""

from collections.abc import Iterable
from typing import Any

from ...kernel import Call, accounts
from ...store import Table
from . import (
    attachments,
    boundaries,
    documents,
    inline,
    limits,
    managed,
    paging,
    tagging,
)
from . import (
    groups as group_operations,
)
from . import (
    profiles as profile_operations,
)
from . import (
    roles as role_operations,
)
from . import (
    users as user_operations,
)
from .aws_policies import ARNS
from .entities import under
from .errors import EntityAlreadyExistsException, NoSuchEntityException
from .records import (
    Group,
    ManagedPolicy,
    Record,
    Role,
    Use,
    User,
    arn_of,
    count,
    groups,
    policies,
    profiles,
    roles,
    users,
)
from .service import iam

aliases = Table("iam.aliases", Use, reach="account")
taken = Table("iam.aliases.taken", Use, reach="global")  # an alias is one account's in all the cloud
_FILTERS: dict[str, Table[Any] | None] = {
    "User": users, "Role": roles, "Group": groups, "LocalManagedPolicy": policies, "AWSManagedPolicy": None}


@iam.operation
def create_account_alias(call: Call, account_alias: str) -> None:
    """Give the account an alias, in place of the one it had."""
    owner = taken.get(call, account_alias)
    if owner and owner.name != call.account:
        raise EntityAlreadyExistsException(f"The account alias {account_alias} already exists.")
    for key, _ in list(aliases.items(call)):
        _release(call, str(key[0]))
    aliases.put(call, account_alias, record=Use("alias", account_alias))
    taken.put(call, account_alias, record=Use("account", call.account))
    accounts.rename(call, account_alias)


@iam.operation
def delete_account_alias(call: Call, account_alias: str) -> None:
    """Remove an account's alias."""
    if aliases.get(call, account_alias) is None:
        raise NoSuchEntityException(f"The account alias {account_alias} cannot be found.")
    _release(call, account_alias)
    accounts.rename(call, "")


@iam.operation
def list_account_aliases(call: Call, marker: str | None = None, max_items: int | None = None) -> dict[str,
                                                                                                      Any]:
    """The account's alias, if it has one."""
    items = [(str(key[0]), str(key[0])) for key, _ in aliases.items(call)]
    found, rest = paging.page(paging.listed(items), marker, max_items, str)
    return {"AccountAliases": found, **rest}


@iam.operation
def get_account_summary(call: Call) -> dict[str, Any]:
    """How much the account has, and how much it may have."""
    most = limits.ATTACHED_POLICIES
    numbers = {
        "Users": count(call, "user"), "UsersQuota": limits.USERS, "Groups": count(call, "group"),
        "GroupsQuota": limits.GROUPS, "Roles": count(call, "role"), "RolesQuota": limits.ROLES,
        "Policies": count(call, "policy"), "PoliciesQuota": limits.POLICIES,
        "InstanceProfiles": count(call, "instance-profile"),
        "InstanceProfilesQuota": limits.INSTANCE_PROFILES,
        "AccessKeysPerUserQuota": limits.ACCESS_KEYS_PER_USER, "GroupsPerUserQuota": limits.GROUPS_PER_USER,
        "AttachedPoliciesPerUserQuota": most, "AttachedPoliciesPerGroupQuota": most,
        "AttachedPoliciesPerRoleQuota": most, "VersionsPerPolicyQuota": limits.VERSIONS_PER_POLICY,
        "PolicySizeQuota": limits.MANAGED_POLICY_CHARACTERS,
        "UserPolicySizeQuota": limits.INLINE_CHARACTERS["user"],
        "GroupPolicySizeQuota": limits.INLINE_CHARACTERS["group"],
        "RolePolicySizeQuota": limits.INLINE_CHARACTERS["role"],
        "AssumeRolePolicySizeQuota": limits.TRUST_POLICY_CHARACTERS, "MFADevices": 0, "MFADevicesInUse": 0,
        "AccountMFAEnabled": 0, "AccountAccessKeysPresent": 0, "AccountSigningCertificatesPresent": 0,
        "AccountPasswordPresent": 0, "Providers": 0, "ServerCertificates": 0}
    return {"SummaryMap": numbers}


@iam.operation
def get_account_authorization_details(call: Call, filter: list[str] | None = None, marker: str | None = None,
                                      max_items: int | None = None) -> dict[str, Any]:
    """Everything that the account has, with its policies, in pages."""
    def items(after: str | None) -> Iterable[tuple[str, tuple[str, Record]]]:
        for n, (kind, table) in enumerate(_FILTERS.items()):
            if filter and kind not in filter:
                continue
            within = after[2:] if after and after.startswith(f"{n}:") else None
            if after and after > f"{n}:" and within is None:
                continue
            for key, record in _aws() if table is None else under(call, table, "/")(within):
                if within is None or key > within:
                    yield f"{n}:{key}", (key, record)

    found, rest = paging.page(items, marker, max_items, lambda pair: pair)
    answer: dict[str, Any] = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [],
                              "Policies": []}
    for key, record in found:
        match record:
            case User():
                answer["UserDetailList"].append(_user(call, record))
            case Group():
                answer["GroupDetailList"].append(_group(call, record))
            case Role():
                answer["RoleDetailList"].append(_role(call, record))
            case ManagedPolicy():
                arn = key if key.startswith("arn:") else arn_of(call, record)
                answer["Policies"].append(_policy(call, arn, record))
    return {**answer, **rest}


def _release(call: Call, alias: str) -> None:
    aliases.delete(call, alias)
    taken.delete(call, alias)


def _aws() -> Iterable[tuple[str, ManagedPolicy]]:
    return ((arn, policy) for arn in ARNS if (policy := managed.aws_policy(arn)))


def _user(call: Call, user: User) -> dict[str, Any]:
    return {**user_operations.show(call, user), "UserPolicyList": inline.show_all(user),
            "GroupList": [group.name for key in user.groups if (group := groups.get(call, key))],
            "AttachedManagedPolicies": list(map(attachments.show, user.attached)),
            "Tags": tagging.show(user.tags)}


def _group(call: Call, group: Group) -> dict[str, Any]:
    return {**group_operations.show(call, group), "GroupPolicyList": inline.show_all(group),
            "AttachedManagedPolicies": list(map(attachments.show, group.attached))}


def _role(call: Call, role: Role) -> dict[str, Any]:
    held = [profile for key in role.profiles if (profile := profiles.get(call, key))]
    brief = role_operations.brief(call, role)
    return {**{name: brief[name] for name in ("Path", "RoleName", "RoleId", "Arn", "CreateDate")},
            "AssumeRolePolicyDocument": documents.shown(role.trust), "RolePolicyList": inline.show_all(role),
            "AttachedManagedPolicies": list(map(attachments.show, role.attached)),
            "InstanceProfileList": [profile_operations.show(call, profile) for profile in held],
            "PermissionsBoundary": boundaries.show(role.boundary), "Tags": tagging.show(role.tags),
            "RoleLastUsed": role_operations.last_used(call, role)}


def _policy(call: Call, arn: str, policy: ManagedPolicy) -> dict[str, Any]:
    versions = [{**managed.show_version(policy, version), "Document": documents.shown(version.document)}
                for version in policy.versions]
    return {**managed.show(call, arn, policy, brief=True), "PolicyVersionList": versions}

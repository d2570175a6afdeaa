"""IAM's CloudFormation types for identities; those for policies are in :mod:`.policy_resources`."""

from typing import Any, ClassVar, Literal

import msgspec

from ...kernel import Call, Conversation
from ...stacks.resource import Physical, Tag, This, listed
from . import holders
from .holders import Document, Inline
from .service import iam


@iam.resource("AWS::IAM::Role")
class RoleResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A role with all that hangs on it."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"RoleName", "Path"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn", "RoleId"})
    assume_role_policy_document: Document
    role_name: str | None = None
    path: str = "/"
    description: str | None = None
    max_session_duration: int | None = None
    managed_policy_arns: list[str] = []
    permissions_boundary: str | None = None
    policies: list[Inline] = []
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the role with its policies, in one step."""
        name = self.role_name or this.name(call.ids, 64)
        return await holders.made(call, this.resumed, lambda tx: self._make(tx, name, this),
                                  lambda tx: _role(tx.invoke("iam", "GetRole", RoleName=name)))

    async def update(self, call: Conversation, this: This, old: "RoleResource") -> Physical:
        """Bring the role to what is now wanted."""
        name = this.physical_id

        def work(tx: Call) -> Physical:
            tx.invoke("iam", "UpdateRole", RoleName=name, Description=self.description or "",
                      MaxSessionDuration=self.max_session_duration or 3600)
            tx.invoke("iam", "UpdateAssumeRolePolicy", RoleName=name,
                      PolicyDocument=holders.text(self.assume_role_policy_document))
            holders.change(tx, "Role", name, (old.policies, old.managed_policy_arns),
                           (self.policies, self.managed_policy_arns))
            if self.permissions_boundary != old.permissions_boundary:
                holders.bound(tx, "Role", name, self.permissions_boundary)
            holders.retag(tx, "Role", {"RoleName": name}, this.all_tags(self.tags))
            return _role(tx.invoke("iam", "GetRole", RoleName=name))
        return await call.transact(work)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the role and what this resource gave it."""
        def work(tx: Call) -> None:
            name = this.physical_id
            holders.strip(tx, "Role", name, (p.policy_name for p in self.policies), self.managed_policy_arns)
            holders.tolerant(tx, "DeleteRole", RoleName=name)
        await call.transact(work)

    def _make(self, call: Call, name: str, this: This) -> Physical:
        made = call.invoke("iam", "CreateRole", **holders.given(
            RoleName=name, Path=self.path, Description=self.description,
            AssumeRolePolicyDocument=holders.text(self.assume_role_policy_document),
            MaxSessionDuration=self.max_session_duration, PermissionsBoundary=self.permissions_boundary,
            Tags=listed(this.all_tags(self.tags)) or None))
        holders.equip(call, "Role", name, self.policies, self.managed_policy_arns)
        return _role(made)


@iam.resource("AWS::IAM::User")
class UserResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A user with all that hangs on it."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"UserName"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn"})
    user_name: str | None = None
    path: str = "/"
    groups: list[str] = []
    managed_policy_arns: list[str] = []
    permissions_boundary: str | None = None
    policies: list[Inline] = []
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the user with its policies and groups, in one step."""
        name = self.user_name or this.name(call.ids, 64)
        return await holders.made(call, this.resumed, lambda tx: self._make(tx, name, this),
                                  lambda tx: _user(tx.invoke("iam", "GetUser", UserName=name)))

    async def update(self, call: Conversation, this: This, old: "UserResource") -> Physical:
        """Bring the user to what is now wanted."""
        name = this.physical_id

        def work(tx: Call) -> Physical:
            if self.path != old.path:
                tx.invoke("iam", "UpdateUser", UserName=name, NewPath=self.path)
            holders.change(tx, "User", name, (old.policies, old.managed_policy_arns),
                           (self.policies, self.managed_policy_arns))
            if self.permissions_boundary != old.permissions_boundary:
                holders.bound(tx, "User", name, self.permissions_boundary)
            for group in set(old.groups) - set(self.groups):
                holders.tolerant(tx, "RemoveUserFromGroup", UserName=name, GroupName=group)
            _join(tx, name, self.groups)
            holders.retag(tx, "User", {"UserName": name}, this.all_tags(self.tags))
            return _user(tx.invoke("iam", "GetUser", UserName=name))
        return await call.transact(work)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the user and what this resource gave it."""
        def work(tx: Call) -> None:
            name = this.physical_id
            holders.strip(tx, "User", name, (p.policy_name for p in self.policies), self.managed_policy_arns)
            for group in self.groups:
                holders.tolerant(tx, "RemoveUserFromGroup", UserName=name, GroupName=group)
            holders.tolerant(tx, "DeleteUser", UserName=name)
        await call.transact(work)

    def _make(self, call: Call, name: str, this: This) -> Physical:
        made = call.invoke("iam", "CreateUser", **holders.given(
            UserName=name, Path=self.path, PermissionsBoundary=self.permissions_boundary,
            Tags=listed(this.all_tags(self.tags)) or None))
        holders.equip(call, "User", name, self.policies, self.managed_policy_arns)
        _join(call, name, self.groups)
        return _user(made)


@iam.resource("AWS::IAM::Group")
class GroupResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A group with its policies."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"GroupName"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn"})
    group_name: str | None = None
    path: str = "/"
    managed_policy_arns: list[str] = []
    policies: list[Inline] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the group with its policies, in one step."""
        name = self.group_name or this.name(call.ids, 128)

        def make(tx: Call) -> Physical:
            made = tx.invoke("iam", "CreateGroup", GroupName=name, Path=self.path)
            holders.equip(tx, "Group", name, self.policies, self.managed_policy_arns)
            return _group(made)
        return await holders.made(call, this.resumed, make,
                                  lambda tx: _group(tx.invoke("iam", "GetGroup", GroupName=name)))

    async def update(self, call: Conversation, this: This, old: "GroupResource") -> Physical:
        """Bring the group to what is now wanted."""
        name = this.physical_id

        def work(tx: Call) -> Physical:
            if self.path != old.path:
                tx.invoke("iam", "UpdateGroup", GroupName=name, NewPath=self.path)
            holders.change(tx, "Group", name, (old.policies, old.managed_policy_arns),
                           (self.policies, self.managed_policy_arns))
            return _group(tx.invoke("iam", "GetGroup", GroupName=name))
        return await call.transact(work)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the group and its policies."""
        def work(tx: Call) -> None:
            name = this.physical_id
            holders.strip(tx, "Group", name, (p.policy_name for p in self.policies), self.managed_policy_arns)
            holders.tolerant(tx, "DeleteGroup", GroupName=name)
        await call.transact(work)


@iam.resource("AWS::IAM::UserToGroupAddition")
class UserToGroupAddition(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """That users are in a group."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"GroupName"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset()
    group_name: str
    users: list[str]

    async def create(self, call: Conversation, this: This) -> Physical:
        """Put the users into the group."""
        await call.transact(lambda tx: self._set(tx, []))
        return Physical(this.name(call.ids, 128))

    async def update(self, call: Conversation, this: This, old: "UserToGroupAddition") -> Physical:
        """Put some in and take others out."""
        await call.transact(lambda tx: self._set(tx, [user for user in old.users if user not in self.users]))
        return Physical(this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """Take them out."""
        await call.transact(lambda tx: self._leave(tx, self.users))

    def _leave(self, call: Call, gone: list[str]) -> None:
        for user in gone:
            holders.tolerant(call, "RemoveUserFromGroup", GroupName=self.group_name, UserName=user)

    def _set(self, call: Call, gone: list[str]) -> None:
        self._leave(call, gone)
        for user in self.users:
            call.invoke("iam", "AddUserToGroup", GroupName=self.group_name, UserName=user)


@iam.resource("AWS::IAM::AccessKey")
class AccessKeyResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A user's access key; ``Serial`` is there to rotate it."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"UserName", "Serial"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"SecretAccessKey"})
    user_name: str
    serial: int | None = None
    status: Literal["Active", "Inactive"] = "Active"

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the key."""
        def make(tx: Call) -> Physical:
            key = tx.invoke("iam", "CreateAccessKey", UserName=self.user_name)["AccessKey"]
            if self.status != "Active":
                self._set_status(tx, key["AccessKeyId"])
            return Physical(key["AccessKeyId"], {"SecretAccessKey": key["SecretAccessKey"]})
        return await call.transact(make)

    async def update(self, call: Conversation, this: This, old: "AccessKeyResource") -> Physical:
        """Switch it on or off."""
        await call.transact(lambda tx: self._set_status(tx, this.physical_id))
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the key."""
        await call.transact(lambda tx: holders.tolerant(tx, "DeleteAccessKey", UserName=self.user_name,
                                                        AccessKeyId=this.physical_id))

    def _set_status(self, call: Call, id: str) -> None:
        call.invoke("iam", "UpdateAccessKey", UserName=self.user_name, AccessKeyId=id, Status=self.status)


def _join(call: Call, user: str, groups: list[str]) -> None:
    for group in groups:
        call.invoke("iam", "AddUserToGroup", UserName=user, GroupName=group)


def _role(answer: dict[str, Any]) -> Physical:
    role = answer["Role"]
    return Physical(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _user(answer: dict[str, Any]) -> Physical:
    return Physical(answer["User"]["UserName"], {"Arn": answer["User"]["Arn"]})


def _group(answer: dict[str, Any]) -> Physical:
    return Physical(answer["Group"]["GroupName"], {"Arn": answer["Group"]["Arn"]})

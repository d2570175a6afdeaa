"""IAM's CloudFormation types for policies, instance profiles and service-linked roles."""

from typing import Any, ClassVar

import msgspec

from ...errors import AwsError
from ...kernel import Call, Conversation
from ...stacks.resource import Physical, Tag, This, listed
from . import holders, limits
from .holders import Document
from .service import iam

_Holders = list[tuple[str, str]]  # nouns and names


def _named(roles: list[str], users: list[str], groups: list[str]) -> _Holders:
    return [*(("Role", name) for name in roles), *(("User", name) for name in users),
            *(("Group", name) for name in groups)]


@iam.resource("AWS::IAM::Policy")
class PolicyResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An inline policy that several roles, users and groups get."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset()
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Id"})
    policy_name: str
    policy_document: Document
    roles: list[str] = []
    users: list[str] = []
    groups: list[str] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Put the policy into each of them."""
        if not (self.roles or self.users or self.groups):
            raise AwsError("At least one of [Groups,Roles,Users] must be non-empty.")
        await call.transact(self._put)
        name = this.name(call.ids, 128)
        return Physical(name, {"Id": name})

    async def update(self, call: Conversation, this: This, old: "PolicyResource") -> Physical:
        """Take it from those that are no longer named, and put it into the others."""
        def work(tx: Call) -> None:
            kept = self._holders() if old.policy_name == self.policy_name else []
            old._take([each for each in old._holders() if each not in kept], tx)
            self._put(tx)
        await call.transact(work)
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """Take it from all."""
        await call.transact(lambda tx: self._take(self._holders(), tx))

    def _holders(self) -> _Holders:
        return _named(self.roles, self.users, self.groups)

    def _put(self, call: Call) -> None:
        inline = [holders.Inline(self.policy_name, self.policy_document)]
        for noun, name in self._holders():
            holders.equip(call, noun, name, inline, ())

    def _take(self, gone: _Holders, call: Call) -> None:
        for noun, name in gone:
            holders.strip(call, noun, name, [self.policy_name], ())


@iam.resource("AWS::IAM::RolePolicy")
class RolePolicyResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An inline policy of one role."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"PolicyName", "RoleName"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset()
    policy_name: str
    role_name: str
    policy_document: Document

    async def create(self, call: Conversation, this: This) -> Physical:
        """Put the policy into the role."""
        inline = [holders.Inline(self.policy_name, self.policy_document)]
        await call.transact(lambda tx: holders.equip(tx, "Role", self.role_name, inline, ()))
        return Physical(f"{self.policy_name}|{self.role_name}")

    async def update(self, call: Conversation, this: This, old: "RolePolicyResource") -> Physical:
        """Replace its document."""
        return await self.create(call, this)

    async def delete(self, call: Conversation, this: This) -> None:
        """Take it from the role."""
        await call.transact(lambda tx: holders.strip(tx, "Role", self.role_name, [self.policy_name], ()))


@iam.resource("AWS::IAM::ManagedPolicy")
class ManagedPolicyResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A customer's managed policy, attached to those it names."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"ManagedPolicyName", "Path", "Description"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({
        "PolicyArn", "PolicyId", "AttachmentCount", "CreateDate", "DefaultVersionId", "IsAttachable",
        "PermissionsBoundaryUsageCount", "UpdateDate"})
    policy_document: Document
    managed_policy_name: str | None = None
    path: str = "/"
    description: str | None = None
    roles: list[str] = []
    users: list[str] = []
    groups: list[str] = []
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the policy and attach it."""
        name = self.managed_policy_name or this.name(call.ids, 128)
        arn = f"arn:aws:iam::{call.account}:policy{self.path}{name}"

        def make(tx: Call) -> Physical:
            tx.invoke("iam", "CreatePolicy", **holders.given(
                PolicyName=name, Path=self.path, PolicyDocument=holders.text(self.policy_document),
                Description=self.description, Tags=listed(this.all_tags(self.tags)) or None))
            for noun, holder in self._holders():
                holders.equip(tx, noun, holder, (), [arn])
            return _policy(tx, arn)
        return await holders.made(call, this.resumed, make, lambda tx: _policy(tx, arn))

    async def update(self, call: Conversation, this: This, old: "ManagedPolicyResource") -> Physical:
        """Make a new default version where the document changed; attach and detach."""
        arn = this.physical_id

        def work(tx: Call) -> Physical:
            if holders.text(self.policy_document) != holders.text(old.policy_document):
                _make_room(tx, arn)
                tx.invoke("iam", "CreatePolicyVersion", PolicyArn=arn, SetAsDefault=True,
                          PolicyDocument=holders.text(self.policy_document))
            for noun, name in old._holders():
                if (noun, name) not in self._holders():
                    holders.strip(tx, noun, name, (), [arn])
            for noun, name in self._holders():
                holders.equip(tx, noun, name, (), [arn])
            holders.retag(tx, "Policy", {"PolicyArn": arn}, this.all_tags(self.tags))
            return _policy(tx, arn)
        return await call.transact(work)

    async def delete(self, call: Conversation, this: This) -> None:
        """Detach the policy from those it names, and remove it with its versions."""
        arn = this.physical_id

        def work(tx: Call) -> None:
            for noun, name in self._holders():
                holders.strip(tx, noun, name, (), [arn])
            try:
                versions = tx.invoke("iam", "ListPolicyVersions", PolicyArn=arn)["Versions"]
            except AwsError:
                return
            for version in versions:
                if not version["IsDefaultVersion"]:
                    tx.invoke("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])
            tx.invoke("iam", "DeletePolicy", PolicyArn=arn)
        await call.transact(work)

    def _holders(self) -> _Holders:
        return _named(self.roles, self.users, self.groups)


@iam.resource("AWS::IAM::InstanceProfile")
class InstanceProfileResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An instance profile with its role."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"InstanceProfileName", "Path"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn"})
    roles: list[str]
    instance_profile_name: str | None = None
    path: str = "/"

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the profile and put the role into it."""
        name = self.instance_profile_name or this.name(call.ids, 128)

        def make(tx: Call) -> Physical:
            tx.invoke("iam", "CreateInstanceProfile", InstanceProfileName=name, Path=self.path)
            _step(tx, "AddRoleToInstanceProfile", name, self.roles)
            return _profile(tx, name)
        return await holders.made(call, this.resumed, make, lambda tx: _profile(tx, name))

    async def update(self, call: Conversation, this: This, old: "InstanceProfileResource") -> Physical:
        """Exchange the role."""
        def work(tx: Call) -> Physical:
            if self.roles != old.roles:
                _step(tx, "RemoveRoleFromInstanceProfile", this.physical_id, old.roles)
                _step(tx, "AddRoleToInstanceProfile", this.physical_id, self.roles)
            return _profile(tx, this.physical_id)
        return await call.transact(work)

    async def delete(self, call: Conversation, this: This) -> None:
        """Take the role out and remove the profile."""
        def work(tx: Call) -> None:
            for role in self.roles:
                holders.tolerant(tx, "RemoveRoleFromInstanceProfile", InstanceProfileName=this.physical_id,
                                 RoleName=role)
            holders.tolerant(tx, "DeleteInstanceProfile", InstanceProfileName=this.physical_id)
        await call.transact(work)


@iam.resource("AWS::IAM::ServiceLinkedRole")
class ServiceLinkedRoleResource(msgspec.Struct, forbid_unknown_fields=True):
    """A role that belongs to a service."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"AWSServiceName", "CustomSuffix"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"RoleName"})
    AWSServiceName: str
    Description: str | None = None
    CustomSuffix: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the role."""
        role = (await call.invoke("iam", "CreateServiceLinkedRole", **holders.given(
            AWSServiceName=self.AWSServiceName, Description=self.Description,
            CustomSuffix=self.CustomSuffix)))["Role"]
        return Physical(role["RoleName"], {"RoleName": role["RoleName"]})

    async def update(self, call: Conversation, this: This, old: "ServiceLinkedRoleResource") -> Physical:
        """Change its description."""
        await call.invoke("iam", "UpdateRoleDescription", RoleName=this.physical_id,
                          Description=self.Description or "")
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the role."""
        await call.transact(lambda tx: holders.tolerant(tx, "DeleteServiceLinkedRole",
                                                        RoleName=this.physical_id))


def _step(call: Call, operation: str, profile: str, roles: list[str]) -> None:
    for role in roles:
        call.invoke("iam", operation, InstanceProfileName=profile, RoleName=role)


def _make_room(call: Call, arn: str) -> None:
    """Forget the oldest version that is not the default, if there are as many as there may be."""
    versions = call.invoke("iam", "ListPolicyVersions", PolicyArn=arn)["Versions"]
    if len(versions) >= limits.VERSIONS_PER_POLICY:
        oldest = next(version for version in reversed(versions) if not version["IsDefaultVersion"])
        call.invoke("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=oldest["VersionId"])


def _policy(call: Call, arn: str) -> Physical:
    policy: dict[str, Any] = call.invoke("iam", "GetPolicy", PolicyArn=arn)["Policy"]
    names = ManagedPolicyResource.ATTRIBUTES & policy.keys()
    return Physical(arn, {"PolicyArn": arn, **{name: policy[name] for name in names}})


def _profile(call: Call, name: str) -> Physical:
    profile = call.invoke("iam", "GetInstanceProfile", InstanceProfileName=name)["InstanceProfile"]
    return Physical(name, {"Arn": profile["Arn"]})

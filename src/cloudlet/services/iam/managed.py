"""Managed policies: documents in versions that many entities share; AWS's own are :mod:`.aws_policies`'s."""

import json
from typing import Any

from ...arn import Arn
from ...kernel import Call
from ...store import Scope
from . import aws_policies, documents, limits, paging, tagging
from .entities import create
from .errors import (
    AccessDenied,
    DeleteConflictException,
    InvalidInputException,
    LimitExceededException,
    MalformedPolicyDocumentException,
    NoSuchEntityException,
)
from .records import ManagedPolicy, Version, arn_of, key_of, policies, remove, save, unique_id, uses
from .service import iam

_AWS = "arn:aws:iam::aws:policy/"


@iam.operation
def create_policy(call: Call, policy_name: str, policy_document: str, path: str = "/",
                  description: str | None = None, tags: tagging.Tags | None = None) -> dict[str, Any]:
    """Make a managed policy."""
    now_s = call.now_ms // 1000
    policy = ManagedPolicy(policy_name, unique_id(call, "policy"), path, now_s, now_s,
                           [Version(1, _document(policy_document), now_s)], description=description,
                           tags=tagging.read(tags))
    create(call, policy, policies, limits.POLICIES)
    return {"Policy": show(call, arn_of(call, policy), policy, brief=True)}


@iam.operation
def get_policy(call: Call, policy_arn: str) -> dict[str, Any]:
    """A managed policy in full."""
    return {"Policy": show(call, policy_arn, find(call, policy_arn))}


@iam.operation
def list_policies(call: Call, scope: str = "All", only_attached: bool = False, path_prefix: str = "/",
                  policy_usage_filter: str | None = None, marker: str | None = None,
                  max_items: int | None = None) -> dict[str, Any]:
    """The customer's managed policies and AWS's own, in pages."""
    def items(after: str | None) -> Any:
        ours = ((arn_of(call, policy), policy) for _, policy in policies.items(call))
        theirs = ((arn, policy) for arn in sorted(aws_policies.ARNS, key=key_of)
                  if (policy := aws_policy(arn)))
        for kind, several in (("Local", ours), ("AWS", theirs)):
            for arn, policy in several if scope in ("All", kind) else ():
                key = f"2{key_of(arn)}" if kind == "AWS" else f"1{key_of(policy.name)}"
                if policy.path.startswith(path_prefix) and (after is None or key > after) and wanted(arn):
                    yield key, (arn, policy)

    def wanted(arn: str) -> bool:
        ways = {"PermissionsPolicy": ("attached",), "PermissionsBoundary": ("boundary",)}
        asked = ways.get(policy_usage_filter or "", ("attached", "boundary"))
        return not (only_attached or policy_usage_filter) or any(usage(call, arn, way) for way in asked)

    found, rest = paging.page(items, marker, max_items, lambda pair: show(call, *pair, brief=True))
    return {"Policies": found, **rest}


@iam.operation
def delete_policy(call: Call, policy_arn: str) -> None:
    """Remove a managed policy."""
    policy = customers(call, policy_arn)
    if usage(call, policy_arn, "attached") or usage(call, policy_arn, "boundary"):
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise DeleteConflictException(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy.")
    remove(call, policy)


@iam.operation
def create_policy_version(call: Call, policy_arn: str, policy_document: str,
                          set_as_default: bool = False) -> dict[str, Any]:
    """Add a version to a managed policy, which has five at most."""
    policy = customers(call, policy_arn)
    document = _document(policy_document)
    if len(policy.versions) >= limits.VERSIONS_PER_POLICY:
        raise LimitExceededException(
            f"A managed policy can have up to {limits.VERSIONS_PER_POLICY} versions. Before you create a new "
            "version, you must delete an existing version.")
    policy.latest += 1
    version = Version(policy.latest, document, call.now_ms // 1000)
    policy.versions.append(version)
    policy.updated_s = version.created_s
    if set_as_default:
        policy.default = version.number
    save(call, policy)
    return {"PolicyVersion": show_version(policy, version)}


@iam.operation
def get_policy_version(call: Call, policy_arn: str, version_id: str) -> dict[str, Any]:
    """One version of a managed policy with its document."""
    policy = find(call, policy_arn)
    version = _version(policy, policy_arn, version_id)
    return {"PolicyVersion": {**show_version(policy, version), "Document": documents.shown(version.document)}}


@iam.operation
def list_policy_versions(call: Call, policy_arn: str, marker: str | None = None,
                         max_items: int | None = None) -> dict[str, Any]:
    """The versions of a managed policy, the newest first."""
    policy = find(call, policy_arn)
    items = [(f"{999_999 - version.number:06}", version) for version in policy.versions]
    found, rest = paging.page(paging.listed(items), marker, max_items,
                              lambda each: show_version(policy, each))
    return {"Versions": found, **rest}


@iam.operation
def delete_policy_version(call: Call, policy_arn: str, version_id: str) -> None:
    """Remove a version that is not the default."""
    policy = customers(call, policy_arn)
    version = _version(policy, policy_arn, version_id)
    if version.number == policy.default:
        raise DeleteConflictException("Cannot delete the default version of a policy.")
    policy.versions.remove(version)
    save(call, policy)


@iam.operation
def set_default_policy_version(call: Call, policy_arn: str, version_id: str) -> None:
    """Let another version of a managed policy be the one that counts."""
    policy = customers(call, policy_arn)
    policy.default = _version(policy, policy_arn, version_id).number
    policy.updated_s = call.now_ms // 1000
    save(call, policy)


@iam.operation
def tag_policy(call: Call, policy_arn: str, tags: tagging.Tags) -> None:
    """Set tags of a managed policy."""
    policy = customers(call, policy_arn)
    policy.tags = tagging.merged(policy.tags, tags)
    save(call, policy)


@iam.operation
def untag_policy(call: Call, policy_arn: str, tag_keys: list[str]) -> None:
    """Remove tags from a managed policy."""
    policy = customers(call, policy_arn)
    policy.tags = tagging.without(policy.tags, tag_keys)
    save(call, policy)


@iam.operation
def list_policy_tags(call: Call, policy_arn: str, marker: str | None = None,
                     max_items: int | None = None) -> dict[str, Any]:
    """The tags of a managed policy, in pages."""
    return tagging.page(find(call, policy_arn).tags, marker, max_items)


def find(call: Call, arn: str) -> ManagedPolicy:
    """The managed policy ``arn``, a customer's or AWS's."""
    policy = peek(call, arn)
    if policy is None:
        raise NoSuchEntityException(f"Policy {arn} was not found.")
    return policy


def peek(scope: Scope, arn: str) -> ManagedPolicy | None:
    """The managed policy ``arn``, or None."""
    if arn.startswith(_AWS):
        return aws_policy(arn)
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise InvalidInputException(f"ARN {arn} is not valid.") from None
    if parsed.service != "iam" or not parsed.resource.startswith("policy/"):
        raise InvalidInputException(f"ARN {arn} is not valid.")
    policy = policies.get(scope, key_of(arn.rpartition("/")[2])) if parsed.account == scope.account else None
    return policy if policy and arn_of(scope, policy) == arn else None


def customers(call: Call, arn: str) -> ManagedPolicy:
    """The customer's managed policy ``arn``, to be changed."""
    if arn.startswith(_AWS):
        raise AccessDenied(f"User: {call.principal.arn} is not authorized to change a policy of AWS's: {arn}")
    return find(call, arn)


def aws_policy(arn: str) -> ManagedPolicy | None:
    """The policy of AWS's own under ``arn``, if it is one of those we have."""
    document = aws_policies.document(arn)
    if document is None:
        return None
    path, _, name = arn.removeprefix("arn:aws:iam::aws:policy").rpartition("/")
    return ManagedPolicy(name, aws_policies.unique_id(arn), path + "/", aws_policies.CREATED_S,
                         aws_policies.CREATED_S, [Version(1, document, aws_policies.CREATED_S)])


def default_document(policy: ManagedPolicy) -> str:
    """The document that counts."""
    return next(version.document for version in policy.versions if version.number == policy.default)


def usage(call: Call, arn: str, way: str) -> int:
    """How many entities use the policy that way: ``attached`` or ``boundary``."""
    return sum(1 for _ in uses.items(call, arn, way))


def show(call: Call, arn: str, policy: ManagedPolicy, *, brief: bool = False) -> dict[str, Any]:
    """A managed policy as answers give it; lists leave description and tags out."""
    shown = {"PolicyName": policy.name, "PolicyId": policy.id, "Arn": arn, "Path": policy.path,
             "DefaultVersionId": f"v{policy.default}", "AttachmentCount": usage(call, arn, "attached"),
             "PermissionsBoundaryUsageCount": usage(call, arn, "boundary"), "IsAttachable": True,
             "CreateDate": policy.created_s, "UpdateDate": policy.updated_s}
    return shown if brief else {**shown, "Description": policy.description, "Tags": tagging.show(policy.tags)}


def show_version(policy: ManagedPolicy, version: Version) -> dict[str, Any]:
    """A version without its document."""
    return {"VersionId": f"v{version.number}", "IsDefaultVersion": version.number == policy.default,
            "CreateDate": version.created_s}


def _version(policy: ManagedPolicy, arn: str, id: str) -> Version:
    for version in policy.versions:
        if f"v{version.number}" == id:
            return version
    raise NoSuchEntityException(f"Policy {arn} version {id} does not exist or is not attachable.")


def _document(text: str) -> str:
    document = documents.identity(text)
    if json.loads(text).get("Version", "2012-10-17") != "2012-10-17":
        raise MalformedPolicyDocumentException("Policy document must be version 2012-10-17 or greater.")
    if documents.size_of(document) > limits.MANAGED_POLICY_CHARACTERS:
        raise LimitExceededException(
            f"Cannot exceed quota for PolicySize: {limits.MANAGED_POLICY_CHARACTERS}")
    return document

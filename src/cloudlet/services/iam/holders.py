"""What CloudFormation's roles, users and groups share: policies, attachments and tags that come and go.

Each step speaks to IAM's operations inside one transaction, so a resource is made wholly or not at all.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from ...kernel import Call, Conversation
from ...stacks.resource import listed
from .errors import EntityAlreadyExistsException, NoSuchEntityException

T = TypeVar("T")
Document = dict[str, Any] | str


class Inline(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An inline policy within a role, user or group."""

    policy_name: str
    policy_document: Document


def text(document: Document) -> str:
    """A policy document as IAM takes it."""
    return document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))


def given(**params: Any) -> dict[str, Any]:
    """Those parameters that were given."""
    return {name: value for name, value in params.items() if value is not None}


async def made(call: Conversation, resumed: bool, make: Callable[[Call], T], find: Callable[[Call], T]) -> T:
    """Run ``make``; what an earlier attempt made already is found instead."""
    try:
        return await call.transact(make)
    except EntityAlreadyExistsException:
        if not resumed:
            raise
        return await call.transact(find)


def tolerant(call: Call, operation: str, **params: Any) -> None:
    """An operation of IAM that takes something away; no error if it is gone already."""
    with suppress(NoSuchEntityException):
        call.invoke("iam", operation, **params)


def equip(call: Call, noun: str, name: str, inline: Iterable[Inline], arns: Iterable[str]) -> None:
    """Give the role, user or group its policies."""
    who: dict[str, Any] = {f"{noun}Name": name}
    for policy in inline:
        call.invoke("iam", f"Put{noun}Policy", **who, PolicyName=policy.policy_name,
                    PolicyDocument=text(policy.policy_document))
    for arn in arns:
        call.invoke("iam", f"Attach{noun}Policy", **who, PolicyArn=arn)


def strip(call: Call, noun: str, name: str, inline: Iterable[str], arns: Iterable[str]) -> None:
    """Take policies from the role, user or group."""
    who: dict[str, Any] = {f"{noun}Name": name}
    for policy in inline:
        tolerant(call, f"Delete{noun}Policy", **who, PolicyName=policy)
    for arn in arns:
        tolerant(call, f"Detach{noun}Policy", **who, PolicyArn=arn)


def change(call: Call, noun: str, name: str, old: tuple[list[Inline], list[str]],
           new: tuple[list[Inline], list[str]]) -> None:
    """Bring the policies from ``old`` to ``new``."""
    kept = {policy.policy_name for policy in new[0]}
    gone = [policy.policy_name for policy in old[0] if policy.policy_name not in kept]
    strip(call, noun, name, gone, [arn for arn in old[1] if arn not in new[1]])
    equip(call, noun, name, new[0], new[1])


def retag(call: Call, noun: str, who: dict[str, Any], tags: dict[str, str]) -> None:
    """Let the tags be exactly ``tags``."""
    there = call.invoke("iam", f"List{noun}Tags", **who, MaxItems=100)["Tags"]
    gone = [tag["Key"] for tag in there if tag["Key"] not in tags]
    if gone:
        call.invoke("iam", f"Untag{noun}", **who, TagKeys=gone)
    if tags:
        call.invoke("iam", f"Tag{noun}", **who, Tags=listed(tags))


def bound(call: Call, noun: str, name: str, arn: str | None) -> None:
    """Let ``arn`` be the permissions boundary; None for no boundary."""
    who: dict[str, Any] = {f"{noun}Name": name}
    if arn:
        call.invoke("iam", f"Put{noun}PermissionsBoundary", **who, PermissionsBoundary=arn)
    else:
        tolerant(call, f"Delete{noun}PermissionsBoundary", **who)

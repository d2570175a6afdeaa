"""Bucket policies: their form, and what they say of a request.

The language is IAM's (:mod:`cloudlet.identity.policy`); S3 adds that a policy speaks of its own bucket.
"""

from collections.abc import Mapping
from typing import Any

from ...identity import Principal, exposure
from ...identity.grammar import check
from ...identity.patterns import matches
from ...identity.policy import Malformed, compiled
from . import errors
from .limits import POLICY_LIMIT


def check_policy(text: str, bucket: str) -> None:
    """Refuse a policy that the bucket can't have."""
    if len(text.encode()) > POLICY_LIMIT:
        raise errors.MalformedPolicy("Policy exceeds the maximum allowed document size.")
    try:
        check(text, "resource")
        document = compiled(text)
    except Malformed as error:
        raise errors.MalformedPolicy(str(error)) from None
    own = f"arn:aws:s3:::{bucket}"
    for statement in document.statements:
        if any(action != "*" and not action.lower().startswith("s3:") for action in statement.actions):
            raise errors.MalformedPolicy("Policy has invalid action")
        if not all(_can_mean(resource, own) for resource in statement.resources or ()):
            raise errors.MalformedPolicy("Policy has invalid resource")
        if statement.allows and statement.principals and statement.principals.negated:
            raise errors.InvalidArgument("Allow with NotPrincipal is not allowed.")


def verdict_of(text: str, principal: Principal, action: str, resource: str,
               known: Mapping[str, Any]) -> bool | None:
    """True if the policy allows the request, False if it denies it, None if it says nothing."""
    verdict = None
    context = {name.lower(): _values(value) for name, value in known.items() if value is not None}
    for statement in compiled(text).statements:
        if statement.principals and statement.principals.match(principal) and statement.speaks_of(
                action, resource, context):
            if not statement.allows:
                return False
            verdict = True
    return verdict


def is_public(text: str) -> bool:
    """Whether the policy lets in anyone without a condition that holds them to something fixed."""
    return exposure.is_public(compiled(text))


def _can_mean(pattern: str, own: str) -> bool:
    """Whether a resource of a policy can be this bucket or something in it."""
    return pattern == "*" or matches(pattern.partition("/")[0], own, variables=False)


def _values(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)

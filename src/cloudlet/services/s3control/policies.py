"""The policies of access points: S3 asks them beside the bucket's (see ``services/s3/access.py``)."""

from typing import Any

from ...identity.exposure import is_public
from ...identity.grammar import check
from ...identity.policy import Malformed, compiled
from ...kernel import Call
from . import errors
from .blocks import is_policy_blocked
from .limits import POLICY_LIMIT
from .points import arn_of, find_point, points
from .service import s3control


@s3control.operation
def put_access_point_policy(call: Call, account_id: str, name: str, policy: str) -> None:
    """Set an access point's policy."""
    key, point = find_point(call, account_id, name)
    _check(policy, arn_of(key))
    if is_public(compiled(policy)) and is_policy_blocked(call, key, point):
        raise errors.AccessDenied
    point.policy = policy
    points.put(call, *key, record=point)


@s3control.operation
def get_access_point_policy(call: Call, account_id: str, name: str) -> dict[str, str]:
    """An access point's policy, as it was written."""
    return {"Policy": _policy(call, account_id, name)}


@s3control.operation
def delete_access_point_policy(call: Call, account_id: str, name: str) -> None:
    """Take an access point's policy away."""
    key, point = find_point(call, account_id, name)
    if not point.policy:
        raise errors.NoSuchAccessPointPolicy(AccessPointName=name)
    point.policy = ""
    points.put(call, *key, record=point)


@s3control.operation
def get_access_point_policy_status(call: Call, account_id: str, name: str) -> dict[str, Any]:
    """Whether an access point's policy lets in anyone."""
    return {"PolicyStatus": {"IsPublic": is_public(compiled(_policy(call, account_id, name)))}}


def _policy(call: Call, account: str, name: str) -> str:
    _, point = find_point(call, account, name)
    if not point.policy:
        raise errors.NoSuchAccessPointPolicy(AccessPointName=name)
    return point.policy


def _check(text: str, own: str) -> None:
    """Refuse a policy that the access point can't have."""
    if len(text.encode()) > POLICY_LIMIT:
        raise errors.MalformedPolicy("Policy exceeds the maximum allowed document size.")
    try:
        check(text, "resource")
        document = compiled(text)
    except Malformed as error:
        raise errors.MalformedPolicy(str(error)) from None
    for statement in document.statements:
        if any(action != "*" and not action.lower().startswith("s3:") for action in statement.actions):
            raise errors.MalformedPolicy("Policy has invalid action")
        if not all(name == own or name.startswith(f"{own}/object/") for name in statement.resources or ()):
            raise errors.MalformedPolicy("Policy has invalid resource")

"""Permissions of layer versions: which other accounts may use them. :mod:`.layer_access` applies them."""

import json
from typing import Any

from ...kernel import Call
from .errors import PolicyLengthExceededException, ResourceNotFoundException
from .layer_access import layer_policies
from .layers import named
from .limits import POLICY
from .permissions import Policy, add, drop, stale, text_of
from .service import lambda_

Config = dict[str, Any]


@lambda_.operation
def add_layer_version_permission(call: Call, layer_name: str, version_number: int, statement_id: str,
                                 action: str, principal: str, organization_id: str | None = None,
                                 revision_id: str | None = None) -> Config:
    """Let another account, or everyone, use a version of a layer."""
    owner, layer = named(call, layer_name, version_number)
    policy = layer_policies.get(owner, layer.name, layer.version) or Policy("")
    _expect(policy, revision_id)
    who: Any = principal if principal == "*" else {
        "AWS": principal if principal.startswith("arn:") else f"arn:aws:iam::{principal}:root"}
    statement = add(policy.statements, {
        "Sid": statement_id, "Effect": "Allow", "Principal": who, "Action": action,
        "Resource": owner.arn(f"layer:{layer.name}:{layer.version}")},
        [("StringEquals", "aws:PrincipalOrgID", organization_id)])
    _save(owner, layer.name, layer.version, policy)
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": policy.revision}


@lambda_.operation
def remove_layer_version_permission(call: Call, layer_name: str, version_number: int, statement_id: str,
                                    revision_id: str | None = None) -> None:
    """Take a permission back; functions that use the layer keep it."""
    owner, layer = named(call, layer_name, version_number)
    policy = layer_policies.get(owner, layer.name, layer.version) or Policy("")
    _expect(policy, revision_id)
    drop(policy.statements, statement_id)
    if policy.statements:
        _save(owner, layer.name, layer.version, policy)
    else:
        layer_policies.delete(owner, layer.name, layer.version)


@lambda_.operation
def get_layer_version_policy(call: Call, layer_name: str, version_number: int) -> Config:
    """Who may use a version of a layer."""
    owner, layer = named(call, layer_name, version_number)
    policy = layer_policies.get(owner, layer.name, layer.version)
    if policy is None:
        raise ResourceNotFoundException("No policy is associated with the given resource.", Type="User")
    return {"Policy": text_of(policy), "RevisionId": policy.revision}


def _save(call: Call, name: str, number: int, policy: Policy) -> None:
    if len(text_of(policy)) > POLICY:
        raise PolicyLengthExceededException(
            f"The final policy size is bigger than the limit ({POLICY}).", Type="User")
    policy.revision = call.ids.uuid()
    layer_policies.put(call, name, number, record=policy)


def _expect(policy: Policy, revision: str | None) -> None:
    if revision and revision != policy.revision:
        raise stale("GetLayerPolicy")

"""Policies of layers: which other accounts may use a version."""

import json
from typing import Any

from ...kernel import Call
from .errors import (
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from .layers import Layer, arn_of, existing, layers, policy_of
from .limits import POLICY
from .service import lambda_

Config = dict[str, Any]


@lambda_.operation
def add_layer_version_permission(call: Call, layer_name: str, version_number: int, statement_id: str,
                                 action: str, principal: str, organization_id: str | None = None,
                                 revision_id: str | None = None) -> Config:
    """Let an account, or everybody, use a version of a layer."""
    record = existing(call, layer_name, version_number)
    _expect(record, revision_id)
    if statement_id in record.statements:
        raise ResourceConflictException(f"The statement id ({statement_id}) provided already exists. Please "
                                        "provide a new statement id, or remove the existing statement.")
    named = f"arn:aws:iam::{principal}:root" if principal.isdigit() else principal
    statement: Config = {"Sid": statement_id, "Effect": "Allow",
                         "Principal": "*" if principal == "*" else {"AWS": named},
                         "Action": action, "Resource": arn_of(call, record)}
    if organization_id:
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": organization_id}}
    record.statements[statement_id] = statement
    if len(policy_of(record)) > POLICY:
        raise PolicyLengthExceededException(f"The final policy size is bigger than the limit ({POLICY}).")
    _save(call, record)
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": record.policy_revision}


@lambda_.operation
def remove_layer_version_permission(call: Call, layer_name: str, version_number: int, statement_id: str,
                                    revision_id: str | None = None) -> None:
    """Take a permission back; who uses the version already goes on."""
    record = existing(call, layer_name, version_number)
    if statement_id not in record.statements:
        raise ResourceNotFoundException(f"Statement {statement_id} is not found in resource policy.")
    _expect(record, revision_id)
    del record.statements[statement_id]
    _save(call, record)


@lambda_.operation
def get_layer_version_policy(call: Call, layer_name: str, version_number: int) -> Config:
    """Who else may use a version of a layer."""
    record = existing(call, layer_name, version_number)
    if not record.statements:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    return {"Policy": policy_of(record), "RevisionId": record.policy_revision}


def _save(call: Call, record: Layer) -> None:
    record.policy_revision = call.ids.uuid()
    layers.put(call, record.name, record.version, record=record)


def _expect(record: Layer, revision: str | None) -> None:
    if revision and revision != record.policy_revision:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to "
            "retrieve the latest Revision Id")

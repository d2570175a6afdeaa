"""Resource-based policies: who else may invoke a function."""

import json
from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from .errors import (
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from .limits import POLICY
from .records import LATEST, Name, arn_of, name_of, version
from .service import lambda_

Config = dict[str, Any]


class Policy(msgspec.Struct):
    """The statements for one qualifier, by their ids."""

    revision: str
    statements: dict[str, Config] = {}


policies = Table("lambda.policies", Policy)


@lambda_.operation
def add_permission(call: Call, function_name: str, statement_id: str, action: str, principal: str,
                   source_arn: str | None = None, source_account: str | None = None,
                   event_source_token: str | None = None, function_url_auth_type: str | None = None,
                   invoked_via_function_url: bool | None = None, principal_org_id: str | None = None,
                   qualifier: str | None = None, revision_id: str | None = None) -> Config:
    """Let a service or an account invoke the function."""
    name = name_of(call, function_name, qualifier)
    version(call, name.name, name.qualifier)
    policy = _find(call, name) or Policy("")
    _expect(policy, revision_id)
    if statement_id in policy.statements:
        raise ResourceConflictException(
            f"The statement id ({statement_id}) provided already exists. Please provide a new "
            "statement id, or remove the existing statement.",
            Type="User",
        )
    conditions = [
        ("ArnLike", "AWS:SourceArn", source_arn),
        ("StringEquals", "AWS:SourceAccount", source_account),
        ("StringEquals", "lambda:EventSourceToken", event_source_token),
        ("StringEquals", "lambda:FunctionUrlAuthType", function_url_auth_type),
        (
            "Bool",
            "lambda:InvokedViaFunctionUrl",
            None if invoked_via_function_url is None else str(invoked_via_function_url).lower(),
        ),
        ("StringEquals", "aws:PrincipalOrgID", principal_org_id),
    ]
    statement: Config = {
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": _principal(principal),
        "Action": action,
        "Resource": arn_of(call, name.name, name.qualifier),
    }
    for operator, key, value in conditions:
        if value is not None:
            statement.setdefault("Condition", {}).setdefault(operator, {})[key] = value
    policy.statements[statement_id] = statement
    if len(json.dumps(_document(policy))) > POLICY:
        raise PolicyLengthExceededException(
            f"The final policy size is bigger than the limit ({POLICY}).", Type="User"
        )
    _save(call, name, policy)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@lambda_.operation
def remove_permission(call: Call, function_name: str, statement_id: str, qualifier: str | None = None,
                      revision_id: str | None = None) -> None:
    """Take a permission back."""
    name = name_of(call, function_name, qualifier)
    policy = _existing(call, name)
    _expect(policy, revision_id)
    if statement_id not in policy.statements:
        raise ResourceNotFoundException(
            f"Statement {statement_id} is not found in resource policy.", Type="User"
        )
    del policy.statements[statement_id]
    if policy.statements:
        _save(call, name, policy)
    else:
        policies.delete(call, name.name, name.qualifier or LATEST)


@lambda_.operation
def get_policy(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """The policy of a function."""
    policy = _existing(call, name_of(call, function_name, qualifier))
    return {"Policy": json.dumps(_document(policy), separators=(",", ":")), "RevisionId": policy.revision}


def _document(policy: Policy) -> Config:
    return {"Version": "2012-10-17", "Id": "default", "Statement": list(policy.statements.values())}


def _principal(text: str) -> Any:
    if text == "*":
        return "*"
    if text.isdigit():
        return {"AWS": f"arn:aws:iam::{text}:root"}
    return {"AWS": text} if text.startswith("arn:") else {"Service": text}


def _find(call: Call, name: Name) -> Policy | None:
    return policies.get(call, name.name, name.qualifier or LATEST)


def _existing(call: Call, name: Name) -> Policy:
    version(call, name.name, name.qualifier)
    policy = _find(call, name)
    if policy is None:
        raise ResourceNotFoundException("The resource you requested does not exist.", Type="User")
    return policy


def _save(call: Call, name: Name, policy: Policy) -> None:
    policy.revision = call.ids.uuid()
    policies.put(call, name.name, name.qualifier or LATEST, record=policy)


def _expect(policy: Policy, revision: str | None) -> None:
    if revision and revision != policy.revision:
        raise PreconditionFailedException(
            "The RevisionId provided does not match the latest RevisionId. Call the GetPolicy "
            "API to retrieve the latest RevisionId for your resource.",
            Type="User",
        )

"""Resource-based policies: who else may invoke a function. :mod:`.access` applies them."""

import json
import re
from typing import Any

import msgspec

from ...identity.grammar import is_principal
from ...kernel import Call
from ...store import Table
from .errors import (
    InvalidParameterValueException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from .limits import POLICY
from .records import LATEST, Name, aliases, arn_of, functions, name_of, version
from .service import lambda_

Config = dict[str, Any]
_ACCOUNT = re.compile(r"\d{12}")
_NO_POLICY = "No policy is associated with the given resource."
_STALE = ("The Revision Id provided does not match the latest Revision Id. Call the {} API to retrieve the "
          "latest Revision Id")


class Policy(msgspec.Struct):
    """The statements for one qualifier, by their ids; those without one have a number after a space."""

    revision: str
    statements: dict[str, Config] = {}
    version: str = "2012-10-17"
    id: str = "default"


policies = Table("lambda.policies", Policy)


@lambda_.operation
def add_permission(call: Call, function_name: str, statement_id: str, action: str, principal: str,
                   source_arn: str | None = None, source_account: str | None = None,
                   event_source_token: str | None = None, function_url_auth_type: str | None = None,
                   invoked_via_function_url: bool | None = None, principal_org_id: str | None = None,
                   qualifier: str | None = None, revision_id: str | None = None) -> Config:
    """Let a service or an account invoke the function."""
    name = name_of(call, function_name, qualifier)
    check_target(call, name)
    if function_url_auth_type and action != "lambda:InvokeFunctionUrl":
        raise InvalidParameterValueException(
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
    policy = find(call, name) or Policy("")
    _expect(call, name, policy, revision_id)
    via_url = None if invoked_via_function_url is None else str(invoked_via_function_url).lower()
    statement = add(policy.statements, {
        "Sid": statement_id, "Effect": "Allow", "Principal": _principal(principal), "Action": action,
        "Resource": arn_of(call, name.name, name.qualifier)}, [
        ("StringEquals", "AWS:SourceAccount", source_account),
        ("StringEquals", "lambda:EventSourceToken", event_source_token),
        ("StringEquals", "lambda:FunctionUrlAuthType", function_url_auth_type),
        ("StringEquals", "aws:PrincipalOrgID", principal_org_id),
        ("Bool", "lambda:InvokedViaFunctionUrl", via_url),
        ("ArnLike", "AWS:SourceArn", source_arn)])
    save(call, name, policy)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@lambda_.operation
def remove_permission(call: Call, function_name: str, statement_id: str, qualifier: str | None = None,
                      revision_id: str | None = None) -> None:
    """Take a permission back."""
    name = name_of(call, function_name, qualifier)
    if functions.get(call, name.name) is None:
        raise ResourceNotFoundException(f"No policy found for: {arn_of(call, name.name)}")
    check_target(call, name)
    policy = find(call, name)
    if policy is None:
        raise ResourceNotFoundException(_NO_POLICY)
    _expect(call, name, policy, revision_id)
    drop(policy.statements, statement_id)
    if policy.statements:
        save(call, name, policy)
    else:
        policies.delete(call, name.name, name.qualifier or LATEST)


@lambda_.operation
def get_policy(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """The policy of a function."""
    policy = find(call, name_of(call, function_name, qualifier))
    if policy is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return {"Policy": text_of(policy), "RevisionId": policy.revision}


def add(statements: dict[str, Config], statement: Config,
        conditions: list[tuple[str, str, str | None]]) -> Config:
    """Put a statement with those of the conditions that are meant among the others."""
    id = str(statement["Sid"])
    if id in statements:
        raise ResourceConflictException(
            f"The statement id ({id}) provided already exists. Please provide a new statement id, or remove "
            "the existing statement.")
    for operator, key, value in conditions:
        if value is not None:
            statement.setdefault("Condition", {}).setdefault(operator, {})[key] = value
    statements[id] = statement
    return statement


def drop(statements: dict[str, Config], id: str) -> None:
    """Take a statement away from the others."""
    if id not in statements:
        raise ResourceNotFoundException(f"Statement {id} is not found in resource policy.")
    del statements[id]


def text_of(policy: Policy) -> str:
    """A policy as JSON."""
    document = {"Version": policy.version, "Id": policy.id, "Statement": list(policy.statements.values())}
    return json.dumps(document, separators=(",", ":"))


def find(call: Call, name: Name) -> Policy | None:
    """The policy of the function, version or alias; that of ``$LATEST`` is the function's own."""
    return policies.get(call, name.name, name.qualifier or LATEST)


def save(call: Call, name: Name, policy: Policy) -> None:
    """Keep a policy, with a new revision."""
    if len(text_of(policy)) > POLICY:
        raise PolicyLengthExceededException(
            f"The final policy size is bigger than the limit ({POLICY}).")
    policy.revision = call.ids.uuid()
    policies.put(call, name.name, name.qualifier or LATEST, record=policy)


def forget(call: Call, function: str, qualifier: str = "") -> None:
    """A function, or what one of its qualifiers named, is no more; nor are its policies."""
    kept = [qualifier] if qualifier else [str(key[1]) for key, _ in policies.items(call, function)]
    for each in kept:
        policies.delete(call, function, each)


def check_target(call: Call, name: Name) -> None:
    """Whether there is something that can have a policy."""
    if name.qualifier == LATEST:
        raise InvalidParameterValueException(
            "We currently do not support adding policies for $LATEST.")
    if re.fullmatch(r"(?!\d+$)[\w-]+", name.qualifier) and functions.get(call, name.name) and not aliases.get(
            call, name.name, name.qualifier):
        raise ResourceNotFoundException(
            f"Cannot find alias arn: {arn_of(call, name.name, name.qualifier)}")
    version(call, name.name, name.qualifier)


def stale(operation: str) -> PreconditionFailedException:
    """The policy has changed since it was read."""
    return PreconditionFailedException(_STALE.format(operation))


def _principal(text: str) -> Any:
    if text == "*":
        return "*"
    kind = "AWS" if _ACCOUNT.fullmatch(text) or text.startswith("arn:") else "Service"
    if not is_principal(kind, text):
        raise InvalidParameterValueException(
            "The provided principal was invalid. Please check the principal and try again.")
    return {kind: f"arn:aws:iam::{text}:root" if _ACCOUNT.fullmatch(text) else text}


def _expect(call: Call, name: Name, policy: Policy, revision: str | None) -> None:
    """A policy that isn't there yet has the revision of what it is for."""
    alias = aliases.get(call, name.name, name.qualifier) if name.qualifier else None
    known = policy.revision or (alias or version(call, name.name, name.qualifier)).revision
    if revision and revision != known:
        raise stale("GetPolicy")

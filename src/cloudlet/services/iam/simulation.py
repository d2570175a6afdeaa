"""Asking what policies would say, with the evaluator that decides in earnest."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import msgspec

from ...arn import Arn
from ...identity import Principal
from ...identity.evaluation import Ask, Decision, Policies, Policy, evaluate
from ...identity.policy import Malformed, compiled, context_keys
from ...kernel import Call
from ...kernel.permissions import context_of
from . import documents, grants, managed, paging
from .entities import find
from .errors import InvalidInputException, NoSuchEntityException
from .records import Entity, groups, roles, users
from .service import iam

Entries = list[dict[str, Any]]
_SECTIONS = {"user": users, "group": groups, "role": roles}


@iam.operation
def simulate_custom_policy(call: Call, policy_input_list: list[str], action_names: list[str],
                           permissions_boundary_policy_input_list: list[str] | None = None,
                           resource_arns: list[str] | None = None, resource_policy: str | None = None,
                           resource_owner: str | None = None, caller_arn: str | None = None,
                           context_entries: Entries | None = None, max_items: int | None = None,
                           marker: str | None = None) -> dict[str, Any]:
    """What the given policies would say of actions on resources."""
    policies = Policies(tuple(_input("PolicyInputList", policy_input_list)),
                        _boundary(permissions_boundary_policy_input_list))
    if resource_policy and not caller_arn:
        raise InvalidInputException("CallerArn is required when a ResourcePolicy is given.")
    caller = _principal(caller_arn) if caller_arn else Principal(call.account, "", "user")
    return _simulated(call, caller, policies, action_names, resource_arns, resource_policy, resource_owner,
                      context_entries, max_items, marker)


@iam.operation
def simulate_principal_policy(call: Call, policy_source_arn: str, action_names: list[str],
                              policy_input_list: list[str] | None = None,
                              permissions_boundary_policy_input_list: list[str] | None = None,
                              resource_arns: list[str] | None = None, resource_policy: str | None = None,
                              resource_owner: str | None = None, caller_arn: str | None = None,
                              context_entries: Entries | None = None, max_items: int | None = None,
                              marker: str | None = None) -> dict[str, Any]:
    """What the policies of a user, group or role would say of actions on resources."""
    own = grants.of(call, _entity(call, policy_source_arn))
    policies = msgspec.structs.replace(
        own, identity=(*own.identity, *_input("PolicyInputList", policy_input_list or [])),
        boundary=_boundary(permissions_boundary_policy_input_list) or own.boundary)
    caller = _principal(caller_arn or policy_source_arn)
    return _simulated(call, caller, policies, action_names, resource_arns, resource_policy, resource_owner,
                      context_entries, max_items, marker)


@iam.operation
def get_context_keys_for_custom_policy(call: Call, policy_input_list: list[str]) -> dict[str, Any]:
    """The condition keys that the given policies ask for."""
    return _keys(_input("PolicyInputList", policy_input_list))


@iam.operation
def get_context_keys_for_principal_policy(call: Call, policy_source_arn: str,
                                          policy_input_list: list[str] | None = None) -> dict[str, Any]:
    """The condition keys that the policies of a user, group or role ask for."""
    own = grants.of(call, _entity(call, policy_source_arn))
    return _keys((*own.identity, *_input("PolicyInputList", policy_input_list or [])))


@iam.operation
def list_policies_granting_service_access(call: Call, arn: str, service_namespaces: list[str],
                                          marker: str | None = None) -> dict[str, Any]:
    """Which policies of a user, group or role allow anything of a service."""
    own = grants.of(call, _entity(call, arn))
    found = []
    for service in service_namespaces:
        granting = [policy for policy in own.identity if _grants(policy, service)]
        found.append({"ServiceNamespace": service, "Policies": [_source(call, policy)
                                                                for policy in granting]})
    return {"PoliciesGrantingServiceAccess": found, "IsTruncated": False}


def _simulated(call: Call, caller: Principal, policies: Policies, actions: list[str],
               resources: list[str] | None,
               resource_policy: str | None, owner: str | None, entries: Entries | None, max_items: int | None,
               marker: str | None) -> dict[str, Any]:
    given = {entry.get("ContextKeyName", "").lower(): tuple(entry.get("ContextKeyValues", ()))
             for entry in entries or ()}
    usual = context_of(caller, policies, call.now_ms, {})
    context = {key: value for key, value in usual.items()
               if key.startswith(("aws:principal", "aws:user"))} | given
    resource = None
    if resource_policy:
        documents.grammar_check(resource_policy, "resource")
        resource = Policy("ResourcePolicy", compiled(resource_policy), "Resource Policy")
    pairs = list(product(actions, resources or ["*"]))
    items = [(f"{n:06}", pair) for n, pair in enumerate(pairs)]
    try:
        owner_account = Arn.parse(owner).account if owner else ""
    except ValueError:
        raise InvalidInputException(f"Invalid resource owner: {owner}. It must be an ARN.") from None

    def result(pair: tuple[str, str]) -> dict[str, Any]:
        ask = Ask(caller, pair[0], pair[1], context, owner_account)
        return _shown(ask, evaluate(ask, policies, resource), policies)
    found, rest = paging.page(paging.listed(items), marker, max_items, result)
    return {"EvaluationResults": found, **rest}


def _shown(ask: Ask, decision: Decision, policies: Policies) -> dict[str, Any]:
    verdict = "allowed" if decision.allowed else "explicitDeny" if decision.explicit else "implicitDeny"
    shown: dict[str, Any] = {
        "EvalActionName": ask.action, "EvalResourceName": ask.resource, "EvalDecision": verdict,
        "MatchedStatements": [{"SourcePolicyId": each.policy.name, "SourcePolicyType": each.policy.kind}
                              for each in decision.matched],
        "MissingContextValues": list(decision.missing)}
    if policies.boundary:
        shown["PermissionsBoundaryDecisionDetail"] = {
            "AllowedByPermissionsBoundary": decision.boundary_allows}
    return shown


def _input(name: str, texts: list[str]) -> Iterable[Policy]:
    for n, text in enumerate(texts, 1):
        try:
            yield Policy(f"{name}.{n}", compiled(text))
        except Malformed as error:
            raise InvalidInputException(f"{name}.{n}: {error}") from None


def _boundary(texts: list[str] | None) -> Policy | None:
    return next(iter(_input("PermissionsBoundaryPolicyInputList", texts or [])), None)


def _keys(policies: Iterable[Policy]) -> dict[str, Any]:
    names = {key.lower(): key for policy in policies for key in context_keys(policy.document)}
    return {"ContextKeyNames": sorted(names.values())}


def _entity(call: Call, arn: str) -> Entity:
    try:
        noun, _, path = Arn.parse(arn).resource.partition("/")
        table: Any = _SECTIONS[noun]
    except (ValueError, KeyError):
        raise InvalidInputException(f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
                                    ) from None
    if Arn.parse(arn).account != call.account:
        raise NoSuchEntityException(f"Entity {arn} cannot be found.")
    found: Entity = find(call, table, path.rpartition("/")[2])
    return found


def _principal(arn: str) -> Principal:
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise InvalidInputException(f"{arn} is not a valid ARN of a caller.") from None
    if parsed.resource.startswith("role/"):
        return Principal(parsed.account, arn, "role", role_arn=arn)
    return Principal(parsed.account, arn, "user")


def _grants(policy: Policy, service: str) -> bool:
    return any(statement.allows and any(action == "*" or action.lower().startswith(f"{service}:".lower())
                                        for action in statement.actions) != statement.not_actions
               for statement in policy.document.statements)


def _source(call: Call, policy: Policy) -> dict[str, Any]:
    name = policy.name.rpartition("/")[2]
    if ":policy/" in policy.name and managed.peek(call, policy.name):
        return {"PolicyName": name, "PolicyType": "MANAGED", "PolicyArn": policy.name}
    noun, _, holder = policy.name.rpartition("/")[0].rpartition(":")[2].partition("/")
    return {"PolicyName": name, "PolicyType": "INLINE", "EntityType": noun.upper(),
            "EntityName": holder.rpartition("/")[2]}

"""What can be asked about stacks: their state, their resources, their history, their exports."""

from typing import Any

import msgspec

from ...errors import ValidationError
from ...kernel import Call
from ...stacks.state import State
from . import records
from .records import Stack, StackEvent
from .service import cloudformation

_PAGE = 100
_EVENTS_PAGE = 100


@cloudformation.operation
def describe_stacks(
    call: Call, stack_name: str | None = None, next_token: str | None = None
) -> dict[str, Any]:
    """One stack, or all that live."""
    if stack_name:
        stack = records.find(call, stack_name)
        if stack is None:
            raise ValidationError(f"Stack with id {stack_name} does not exist")
        return {"Stacks": [shown(stack)]}
    stacks, token = _page([stack for _, stack in records.stacks.find(call, "living")], next_token)
    return {"Stacks": [shown(stack) for stack in stacks], **token}


@cloudformation.operation
def list_stacks(
    call: Call, next_token: str | None = None, stack_status_filter: list[str] | None = None
) -> dict[str, Any]:
    """Summaries of all stacks, also of those that are gone."""
    found = [
        stack
        for _, stack in records.stacks.items(call)
        if not stack_status_filter or stack.status in stack_status_filter
    ]
    stacks, token = _page(sorted(found, key=lambda stack: -stack.created_ms), next_token)
    keys = (
        "StackId",
        "StackName",
        "CreationTime",
        "LastUpdatedTime",
        "DeletionTime",
        "StackStatus",
        "StackStatusReason",
        "ParentId",
        "RootId",
        "DriftInformation",
        "Description",
    )
    summaries = []
    for stack in stacks:
        whole = shown(stack)
        summary = {key: whole[key] for key in keys if key in whole}
        if stack.description:
            summary["TemplateDescription"] = stack.description
        summary.pop("Description", None)
        summaries.append(summary)
    return {"StackSummaries": summaries, **token}


@cloudformation.operation
def describe_stack_events(call: Call, stack_name: str, next_token: str | None = None) -> dict[str, Any]:
    """What happened to a stack, the newest first."""
    stack = records.find(call, stack_name)
    if stack is None:
        raise ValidationError(f"Stack [{stack_name}] does not exist")
    found: list[tuple[int, dict[str, Any]]] = []
    if next_token and not next_token.isdigit():
        raise ValidationError(f"NextToken {next_token} is not one that DescribeStackEvents gave")
    for number, event in records.history(call, stack, int(next_token) if next_token else None):
        if len(found) == _EVENTS_PAGE:
            return {"StackEvents": [one for _, one in found], "NextToken": str(found[-1][0])}
        found.append((number, _event(stack, event)))
    return {"StackEvents": [one for _, one in found]}


@cloudformation.operation
def describe_stack_resource(call: Call, stack_name: str, logical_resource_id: str) -> dict[str, Any]:
    """One resource of a stack."""
    stack = _known(call, stack_name)
    state = records.resources.get(call, stack.uuid, logical_resource_id)
    if state is None:
        raise ValidationError(f"Resource {logical_resource_id} does not exist for stack {stack.name}")
    found = _resource(stack, state)
    found["LastUpdatedTimestamp"] = found.pop("Timestamp")
    if state.metadata:
        found["Metadata"] = msgspec.json.encode(state.metadata).decode()
    return {"StackResourceDetail": found}


@cloudformation.operation
def describe_stack_resources(
    call: Call,
    stack_name: str | None = None,
    logical_resource_id: str | None = None,
    physical_resource_id: str | None = None,
) -> dict[str, Any]:
    """The resources of a stack, or of the stack that has a certain resource."""
    if stack_name:
        stack = _known(call, stack_name)
    elif physical_resource_id:
        stack = _owner(call, physical_resource_id)
    else:
        raise ValidationError("Exactly one of StackName, PhysicalResourceId must be specified.")
    states = [
        state
        for state in records.states(call, stack).values()
        if logical_resource_id in (None, state.logical_id)
    ]
    if logical_resource_id and not states:
        raise ValidationError(f"Resource {logical_resource_id} does not exist for stack {stack.name}")
    return {"StackResources": [_resource(stack, state) for state in states]}


@cloudformation.operation
def list_stack_resources(call: Call, stack_name: str, next_token: str | None = None) -> dict[str, Any]:
    """Summaries of a stack's resources."""
    stack = _known(call, stack_name)
    states, token = _page(list(records.states(call, stack).values()), next_token)
    summaries = []
    for state in states:
        found = _resource(stack, state)
        found["LastUpdatedTimestamp"] = found.pop("Timestamp")
        summaries.append({key: found[key] for key in found if key not in ("StackName", "StackId")})
    return {"StackResourceSummaries": summaries, **token}


@cloudformation.operation
def list_exports(call: Call, next_token: str | None = None) -> dict[str, Any]:
    """What stacks export."""
    found = [
        {"ExportingStackId": export.stack_id, "Name": str(key[0]), "Value": export.value}
        for key, export in records.exports.items(call)
    ]
    page, token = _page(found, next_token)
    return {"Exports": page, **token}


@cloudformation.operation
def list_imports(call: Call, export_name: str | None = None, next_token: str | None = None) -> dict[str, Any]:
    """The stacks that import a value."""
    if not export_name:
        raise ValidationError("ExportName must be specified.")
    names = records.importers(call, export_name)
    if not names:
        raise ValidationError(f"Export '{export_name}' is not imported by any stack.")
    page, token = _page(names, next_token)
    return {"Imports": page, **token}


def shown(stack: Stack) -> dict[str, Any]:
    """A stack as the API shows it."""
    found: dict[str, Any] = {
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": stack.created_ms / 1000,
        "StackStatus": stack.status,
        "DisableRollback": stack.disable_rollback,
        "NotificationARNs": stack.notification_arns,
        "Capabilities": stack.capabilities,
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        "EnableTerminationProtection": stack.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        "RollbackConfiguration": {},
    }
    optional = {
        "StackStatusReason": stack.reason,
        "Description": stack.description,
        "RoleARN": stack.role_arn,
        "ParentId": stack.parent_id,
        "RootId": stack.root_id,
        "ChangeSetId": stack.change_set_id,
        "LastUpdatedTime": stack.updated_ms / 1000,
        "DeletionTime": stack.deleted_ms / 1000,
        "Parameters": records.describe_parameters(stack),
    }
    found |= {key: value for key, value in optional.items() if value}
    if stack.outputs:
        found["Outputs"] = [
            {"OutputKey": output.name, "OutputValue": output.value}
            | ({"Description": output.description} if output.description else {})
            | ({"ExportName": output.export} if output.export else {})
            for output in stack.outputs
        ]
    return found


def _event(stack: Stack, event: StackEvent) -> dict[str, Any]:
    found = {
        "StackId": stack.id,
        "EventId": event.id,
        "StackName": stack.name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.at_ms / 1000,
        "ResourceStatus": event.status,
    }
    optional = {
        "ResourceStatusReason": event.reason,
        "ResourceProperties": event.properties,
        "ClientRequestToken": event.token,
    }
    return found | {key: value for key, value in optional.items() if value}


def _resource(stack: Stack, state: State) -> dict[str, Any]:
    found: dict[str, Any] = {
        "StackName": stack.name,
        "StackId": stack.id,
        "LogicalResourceId": state.logical_id,
        "ResourceType": state.type,
        "Timestamp": state.updated_ms / 1000,
        "ResourceStatus": state.status,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    if state.physical_id:
        found["PhysicalResourceId"] = state.physical_id
    if state.reason:
        found["ResourceStatusReason"] = state.reason
    return found


def _known(call: Call, name: str) -> Stack:
    stack = records.find(call, name)
    if stack is None:
        raise ValidationError(f"Stack '{name}' does not exist")
    return stack


def _owner(call: Call, physical_id: str) -> Stack:
    for _, stack in records.stacks.find(call, "living"):
        if any(state.physical_id == physical_id for state in records.states(call, stack).values()):
            return stack
    raise ValidationError(f"Stack for {physical_id} does not exist")


def _page(found: list[Any], token: str | None) -> tuple[list[Any], dict[str, str]]:
    start = int(token) if token and token.isdigit() else 0
    rest = {"NextToken": str(start + _PAGE)} if len(found) > start + _PAGE else {}
    return found[start : start + _PAGE], rest

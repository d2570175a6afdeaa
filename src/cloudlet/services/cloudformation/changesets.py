"""Change sets: a plan that is looked at before it is carried out."""

from typing import Any

import msgspec

from ...errors import AwsError, ValidationError
from ...kernel import Call, Conversation
from ...stacks import plan as plans
from ...stacks.plan import Change, Plan
from ...store import Table
from . import records
from .changing import (
    Settings,
    changes_beside,
    describe,
    new_stack,
    rest,
    start_create,
    start_update,
    successor,
    updatable,
)
from .errors import AlreadyExistsException, ChangeSetNotFoundException, InvalidChangeSetStatusException
from .preparation import Prepared, Request, find_types, make_goal, prepare, template_of
from .records import Stack, TemplateText
from .service import cloudformation

_NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


class ChangeSet(msgspec.Struct):
    """A plan, and what is needed to carry it out."""

    id: str
    name: str
    stack: str  # the uuid
    type: str
    status: str = "CREATE_COMPLETE"
    reason: str = ""
    execution_status: str = "AVAILABLE"
    description: str = ""
    created_ms: int = 0
    template: TemplateText = msgspec.field(default_factory=lambda: TemplateText(""))
    following: Stack | None = None
    plan: Plan = Plan()
    on_failure: str = ""
    token: str = ""


_changesets = Table("cloudformation.changesets", ChangeSet)


@cloudformation.operation
async def create_change_set(
    call: Conversation,
    stack_name: str,
    change_set_name: str,
    template_body: str | None = None,
    template_url: str | None = None,
    use_previous_template: bool | None = None,
    parameters: list[dict[str, Any]] | None = None,
    capabilities: list[str] | None = None,
    role_arn: str | None = None,
    notification_arns: list[str] | None = None,
    tags: list[dict[str, str]] | None = None,
    description: str | None = None,
    client_token: str | None = None,
    change_set_type: str | None = None,
    include_nested_stacks: bool = False,
    on_stack_failure: str | None = None,
    import_existing_resources: bool = False,
) -> dict[str, Any]:
    """Plan a change, and keep the plan."""
    if change_set_type == "IMPORT" or import_existing_resources:
        raise ValidationError("cloudlet does not import existing resources into stacks.")
    kind = change_set_type or "UPDATE"
    stack = await call.transact(lambda inner: _subject(inner, stack_name, kind))
    request = Request(
        template_body, template_url, use_previous_template, parameters, capabilities, expands=False
    )
    prepared, problem = await _understand(call, request, stack if kind == "UPDATE" else None)
    settings = Settings(tags, capabilities, role_arn, notification_arns)
    name = change_set_name.rpartition(":changeSet/")[2].partition("/")[0]

    def create(inner: Call) -> ChangeSet:
        current = _subject(inner, stack_name, kind)
        found = _named(inner, current, name)
        if found is not None and found.execution_status != "EXECUTE_COMPLETE":  # one that is done gives way
            return _again(found, client_token)
        change_set = ChangeSet(inner.arn(f"changeSet/{name}/{inner.ids.uuid()}"), name, current.uuid, kind)
        change_set.description, change_set.on_failure = description or "", on_stack_failure or ""
        change_set.created_ms, change_set.token = inner.now_ms, client_token or ""
        if prepared is None:
            _fail(change_set, problem)
        else:
            following = successor(current, prepared, settings)
            _plan(inner, change_set, current, following, prepared, include_nested_stacks)
        return _keep(inner, current, change_set)

    made = await call.transact(create)
    return {"Id": made.id, "StackId": call.arn(f"stack/{stack.name}/{made.stack}")}


def _keep(call: Call, stack: Stack, change_set: ChangeSet) -> ChangeSet:
    """Remember the plan, and the stack if it is new."""
    if records.stacks.get(call, stack.uuid) is None:
        records.turn(call, stack, "REVIEW_IN_PROGRESS", "User Initiated")
    _changesets.put(call, stack.uuid, change_set.name, record=change_set)
    return change_set


async def _understand(
    call: Conversation, request: Request, stack: Stack | None
) -> tuple[Prepared | None, str]:
    """The request, prepared; or why its transforms fail: on AWS they run later, and fail the change set."""
    try:
        return await prepare(call, request, stack), ""
    except ValidationError as error:
        if not str(error).startswith("Transform "):
            raise
        return None, str(error)


def _again(found: ChangeSet, token: str | None) -> ChangeSet:
    """The change set, if it was asked for with the same token before."""
    if token and found.token == token:
        return found
    why = "cannot be created due to a mismatch with existing attribute values"
    raise AlreadyExistsException(
        f"ChangeSet {found.name} {why}" if token else f"ChangeSet [{found.id}] already exists"
    )


def _subject(call: Call, name: str, kind: str) -> Stack:
    """The stack that the change set will be for; a new one for the type CREATE."""
    stack = records.find(call, name)
    if stack is not None and stack.deleted_ms:
        stack = None
    if kind == "CREATE":
        if stack is None:
            return new_stack(call, name)
        if stack.status != "REVIEW_IN_PROGRESS":
            raise ValidationError(
                f"Stack [{stack.name}] already exists and cannot be created again with the changeSet "
                f"[{name}]."
            )
        return stack
    if stack is None:
        raise ValidationError(f"Stack [{name}] does not exist")
    return updatable(call, name)


def _plan(
    call: Call, change_set: ChangeSet, stack: Stack, following: Stack, prepared: Prepared, nested: bool
) -> None:
    """Fill the change set with what would be done, or with why it can't be."""
    change_set.template, change_set.following = prepared.text, following
    try:
        if nested and any(
            spec.type == "AWS::CloudFormation::Stack" for spec in prepared.template.resources.values()
        ):
            raise ValidationError(
                "cloudlet makes no change sets of nested stacks; leave IncludeNestedStacks out."
            )
        goal = make_goal(call, following, prepared.template)
        states = {} if change_set.type == "CREATE" else records.states(call, stack)
        change_set.plan = plans.make(
            goal,
            states,
            find_types(call).find,
            retagged=stack.tags != following.tags and change_set.type != "CREATE",
        )
    except AwsError as error:
        _fail(change_set, str(error))
        return
    if not change_set.plan and not changes_beside(call, stack, following, prepared):
        _fail(change_set, _NO_CHANGES)


def _fail(change_set: ChangeSet, reason: str) -> None:
    change_set.status, change_set.reason, change_set.execution_status = "FAILED", reason, "UNAVAILABLE"


@cloudformation.operation
def describe_change_set(
    call: Call, change_set_name: str, stack_name: str | None = None, next_token: str | None = None
) -> dict[str, Any]:
    """A change set, with every change."""
    change_set = find(call, change_set_name, stack_name)
    stack = _stack(call, change_set)
    following = change_set.following or stack
    found = _summary(stack, change_set) | {
        "NotificationARNs": following.notification_arns,
        "Capabilities": following.capabilities,
        "Tags": [{"Key": key, "Value": value} for key, value in following.tags.items()],
        "Changes": [
            {"Type": "Resource", "ResourceChange": _change(change)} for change in change_set.plan.changes
        ],
        "IncludeNestedStacks": False,
        "RollbackConfiguration": {},
    }
    if following.parameters:
        found["Parameters"] = records.describe_parameters(following)
    if change_set.on_failure:
        found["OnStackFailure"] = change_set.on_failure
    return found


@cloudformation.operation
def list_change_sets(call: Call, stack_name: str, next_token: str | None = None) -> dict[str, Any]:
    """The change sets of a stack."""
    stack = records.existing(call, stack_name)
    return {
        "Summaries": [_summary(stack, change_set) for _, change_set in _changesets.items(call, stack.uuid)]
    }


@cloudformation.operation
def delete_change_set(call: Call, change_set_name: str, stack_name: str | None = None) -> dict[str, Any]:
    """Forget a plan."""
    try:
        change_set = find(call, change_set_name, stack_name)
    except ChangeSetNotFoundException:
        return {}
    if change_set.execution_status == "EXECUTE_IN_PROGRESS":
        raise InvalidChangeSetStatusException(
            f"ChangeSet [{change_set.id}] is being executed and cannot be deleted."
        )
    _changesets.delete(call, change_set.stack, change_set.name)
    return {}


@cloudformation.operation
async def execute_change_set(
    call: Conversation,
    change_set_name: str,
    stack_name: str | None = None,
    disable_rollback: bool | None = None,
    retain_except_on_create: bool = False,
) -> dict[str, Any]:
    """Carry out a plan."""

    def execute(inner: Call) -> Stack:
        change_set = find(inner, change_set_name, stack_name)
        following = change_set.following
        if change_set.status != "CREATE_COMPLETE" or following is None:
            raise InvalidChangeSetStatusException(
                f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
                f"[{change_set.status}]"
            )
        if change_set.execution_status != "AVAILABLE":
            raise InvalidChangeSetStatusException(
                f"ChangeSet [{change_set.id}] cannot be executed in its current execution "
                f"status of [{change_set.execution_status}]"
            )
        stack = _stack(inner, change_set)
        following.disable_rollback = bool(disable_rollback)
        following.on_failure = change_set.on_failure or "ROLLBACK"
        following.retain_except_on_create = retain_except_on_create
        prepared = Prepared(change_set.template, template_of(change_set.template), following.parameters)
        make_goal(inner, following, prepared.template)
        for key, other in list(_changesets.items(inner, stack.uuid)):
            if other.name != change_set.name:  # they were plans for a stack that will not be as it was
                _changesets.delete(inner, *key)
        change_set.execution_status = "EXECUTE_COMPLETE"
        _changesets.put(inner, stack.uuid, change_set.name, record=change_set)
        if change_set.type == "CREATE":
            settings = Settings(None, following.capabilities, following.role_arn, following.notification_arns)
            describe(stack, prepared, settings)
            stack.retain_except_on_create = retain_except_on_create
            stack.tags, stack.disable_rollback = following.tags, following.disable_rollback
            stack.on_failure, stack.change_set_id = following.on_failure, change_set.id
            start_create(inner, stack, prepared)
        else:
            updatable(inner, stack.id)
            stack.change_set_id = change_set.id
            start_update(inner, stack, following, prepared)
        return stack

    await rest(call, await call.transact(execute))
    return {}


def find(call: Call, name: str, stack_name: str | None) -> ChangeSet:
    """The change set with that name (of that stack) or id."""
    if name.startswith("arn:"):
        own = name.rpartition(":changeSet/")[2].partition("/")[0]
        for _, stack in records.stacks.find(call, "living"):
            found = _changesets.get(call, stack.uuid, own)
            if found is not None and found.id == name:
                return found
        raise ChangeSetNotFoundException(f"ChangeSet [{name}] does not exist")
    if not stack_name:
        raise ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
    owner = records.find(call, stack_name)
    if owner is None:
        raise ValidationError(f"Stack [{stack_name}] does not exist")
    found = _named(call, owner, name)
    if found is None:
        raise ChangeSetNotFoundException(f"ChangeSet [{name}] does not exist")
    return found


def _named(call: Call, stack: Stack, name: str) -> ChangeSet | None:
    return _changesets.get(call, stack.uuid, name)


def _stack(call: Call, change_set: ChangeSet) -> Stack:
    stack = records.stacks.get(call, change_set.stack)
    if stack is None:
        raise ChangeSetNotFoundException(f"ChangeSet [{change_set.id}] does not exist")
    return stack


def _summary(stack: Stack, change_set: ChangeSet) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "StackId": stack.id,
        "StackName": stack.name,
        "Status": change_set.status,
        "ExecutionStatus": change_set.execution_status,
        "CreationTime": change_set.created_ms / 1000,
        "IncludeNestedStacks": False,
    }
    if change_set.reason:
        found["StatusReason"] = change_set.reason
    if change_set.description:
        found["Description"] = change_set.description
    return found


def _change(change: Change) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "ResourceType": change.type,
        "Scope": change.scope,
        "Details": [],
    }
    if change.physical_id:
        found["PhysicalResourceId"] = change.physical_id
    if change.replacement:
        found["Replacement"] = change.replacement
    if change.action == "Remove":
        found["PolicyAction"] = "Retain" if change.policy != "Delete" else "Delete"
    elif change.policy:
        found["PolicyAction"] = "ReplaceAndRetain" if change.policy == "Retain" else "ReplaceAndDelete"
    for detail in change.details:
        target: dict[str, Any] = {"Attribute": detail.attribute}
        if detail.name:
            target |= {"Name": detail.name, "RequiresRecreation": detail.recreation}
        entity = {"CausingEntity": detail.entity} if detail.entity else {}
        found["Details"].append(
            {"Target": target, "Evaluation": detail.evaluation, "ChangeSource": detail.source} | entity
        )
    return found

"""CreateStack, UpdateStack, DeleteStack, and what stops or resumes them.

An answer waits a moment for the deployment it began: waiters ask every 30 seconds, and most deployments
are over in a blink.
"""

import asyncio
import contextlib
from typing import Any

import msgspec

from ...errors import ValidationError
from ...identity import Principal
from ...kernel import Call, Conversation
from ...stacks import plan as plans
from . import records
from .errors import AlreadyExistsException
from .executions import begin, refuse_if_imported
from .preparation import Prepared, Request, find_types, make_goal, prepare, template_of
from .records import Execution, Stack
from .service import cloudformation

_PATIENCE_S = 2.0
_UPDATABLE = frozenset(
    ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED")
)


class Settings(msgspec.Struct, frozen=True):
    """What a request says of the stack beside its template; None lets it be as it is."""

    tags: list[dict[str, str]] | None = None
    capabilities: list[str] | None = None
    role_arn: str | None = None
    notification_arns: list[str] | None = None


@cloudformation.operation
async def create_stack(
    call: Conversation,
    stack_name: str,
    template_body: str | None = None,
    template_url: str | None = None,
    parameters: list[dict[str, Any]] | None = None,
    disable_rollback: bool | None = None,
    notification_arns: list[str] | None = None,
    capabilities: list[str] | None = None,
    role_arn: str | None = None,
    on_failure: str | None = None,
    tags: list[dict[str, str]] | None = None,
    enable_termination_protection: bool = False,
    retain_except_on_create: bool = False,
    client_request_token: str = "",
) -> dict[str, Any]:
    """Make a stack; asked again with the same token, tell which it was."""
    if disable_rollback is not None and on_failure is not None:
        raise ValidationError("You can specify either DisableRollback or OnFailure, but not both.")
    before = await call.transact(lambda inner: _taken(inner, stack_name, client_request_token))
    if before is not None:
        return {"StackId": before.id}
    prepared = await prepare(call, Request(template_body, template_url, None, parameters, capabilities), None)

    def create(inner: Call) -> Stack:
        _taken(inner, stack_name, "")
        stack = new_stack(inner, stack_name)
        stack.token = client_request_token
        stack.disable_rollback = bool(disable_rollback)
        stack.on_failure = on_failure or "ROLLBACK"
        stack.protected = enable_termination_protection
        stack.retain_except_on_create = retain_except_on_create
        describe(stack, prepared, Settings(tags, capabilities, role_arn, notification_arns))
        make_goal(inner, stack, prepared.template)
        start_create(inner, stack, prepared)
        return stack

    stack = await call.transact(create)
    await rest(call, stack)
    return {"StackId": stack.id}


@cloudformation.operation
async def update_stack(
    call: Conversation,
    stack_name: str,
    template_body: str | None = None,
    template_url: str | None = None,
    use_previous_template: bool | None = None,
    parameters: list[dict[str, Any]] | None = None,
    capabilities: list[str] | None = None,
    role_arn: str | None = None,
    tags: list[dict[str, str]] | None = None,
    notification_arns: list[str] | None = None,
    disable_rollback: bool | None = None,
    retain_except_on_create: bool = False,
    client_request_token: str = "",
) -> dict[str, Any]:
    """Change a stack."""
    before = await call.transact(lambda inner: updatable(inner, stack_name))
    prepared = await prepare(
        call, Request(template_body, template_url, use_previous_template, parameters, capabilities), before
    )

    def update(inner: Call) -> Stack:
        stack = updatable(inner, stack_name)
        following = successor(stack, prepared, Settings(tags, capabilities, role_arn, notification_arns))
        following.disable_rollback = bool(disable_rollback)
        following.retain_except_on_create, following.token = retain_except_on_create, client_request_token
        goal = make_goal(inner, following, prepared.template)
        plan = plans.make(
            goal, records.states(inner, stack), find_types(inner).find, retagged=stack.tags != following.tags
        )
        if not plan and not changes_beside(inner, stack, following, prepared):
            raise ValidationError("No updates are to be performed.")
        start_update(inner, stack, following, prepared)
        return stack

    stack = await call.transact(update)
    await rest(call, stack)
    return {"StackId": stack.id}


@cloudformation.operation
async def delete_stack(
    call: Conversation,
    stack_name: str,
    retain_resources: list[str] | None = None,
    role_arn: str | None = None,
    deletion_mode: str = "STANDARD",
) -> None:
    """Remove a stack and what it made."""
    if deletion_mode != "STANDARD":
        raise ValidationError("cloudlet honours DeletionMode STANDARD only.")

    def delete(inner: Call) -> Stack | None:
        stack = records.find(inner, stack_name)
        if stack is None or stack.deleted_ms or stack.status == "DELETE_IN_PROGRESS":
            return None
        if stack.protected:
            raise ValidationError(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        if retain_resources and stack.status != "DELETE_FAILED":
            raise ValidationError(
                f"Invalid operation on stack [{stack.id}]. Only stacks in DELETE_FAILED state can retain "
                "resources"
            )
        if stack.busy:
            raise ValidationError(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
        for output in stack.outputs:
            if output.export:
                refuse_if_imported(inner, output.export)
        records.turn(inner, stack, "DELETE_IN_PROGRESS", "User Initiated")
        begin(
            inner,
            stack,
            Execution(
                inner.ids.uuid(),
                "delete",
                "remove",
                principal_of(inner, role_arn or stack.role_arn),
                stack,
                retain=retain_resources or [],
            ),
        )
        return stack

    stack = await call.transact(delete)
    if stack is not None:
        await rest(call, stack)


@cloudformation.operation
def cancel_update_stack(call: Call, stack_name: str) -> None:
    """Stop an update; what it did is undone."""
    stack = records.existing(call, stack_name)
    execution = records.executions.get(call, stack.uuid)
    if stack.status != "UPDATE_IN_PROGRESS" or execution is None:
        raise ValidationError("CancelUpdateStack cannot be called from current stack status")
    execution.cancelled = True
    records.executions.put(call, stack.uuid, record=execution)


@cloudformation.operation
async def continue_update_rollback(
    call: Conversation,
    stack_name: str,
    role_arn: str | None = None,
    resources_to_skip: list[str] | None = None,
) -> dict[str, Any]:
    """Try again to undo an update."""

    def go_on(inner: Call) -> Stack:
        stack = records.existing(inner, stack_name)
        execution = records.executions.get(inner, stack.uuid)
        if stack.status != "UPDATE_ROLLBACK_FAILED" or execution is None:
            raise ValidationError(
                f"Stack:{stack.id} is in {stack.status} state and can not continue rollback."
            )
        execution.skip, execution.cancelled = resources_to_skip or [], False
        if role_arn:
            execution.principal = principal_of(inner, role_arn)
        records.turn(inner, stack, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
        begin(inner, stack, execution)
        return stack

    await rest(call, await call.transact(go_on))
    return {}


@cloudformation.operation
def update_termination_protection(
    call: Call, enable_termination_protection: bool, stack_name: str
) -> dict[str, Any]:
    """Let a stack be safe from deletion, or not."""
    stack = records.existing(call, stack_name)
    if stack.parent_id:
        raise ValidationError(
            "Termination protection cannot be set on nested stacks; set it on the root stack."
        )
    stack.protected = enable_termination_protection
    records.save(call, stack)
    return {"StackId": stack.id}


def new_stack(call: Call, name: str) -> Stack:
    """A stack that has nothing yet but a name."""
    uuid = call.ids.uuid()
    return Stack(call.arn(f"stack/{name}/{uuid}"), name, created_ms=call.now_ms)


def describe(stack: Stack, prepared: Prepared, settings: Settings) -> None:
    """Let the stack be what the request says."""
    stack.parameters, stack.hidden = prepared.parameters, prepared.hidden
    stack.description, stack.capabilities = prepared.template.description, settings.capabilities or []
    if settings.tags is not None:
        stack.tags = tags_of(settings.tags)
    if settings.role_arn is not None:
        stack.role_arn = settings.role_arn
    if settings.notification_arns is not None:
        stack.notification_arns = settings.notification_arns


def successor(stack: Stack, prepared: Prepared, settings: Settings) -> Stack:
    """What the stack will be after an update."""
    following = msgspec.structs.replace(stack, disable_rollback=False)
    describe(following, prepared, settings)
    return following


def start_create(call: Call, stack: Stack, prepared: Prepared) -> None:
    """Begin to make the stack."""
    records.turn(call, stack, "CREATE_IN_PROGRESS", "User Initiated", stack.token)
    records.templates.put(call, stack.uuid, record=prepared.text)
    begin(
        call,
        stack,
        Execution(
            call.ids.uuid(),
            "create",
            "forward",
            principal_of(call, stack.role_arn),
            stack,
            prepared.text,
            token=stack.token,
        ),
    )


def start_update(call: Call, stack: Stack, following: Stack, prepared: Prepared) -> None:
    """Begin to change the stack."""
    retagged = stack.tags != following.tags
    stack.updated_ms = call.now_ms
    stack.token = following.token
    records.turn(call, stack, "UPDATE_IN_PROGRESS", "User Initiated", stack.token)
    begin(
        call,
        stack,
        Execution(
            call.ids.uuid(),
            "update",
            "forward",
            principal_of(call, following.role_arn),
            following,
            prepared.text,
            token=stack.token,
            retagged=retagged,
        ),
    )


def changes_beside(call: Call, stack: Stack, following: Stack, prepared: Prepared) -> bool:
    """Whether something but the resources changes: outputs, tags, or a deployment that failed halfway."""
    if stack.tags != following.tags or stack.status in ("CREATE_FAILED", "UPDATE_FAILED"):
        return True
    if (stack.notification_arns, stack.role_arn) != (following.notification_arns, following.role_arn):
        return True
    text = records.templates.get(call, stack.uuid)
    if text is None:
        return True
    before = template_of(text).document.body.get("Outputs")
    return before != prepared.template.document.body.get("Outputs") or (
        before is not None and stack.parameters != following.parameters and bool(before)
    )


def updatable(call: Call, name: str) -> Stack:
    """The stack, if it can be changed now."""
    stack = records.find(call, name)
    if stack is None or stack.deleted_ms:
        raise ValidationError(f"Stack [{name}] does not exist")
    if stack.status not in _UPDATABLE:
        raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
    return stack


def tags_of(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """Tags as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def principal_of(call: Call, role_arn: str) -> Principal:
    """On whose behalf resources are made: the stack's role, or else who asked."""
    if not role_arn:
        return call.principal
    session = role_arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/", 1) + "/AWSCloudFormation"
    return Principal(call.account, session, "role", role_arn=role_arn)


async def rest(call: Conversation, stack: Stack) -> None:
    """Wait for a stack to be at rest, but not for long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            await settled(call, stack)


async def settled(call: Conversation, stack: Stack) -> Stack | None:
    """Wait for a stack to be at rest, however long it takes."""

    def resting(inner: Call) -> Stack | None:
        found = records.stacks.get(inner, stack.uuid)
        return found if found is not None and not found.busy else None

    return await call.until(resting, records.bell(stack), deadline_ms=1 << 62)


def _taken(call: Call, name: str, token: str) -> Stack | None:
    """The stack that was made with this very token; refused if another has the name."""
    stack = records.find(call, name)
    if stack is not None and not (token and stack.token == token):
        raise AlreadyExistsException(f"Stack [{name}] already exists")
    return stack

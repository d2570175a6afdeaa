"""Stacks as they are remembered."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ...errors import ValidationError
from ...identity import Principal
from ...kernel import Call
from ...stacks.execution import bell_of
from ...stacks.goal import Output
from ...stacks.parameters import Given
from ...stacks.state import State
from ...store import Table

Kind = Literal["create", "update", "delete"]
Phase = Literal["forward", "clean", "undo", "clean undone", "remove", "roll back"]


class Stack(msgspec.Struct):
    """A stack; ``deleted_ms`` is 0 while it lives. ``execution`` is the id of the latest deployment."""

    id: str
    name: str
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    description: str = ""
    parameters: dict[str, Given] = {}
    hidden: list[str] = []  # the parameters with NoEcho
    tags: dict[str, str] = {}
    capabilities: list[str] = []
    outputs: list[Output] = []
    role_arn: str = ""
    notification_arns: list[str] = []
    on_failure: str = "ROLLBACK"
    disable_rollback: bool = False
    protected: bool = False
    retain_except_on_create: bool = False
    parent_id: str = ""
    root_id: str = ""
    change_set_id: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    deleted_ms: int = 0
    imports: list[str] = []
    execution: str = ""
    token: str = ""  # of the request that began what is done

    @property
    def uuid(self) -> str:
        """The last part of the id, which no other stack has."""
        return self.id.rpartition("/")[2]

    @property
    def busy(self) -> bool:
        """Whether something is being done to it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


class TemplateText(msgspec.Struct):
    """A template as it was given, and as its transforms left it (empty if it has none)."""

    original: str
    processed: str = ""


class Execution(msgspec.Struct):
    """A deployment on its way. ``next`` is what the stack will be if it succeeds."""

    id: str
    kind: Kind
    phase: Phase
    principal: Principal
    next: Stack
    template: TemplateText | None = None
    attempts: int = 0
    cancelled: bool = False
    retagged: bool = False
    retain: list[str] = []
    skip: list[str] = []
    reason: str = ""
    token: str = ""


class StackEvent(msgspec.Struct):
    """Something that happened to a resource of a stack, or to the stack itself."""

    id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    at_ms: int
    properties: str = ""
    token: str = ""


class Export(msgspec.Struct):
    """A value that other stacks may import."""

    value: str
    stack_id: str


class _Import(msgspec.Struct):
    stack_name: str


stacks = Table(
    "cloudformation.stacks",
    Stack,
    indexes={
        "living": lambda stack: None if stack.deleted_ms else (stack.name,),
        "nested": lambda stack: (stack.parent_id,) if stack.parent_id and not stack.deleted_ms else None,
    },
)
templates = Table("cloudformation.templates", TemplateText)
executions = Table("cloudformation.executions", Execution)
resources = Table("cloudformation.resources", State)
events = Table("cloudformation.events", StackEvent)
exports = Table("cloudformation.exports", Export)
imports = Table("cloudformation.imports", _Import)


def find(call: Call, name: str) -> Stack | None:
    """The stack with that name (a living one) or id (which finds a deleted one, too)."""
    if name.startswith("arn:"):
        return stacks.get(call, name.rpartition("/")[2])
    return next((stack for _, stack in stacks.find(call, "living", name, limit=1)), None)


def existing(call: Call, name: str) -> Stack:
    """The living stack with that name or id, for those who want to change it."""
    stack = find(call, name)
    if stack is None or stack.deleted_ms:
        raise ValidationError(f"Stack [{name}] does not exist")
    return stack


def save(call: Call, stack: Stack) -> None:
    """Remember a stack, and wake those who wait for it."""
    stacks.put(call, stack.uuid, record=stack)
    call.tx.ring(bell(stack))


def adopt(call: Call, child_id: str, parent_id: str) -> None:
    """The one stack is nested in the other."""
    child, parent = find(call, child_id), find(call, parent_id)
    if child is not None and parent is not None:
        child.parent_id, child.root_id = parent.id, parent.root_id or parent.id
        save(call, child)


def bell(stack: Stack) -> str:
    """What rings when the stack changes."""
    return bell_of(stack.id)


def states(call: Call, stack: Stack) -> dict[str, State]:
    """The resources of a stack, by logical id."""
    return {state.logical_id: state for _, state in resources.items(call, stack.uuid)}


def importers(call: Call, export: str) -> list[str]:
    """The names of the stacks that import an export."""
    return sorted(record.stack_name for _, record in imports.items(call, export))


def remember_imports(call: Call, stack: Stack, names: list[str]) -> None:
    """The stack imports these exports now, and no others."""
    for name in set(stack.imports) - set(names):
        imports.delete(call, name, stack.uuid)
    for name in names:
        imports.put(call, name, stack.uuid, record=_Import(stack.name))
    stack.imports = sorted(names)


def tell(
    call: Call,
    stack: Stack,
    logical_id: str,
    physical_id: str,
    type: str,
    status: str,
    reason: str = "",
    properties: str = "",
    token: str = "",
) -> None:
    """Add an event to the stack's history."""
    last = next(events.items(call, stack.uuid, limit=1, reverse=True), None)
    number = int(last[0][1]) + 1 if last else 1
    own = type == "AWS::CloudFormation::Stack" and physical_id == stack.id
    id = call.ids.uuid() if own else f"{logical_id}-{status}-{call.ids.hex(12)}"
    events.put(
        call,
        stack.uuid,
        number,
        record=StackEvent(id, logical_id, physical_id, type, status, reason, call.now_ms, properties, token),
    )
    call.tx.ring(bell(stack))


def turn(call: Call, stack: Stack, status: str, reason: str = "", token: str = "") -> None:
    """The stack is in another status now: remember it, and tell."""
    stack.status, stack.reason = status, reason
    tell(call, stack, stack.name, stack.id, "AWS::CloudFormation::Stack", status, reason, token=token)
    save(call, stack)


def history(call: Call, stack: Stack, after: int | None) -> Iterator[tuple[int, StackEvent]]:
    """The events of a stack, the newest first, older than number ``after``."""
    key = None if after is None else (stack.uuid, after)
    for found, event in events.items(call, stack.uuid, after=key, reverse=True):
        yield int(found[1]), event


def describe_parameters(stack: Stack) -> list[dict[str, Any]]:
    """The parameters as the API shows them; those with NoEcho are masked."""
    return [
        {"ParameterKey": name, "ParameterValue": "****" if name in stack.hidden else given.value}
        | ({"ResolvedValue": given.stored} if given.stored and name not in stack.hidden else {})
        for name, given in stack.parameters.items()
    ]

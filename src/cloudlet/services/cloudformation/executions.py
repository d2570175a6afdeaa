"""Carrying out what was asked for: a task that survives the process.

The record of an execution says in which phase it is, those of the resources what was done; so the task
is simply begun again after a crash. Phases: forward, then clean; or undo, then clean undone. A stack that
could not be created is rolled back, one that is not wanted is removed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

import msgspec

from ...errors import AwsError, ValidationError
from ...fabric import timers
from ...kernel import Call, Conversation, Kernel
from ...stacks import goal as goals
from ...stacks.execution import Event, Execution
from ...stacks.goal import Goal
from ...stacks.graph import Graph
from ...stacks.resource import Physical
from ...stacks.state import State
from . import records
from .notifications import announce
from .preparation import environment_of, find_types, make_goal, template_of
from .records import Phase, Stack
from .secrets import fetch
from .service import cloudformation

_TYPE = "AWS::CloudFormation::Stack"


def begin(call: Call, stack: Stack, execution: records.Execution) -> None:
    """Let an execution start as soon as this transaction is committed."""
    records.executions.put(call, stack.uuid, record=execution)
    stack.execution = execution.id
    records.save(call, stack)
    timers.schedule(
        call,
        execute,
        at_ms=call.now_ms,
        id=f"cloudformation/{execution.id}",
        stack=stack.uuid,
        execution=execution.id,
    )


@cloudformation.task
async def execute(call: Conversation, stack: str, execution: str) -> None:
    """Carry out an execution, or go on with it."""

    def start(inner: Call) -> records.Execution | None:
        found = records.executions.get(inner, stack)
        if found is None or found.id != execution:
            return None
        found.attempts += 1
        records.executions.put(inner, stack, record=found)
        return found

    running = _running.setdefault(call.kernel, {})
    if execution in running:  # the clock was moved beyond the lease of this task
        await running[execution].wait()
        return
    over = running[execution] = asyncio.Event()
    try:
        record = await call.transact(start)
        if record is not None:
            await _Run(call.elsewhere(principal=record.principal), stack, record).run()
    finally:
        del running[execution]
        over.set()


_running: WeakKeyDictionary[Kernel, dict[str, asyncio.Event]] = (
    WeakKeyDictionary()
)  # what this process carries out


class _Journal:
    """The engine's record of its steps, in the tables of this service."""

    def __init__(self, call: Conversation, stack: str, execution: records.Execution) -> None:
        self._call, self._stack, self._execution = call, stack, execution

    async def save(self, state: State, *events: Event) -> bool:
        return await self._call.transact(lambda call: self._save(call, state, events))

    async def forget(self, state: State, *events: Event) -> None:
        def forget(call: Call) -> None:
            self._tell(call, state, events)
            records.resources.delete(call, self._stack, state.logical_id)

        await self._call.transact(forget)

    async def tell(self, state: State, *events: Event) -> None:
        await self._call.transact(lambda call: self._tell(call, state, events))

    def _save(self, call: Call, state: State, events: tuple[Event, ...]) -> bool:
        records.resources.put(call, self._stack, state.logical_id, record=state)
        self._tell(call, state, events)
        record = records.executions.get(call, self._stack)
        return record is None or not record.cancelled

    def _tell(self, call: Call, state: State, events: tuple[Event, ...]) -> None:
        stack = records.stacks.get(call, self._stack)
        if stack is None:
            return
        for status, reason, physical_id in events:
            records.tell(
                call,
                stack,
                state.logical_id,
                physical_id,
                state.type,
                status,
                reason,
                _properties(state),
                self._execution.token,
            )
            announce(call, stack, state.logical_id, physical_id, state.type, status, reason)


def _properties(state: State) -> str:
    """A resource's properties as events show them."""
    return msgspec.json.encode(state.properties).decode()


class _Run:
    """One execution in this process."""

    def __init__(self, call: Conversation, stack: str, record: records.Execution) -> None:
        self._call, self._uuid, self._record = call, stack, record

    async def run(self) -> None:
        """Until the stack is at rest."""
        record = self._record
        states = await self._call.transact(lambda call: records.states(call, self._stack(call)))
        environment = environment_of(self._call, record.next)
        self._engine = Execution(
            record.id,
            self._call,
            environment,
            states,
            journal=_Journal(self._call, self._uuid, record),
            find_type=find_types(self._call).find,
            secrets=lambda found: fetch(self._call, found),
            resumed=record.attempts > 1,
        )
        self._engine.retagged = record.retagged
        self._engine.retain_except_on_create = record.next.retain_except_on_create
        phases: dict[Phase, Callable[[], Awaitable[None]]] = {
            "forward": self._forward,
            "clean": self._clean,
            "undo": self._undo,
            "clean undone": self._clean_undone,
            "remove": self._remove,
            "roll back": self._roll_back,
        }
        while True:
            before = record.phase
            await phases[before]()
            if record.phase == before:
                return

    def _stack(self, call: Call) -> Stack:
        stack = records.stacks.get(call, self._uuid)
        if stack is None:
            raise LookupError(f"the stack {self._uuid} is gone")
        return stack

    async def _goal(self) -> Goal:
        """The goal, made again from what is remembered; what was valid then is valid now."""
        assert self._record.template is not None
        template = template_of(self._record.template)
        return await self._call.transact(lambda call: make_goal(call, self._record.next, template))

    async def _turn(
        self,
        status: str,
        reason: str = "",
        phase: Phase | None = None,
        change: Callable[[Call, Stack], None] | None = None,
    ) -> None:
        """Another status, and another phase, in one transaction; with no phase, the execution is over."""

        def turn(call: Call) -> None:
            stack = self._stack(call)
            if change:
                change(call, stack)
            records.turn(call, stack, status, reason, self._record.token)
            announce(call, stack, stack.name, stack.id, _TYPE, status, reason)
            if phase is None:
                records.executions.delete(call, self._uuid)
            else:
                current = records.executions.get(call, self._uuid) or self._record
                current.phase = phase
                records.executions.put(call, self._uuid, record=current)

        await self._call.transact(turn)
        if phase is not None:
            self._record.phase = phase

    async def _forward(self) -> None:
        try:
            goal = await self._goal()
        except AwsError as error:
            await self._failed([], str(error))
            return
        failed = await self._engine.forward(goal)
        if failed or self._engine.cancelled:
            await self._failed(failed)
            return
        try:
            await self._turn(
                self._status("COMPLETE")
                if self._record.kind == "create"
                else "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
                phase=None if self._record.kind == "create" else "clean",
                change=lambda call, stack: self._settle(call, stack, goal),
            )
        except AwsError as error:
            await self._failed([], str(error))

    def _status(self, outcome: str) -> str:
        return f"{'CREATE' if self._record.kind == 'create' else 'UPDATE'}_{outcome}"

    def _settle(self, call: Call, stack: Stack, goal: Goal) -> None:
        """The stack is now what it was to become: outputs and exports are published."""
        next, record = self._record.next, self._record
        states = records.states(call, stack)
        known = {
            name: Physical(state.physical_id, state.attributes)
            for name, state in states.items()
            if name in goal.resources
        }
        found = goals.outputs(goal, known)
        publish(call, stack, found)
        records.remember_imports(call, stack, list(goal.exports))
        stack.outputs, stack.parameters, stack.hidden = found, next.parameters, next.hidden
        stack.tags, stack.description, stack.capabilities = next.tags, next.description, next.capabilities
        stack.role_arn, stack.notification_arns = next.role_arn, next.notification_arns
        stack.updated_ms = call.now_ms if record.kind == "update" else stack.updated_ms
        if record.template:
            records.templates.put(call, stack.uuid, record=record.template)

    async def _failed(self, failed: list[str], reason: str = "") -> None:
        """Not everything could be done: what next depends on what was wanted."""
        record, verb = self._record, "create" if self._record.kind == "create" else "update"
        if not reason:
            reason = (
                "User Initiated"
                if self._engine.cancelled
                else f"The following resource(s) failed to {verb}: [{', '.join(sorted(failed))}]. "
            )
        if record.next.disable_rollback or (
            record.kind == "create" and record.next.on_failure == "DO_NOTHING"
        ):
            await self._turn(self._status("FAILED"), reason, change=self._keep_template)
        elif record.kind == "create" and record.next.on_failure == "DELETE":
            await self._turn("DELETE_IN_PROGRESS", f"{reason}Delete requested by user.", "remove")
        elif record.kind == "create":
            await self._turn("ROLLBACK_IN_PROGRESS", f"{reason}Rollback requested by user.", "roll back")
        else:
            await self._turn("UPDATE_ROLLBACK_IN_PROGRESS", reason, "undo")

    def _keep_template(self, call: Call, stack: Stack) -> None:
        """What failed stays as it is, for someone to look at, or to try again."""
        if self._record.template and self._record.kind == "create":
            records.templates.put(call, stack.uuid, record=self._record.template)

    async def _clean(self) -> None:
        await self._engine.clean(await self._goal())
        await self._turn("UPDATE_COMPLETE")

    async def _undo(self) -> None:
        drawn: Graph = {name: frozenset(state.depends_on) for name, state in self._engine.states.items()}
        failed = await self._engine.undo(drawn, frozenset(self._record.skip))
        if failed:
            await self._turn(
                "UPDATE_ROLLBACK_FAILED",
                f"The following resource(s) failed to update: [{', '.join(sorted(failed))}]. ",
                "undo",
            )
            self._record.phase = "undo"
            return
        await self._turn("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", phase="clean undone")

    async def _clean_undone(self) -> None:
        await self._engine.clean(None, undone=True)
        await self._turn("UPDATE_ROLLBACK_COMPLETE")

    async def _roll_back(self) -> None:
        failed = await self._engine.remove(rollback=True)
        if failed:
            await self._turn(
                "ROLLBACK_FAILED",
                f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. ",
            )
        else:
            await self._turn("ROLLBACK_COMPLETE", change=self._keep_template)

    async def _remove(self) -> None:
        failed = await self._engine.remove(retain=frozenset(self._record.retain))
        if failed:
            await self._turn(
                "DELETE_FAILED",
                f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. ",
            )
        else:
            await self._turn("DELETE_COMPLETE", change=_bury)


def _bury(call: Call, stack: Stack) -> None:
    """The stack is gone; its name is free, its history stays."""
    publish(call, stack, [])
    records.remember_imports(call, stack, [])
    stack.deleted_ms = call.now_ms


def publish(call: Call, stack: Stack, outputs: list[goals.Output]) -> None:
    """The stack exports what ``outputs`` say; refused if a name is taken, or lost to those who import it."""
    before = {output.export: output.value for output in stack.outputs if output.export}
    after = {output.export: output.value for output in outputs if output.export}
    for name, value in after.items():
        found = records.exports.get(call, name)
        if found is not None and found.stack_id != stack.id:
            other = records.stacks.get(call, found.stack_id.rpartition("/")[2])
            raise ValidationError(
                f"Export with name {name} is already exported by stack "
                f"{other.name if other else found.stack_id}"
            )
        users = records.importers(call, name) if before.get(name, value) != value else []
        if users:
            raise ValidationError(f"Export {name} cannot be updated as it is in use by {', '.join(users)}")
        records.exports.put(call, name, record=records.Export(value, stack.id))
    for name in before.keys() - after.keys():
        refuse_if_imported(call, name)
        records.exports.delete(call, name)


def refuse_if_imported(call: Call, export: str) -> None:
    """An export that others import can't be taken away."""
    users = records.importers(call, export)
    if users:
        raise ValidationError(f"Export {export} cannot be deleted as it is in use by {', '.join(users)}")

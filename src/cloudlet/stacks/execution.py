"""Carrying out a deployment, step by step, each recorded before it begins and when it is over.

The states of the resources are the whole memory of an execution: begun again after a crash it passes over
what is complete and does again what was under way. Replacing is creating the new, letting everything
refer to it, and deleting the old at the end, when nothing can fail any more.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from ..errors import AwsError
from ..kernel import Conversation
from . import dynamic, graph, plan, properties
from .goal import Environment, FindType, Goal
from .intrinsics import Resolver
from .resource import Physical, This
from .state import Snapshot, State, Step

log = logging.getLogger(__name__)
Event = tuple[str, str, str]  # a resource's status, the reason, and its physical id at that moment
Secrets = Callable[[list[dynamic.DynamicReference]], Awaitable[Mapping[str, str]]]
REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


def bell_of(stack_id: str) -> str:
    """What rings when something happens to a stack."""
    return f"stacks/{stack_id.rpartition('/')[2]}"


class Journal(Protocol):
    """Where steps are recorded, durably, before the next is taken."""

    async def save(self, state: State, *events: Event) -> bool:
        """Remember ``state`` and tell ``events``; False if the execution is to stop."""

    async def forget(self, state: State, *events: Event) -> None:
        """The resource is no more part of the stack."""

    async def tell(self, state: State, *events: Event) -> None:
        """Tell ``events`` about something that is no more (or not yet) the resource's state."""


class Execution:
    """One deployment of one stack."""

    def __init__(
        self,
        id: str,
        call: Conversation,
        environment: Environment,
        states: dict[str, State],
        *,
        journal: Journal,
        find_type: FindType,
        secrets: Secrets,
        resumed: bool = False,
    ) -> None:
        self.id, self.states, self.resumed = id, states, resumed
        self.retagged = False  # whether the stack's own tags change
        self.cancelled = False  # whether somebody asked to stop
        self.retain_except_on_create = False  # whether a rollback deletes what it made, whatever the policies
        self.reasons: dict[str, str] = {}
        self._call, self._environment, self._journal = call, environment, journal
        self._find_type, self._secrets = find_type, secrets

    async def forward(self, goal: Goal) -> list[str]:
        """Create and update until the goal is reached; the resources that failed, if any did."""
        resolver = goal.resolver(
            {
                name: Physical(state.physical_id, state.attributes)
                for name, state in self.states.items()
                if name in goal.resources and state.physical_id
            }
        )
        return await graph.walk(
            goal.graph, lambda name: self._attempt(name, self._reach(goal, resolver, name))
        )

    async def undo(self, drawn: graph.Graph, skip: frozenset[str] = frozenset()) -> list[str]:
        """Let what this execution updated be as it was, the last first; what failed at that."""
        touched = [name for name, state in self.states.items() if state.execution == self.id and state.step]
        backwards = graph.reverse(drawn, touched)
        return await graph.walk(
            backwards, lambda name: self._attempt(name, self._undo(self.states[name], name in skip))
        )

    async def clean(self, goal: Goal | None, *, undone: bool = False) -> list[str]:
        """Delete what is not needed any more: the replaced and the removed, or what an undone update made."""
        drawn = self._drawn()
        old = {name for name, state in self.states.items() if self._superfluous(state, goal, undone)}
        return await graph.walk(
            graph.reverse(drawn, sorted(old)),
            lambda name: self._attempt(name, self._clean(self.states[name], goal, undone)),
            go_on=True,
        )

    async def remove(self, *, rollback: bool = False, retain: frozenset[str] = frozenset()) -> list[str]:
        """Delete every resource, the last first; what could not be deleted."""
        return await graph.walk(
            graph.reverse(self._drawn(), list(self.states)),
            lambda name: self._attempt(name, self._remove(self.states[name], rollback, name in retain)),
            go_on=True,
        )

    def _drawn(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(state.depends_on) for name, state in self.states.items()}

    async def _attempt(self, name: str, step: Awaitable[bool]) -> bool:
        """Take a step; whatever it raises is the reason of its failure."""
        try:
            return await step
        except AwsError as error:
            reason = self._reason(error)
        except ValueError as error:
            reason = str(error)
        except Exception as error:
            log.exception("%s of %s could not be deployed", name, self._environment.stack_name)
            reason = f"Internal Failure: {error!r}"
        self.reasons[name] = reason
        state = self.states.get(name)
        if state is not None:
            verb = state.status.rpartition("_IN_PROGRESS")[0] or "UPDATE"
            state.status, state.reason = f"{verb}_FAILED", reason
            await self._save(state)
        return False

    def _reason(self, error: AwsError) -> str:
        said = str(error)
        if error.members.get("plain"):
            return said
        handler = (
            "AlreadyExists"
            if "AlreadyExist" in error.code
            else "InvalidRequest"
            if error.status == 400
            else "GeneralServiceException"
        )
        return (
            f'Resource handler returned message: "{said} (Error Code: {error.code}, Status Code: '
            f'{error.status})" '
            f"(RequestToken: {self.id}, HandlerErrorCode: {handler})"
        )

    async def _reach(self, goal: Goal, resolver: Resolver, name: str) -> bool:
        """Create or update one resource, or see that nothing is to be done."""
        spec, state = goal.resources[name], self.states.get(name)
        ours = state is not None and state.execution == self.id and bool(state.step)
        if self.cancelled:
            raise ValueError("Resource update cancelled")
        if state is not None and ours and state.complete:
            resolver.scope.resources[name] = Physical(state.physical_id, state.attributes)
            return True
        before = None if state is None else state.previous if ours else state.basis()
        if state is None:
            state = self.states[name] = State(name, spec.type, "CREATE_IN_PROGRESS")
        state.depends_on = sorted(goal.graph[name])
        path = ("Resources", name)
        try:
            wanted = Snapshot(
                spec.type,
                "",
                {},
                resolver.resolve(spec.properties, (*path, "Properties")),
                resolver.resolve(spec.metadata, (*path, "Metadata")),
            )
            policies = [goal.policy(resolver, name, key) for key in ("DeletionPolicy", "UpdateReplacePolicy")]
        except AwsError as error:
            state.status = "UPDATE_IN_PROGRESS" if before else "CREATE_IN_PROGRESS"
            raise ValueError(str(error)) from None
        changed = [state.deletion_policy, state.update_replace_policy] != policies
        state.deletion_policy, state.update_replace_policy = policies
        if before is None:
            await self._create(state, wanted, "created")
        else:
            if not ours:
                state.previous, state.step = None, ""
            await self._change(state, before, wanted, changed)
        resolver.scope.resources[name] = Physical(state.physical_id, state.attributes)
        return True

    async def _change(self, state: State, before: Snapshot, wanted: Snapshot, policies_changed: bool) -> None:
        """Update a resource that exists, replace it, or leave it."""
        kind = self._find_type(state.type)
        names = plan.differences(before.properties, wanted.properties)
        ours = plan.differences(_own(before.metadata), _own(wanted.metadata))
        if not names and not ours and not (self.retagged and plan.takes_tags(kind)):
            if policies_changed or not plan.same(before.metadata, wanted.metadata):
                state.metadata, state.updated_ms = wanted.metadata, self._call.now_ms
            await self._save(state)
            return
        if kind.REPLACED_BY & set(names):
            state.previous = before
            await self._create(state, wanted, "replaced")
            return
        old = before.properties
        self._begin(state, "updated", wanted, "UPDATE_IN_PROGRESS")
        state.previous = before
        await self._save(state, ("UPDATE_IN_PROGRESS", "", state.physical_id))
        this = self._this(state)
        new, earlier = await self._build(kind, wanted.properties), await self._build(kind, old)
        physical = await new.update(self._call, this, earlier)
        if physical.id != before.physical_id and properties.is_open(
            kind
        ):  # it says itself that it is a new one
            state.step = "replaced"
        await self._complete(state, physical, "UPDATE_COMPLETE")

    async def _create(self, state: State, wanted: Snapshot, step: Step) -> None:
        kind = self._find_type(wanted.type)
        status = "CREATE" if step == "created" else "UPDATE"
        resumed = self.resumed and state.execution == self.id and state.status.endswith("IN_PROGRESS")
        if not resumed:
            state.token = self._call.ids.uuid()
        self._begin(state, step, wanted, f"{status}_IN_PROGRESS")
        reason = REPLACING if step == "replaced" else ""
        await self._save(state, (f"{status}_IN_PROGRESS", reason, state.physical_id))
        this = self._this(state)
        this.physical_id, this.attributes, this.resumed = "", {}, resumed
        made = await self._build(kind, wanted.properties)
        try:
            physical = await made.create(self._call, this)
        except BaseException:
            state.physical_id = this.physical_id or state.physical_id  # it got far enough to leave something
            raise
        await self._complete(
            state,
            physical,
            f"{status}_COMPLETE",
            (f"{status}_IN_PROGRESS", "Resource creation Initiated", physical.id),
        )

    def _begin(self, state: State, step: Step, wanted: Snapshot, status: str) -> None:
        if not (step == "updated" and state.execution == self.id and state.step == "replaced"):
            state.step = step
        state.execution, state.status, state.reason, state.discard = self.id, status, "", None
        state.properties, state.metadata, state.updated_ms = (
            wanted.properties,
            wanted.metadata,
            self._call.now_ms,
        )

    async def _complete(self, state: State, physical: Physical, status: str, *events: Event) -> None:
        state.physical_id, state.attributes = physical.id, physical.attributes
        state.status, state.updated_ms = status, self._call.now_ms
        await self._save(state, *events, (status, "", physical.id))

    async def _save(self, state: State, *events: Event) -> None:
        if state.status.endswith("_FAILED") and not events:
            events = ((state.status, state.reason, state.physical_id),)
        self.cancelled |= not await self._journal.save(state, *events)

    async def _undo(self, state: State, skip: bool) -> bool:
        """Let one resource be as it was before this execution."""
        before = state.previous
        if state.step == "created" or before is None:
            return True
        if state.step == "replaced":
            if state.physical_id != before.physical_id:
                state.discard = state.snapshot()
            state.restore(before)
            state.status, state.reason, state.step = "UPDATE_COMPLETE", "", "replaced"
            state.previous = None
            await self._save(state, ("UPDATE_COMPLETE", "", state.physical_id))
            return True
        tried, kind = state.properties, self._find_type(state.type)
        state.status = "UPDATE_IN_PROGRESS"
        if not skip:
            await self._save(state, ("UPDATE_IN_PROGRESS", "", state.physical_id))
            state.metadata = before.metadata
            old, new = (
                await self._build(kind, before.properties),
                await self._build(kind, tried, lenient=True),
            )
            physical = await old.update(self._call, self._this(state), new or old)
            before.physical_id, before.attributes = physical.id, physical.attributes
        state.restore(before)
        state.status, state.previous, state.step = "UPDATE_COMPLETE", None, ""
        await self._save(state, ("UPDATE_COMPLETE", "", state.physical_id))
        return True

    def _superfluous(self, state: State, goal: Goal | None, undone: bool) -> bool:
        if undone:
            return state.execution == self.id and (state.step == "created" or state.discard is not None)
        replaced = state.execution == self.id and state.step == "replaced" and state.previous is not None
        return replaced or (goal is not None and state.logical_id not in goal.resources)

    async def _clean(self, state: State, goal: Goal | None, undone: bool) -> bool:
        if undone and state.discard is not None:
            await self._discard(state, state.discard, "Delete")
            state.discard, state.step = None, ""
            await self._save(state)
            return True
        if not undone and goal is not None and state.logical_id in goal.resources and state.previous:
            await self._discard(state, state.previous, state.update_replace_policy)
            state.previous, state.step = None, ""
            await self._save(state)
            return True
        return await self._remove(state, undone, False)

    async def _discard(self, state: State, old: Snapshot, policy: str) -> None:
        """Delete what the resource was, and is no more; a failure is told, and changes nothing."""
        if policy == "Retain":
            await self._journal.tell(state, ("DELETE_SKIPPED", "", old.physical_id))
            return
        await self._journal.tell(state, ("DELETE_IN_PROGRESS", "", old.physical_id))
        try:
            await self._delete(state, old)
        except Exception as error:
            log.warning("%s could not be deleted: %s", old.physical_id, error)
            reason = self._reason(error) if isinstance(error, AwsError) else repr(error)
            await self._journal.tell(state, ("DELETE_FAILED", reason, old.physical_id))
            return
        await self._journal.tell(state, ("DELETE_COMPLETE", "", old.physical_id))

    async def _remove(self, state: State, rollback: bool, retain: bool) -> bool:
        policy, physical_id = state.deletion_policy, state.physical_id
        spared = rollback and (policy == "RetainExceptOnCreate" or self.retain_except_on_create)
        keeps = policy in ("Retain", "RetainExceptOnCreate") and not spared
        if physical_id and (keeps or retain):
            await self._journal.forget(state, ("DELETE_SKIPPED", "", physical_id))
            self.states.pop(state.logical_id, None)
            return True
        state.status, state.reason, state.updated_ms = "DELETE_IN_PROGRESS", "", self._call.now_ms
        if physical_id:
            await self._save(state, ("DELETE_IN_PROGRESS", "", physical_id))
            await self._delete(state, state.snapshot())
        await self._journal.forget(state, ("DELETE_COMPLETE", "", physical_id))
        self.states.pop(state.logical_id, None)
        return True

    async def _delete(self, state: State, old: Snapshot) -> None:
        this = self._this(state)
        this.physical_id, this.attributes, this.metadata = old.physical_id, old.attributes, old.metadata
        kind = self._find_type(old.type)
        made = await self._build(kind, old.properties, lenient=True)
        if made is None:
            raise ValueError(
                f"{old.type} does not understand the properties any more that it was created with"
            )
        await made.delete(self._call, this)

    async def _build(self, kind: Any, values: dict[str, Any], *, lenient: bool = False) -> Any:
        """The resource type with its properties, secrets and all; None if that can't be made and needn't."""
        try:
            references = list(dynamic.find(values))
            if references:
                values = dynamic.substitute(values, await self._secrets(references))
            return properties.build(kind, values)
        except (ValueError, AwsError):
            if not lenient:
                raise
            return properties.build_lenient(kind, values)

    def _this(self, state: State) -> This:
        environment = self._environment
        return This(
            state.logical_id,
            environment.stack_name,
            environment.stack_id,
            state.physical_id,
            state.attributes,
            dict(environment.tags),
            state.metadata,
            state.token,
            self.resumed,
            state.type,
        )


def _own(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that means something to a resource type here."""
    return {key: value for key, value in metadata.items() if key.startswith("cloudlet")}

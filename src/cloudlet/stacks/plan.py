"""The plan: what a deployment will add, change and remove, as frozen data that can be printed.

It is what a change set shows. A property whose value is known only once something else is done makes
its change conditional; execution decides again, with the values.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from ..errors import ValidationError
from . import graph, properties
from .document import text_of
from .goal import Goal
from .intrinsics import Resolver, has_unknown
from .references import references
from .resource import Physical
from .sentinels import Sentinel
from .state import Snapshot, State

Action = Literal["Add", "Modify", "Remove"]
Replacement = Literal["", "True", "False", "Conditional"]
_ADDED, _CHANGED, _REMOVED = "+", "~", "-"


class Detail(msgspec.Struct, frozen=True):
    """Why a resource changes. ``source`` and ``entity`` are AWS's ChangeSource and CausingEntity."""

    attribute: Literal["Properties", "Tags", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"]
    name: str = ""
    recreation: Literal["Never", "Conditionally", "Always"] = "Never"
    evaluation: Literal["Static", "Dynamic"] = "Static"
    source: str = "DirectModification"
    entity: str = ""


class Change(msgspec.Struct, frozen=True):
    """What will be done about one resource."""

    action: Action
    logical_id: str
    type: str
    physical_id: str = ""
    replacement: Replacement = ""
    details: tuple[Detail, ...] = ()
    policy: str = ""  # what becomes of what is removed or replaced

    @property
    def scope(self) -> list[str]:
        """Which attributes of the resource change."""
        return list(dict.fromkeys(detail.attribute for detail in self.details))

    def __str__(self) -> str:
        mark = {"Add": _ADDED, "Modify": _CHANGED, "Remove": _REMOVED}[self.action]
        text = f"{mark} {self.logical_id} ({self.type})"
        if self.details:
            text += ": " + ", ".join(detail.name or detail.attribute for detail in self.details)
        if self.replacement in ("True", "Conditional"):
            text += " [replaced]" if self.replacement == "True" else " [may be replaced]"
        return text


class Plan(msgspec.Struct, frozen=True):
    """Every change, in the order in which things will happen."""

    changes: tuple[Change, ...] = ()
    outputs: bool = False  # whether an output changes

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "no changes"

    def __bool__(self) -> bool:
        return bool(self.changes) or self.outputs


def make(
    goal: Goal, states: Mapping[str, State], find_type: Callable[[str], Any], *, retagged: bool = False
) -> Plan:
    """What leads from ``states`` to ``goal``. ``retagged`` says that the stack's own tags change."""
    kept = {name: state for name, state in states.items() if name in goal.resources and state.basis()}
    other = sorted(name for name, state in kept.items() if state.type != goal.resources[name].type)
    if other:
        raise ValidationError(
            "Update of resource type is not permitted. The new template modifies resource type of the "
            f"following resources: [{', '.join(other)}]"
        )
    known = {name: Physical(state.physical_id, state.attributes) for name, state in kept.items()}
    resolver, changes = goal.resolver(known), []
    for name in graph.order(goal.graph):
        spec = goal.resources[name]
        state = kept.get(name)
        if state is None:
            changes.append(Change("Add", name, spec.type))
            continue
        change = _change(goal, resolver, state, find_type(spec.type), retagged)
        if change:
            changes.append(change)
            resolver.scope.changing.add(name)
            if change.replacement in ("True", "Conditional"):
                resolver.scope.resources.pop(name)
    removed = [
        Change("Remove", name, state.type, state.physical_id, policy=state.deletion_policy)
        for name, state in states.items()
        if name not in goal.resources
    ]
    return Plan(tuple(changes + removed))


def _change(goal: Goal, resolver: Resolver, state: State, kind: Any, retagged: bool) -> Change | None:
    spec = goal.resources[state.logical_id]
    path = ("Resources", state.logical_id)
    wanted = resolver.resolve(spec.properties, (*path, "Properties"))
    details = [
        _detail(goal, resolver, state.logical_id, name, wanted.get(name), kind)
        for name in differences(_before(state).properties, wanted)
    ]
    if retagged and takes_tags(kind):
        details.append(Detail("Tags"))
    if not same(state.metadata, resolver.resolve(spec.metadata, (*path, "Metadata"))):
        details.append(Detail("Metadata"))
    for key, now in (
        ("DeletionPolicy", state.deletion_policy),
        ("UpdateReplacePolicy", state.update_replace_policy),
    ):
        if goal.policy(resolver, state.logical_id, key) != now:
            details.append(Detail(key))  # type: ignore[arg-type]
    if not details:
        return None
    recreations = {detail.recreation for detail in details}
    replacement: Replacement = (
        "True" if "Always" in recreations else "Conditional" if "Conditionally" in recreations else "False"
    )
    return Change(
        "Modify",
        state.logical_id,
        state.type,
        state.physical_id,
        replacement,
        tuple(details),
        state.update_replace_policy if replacement != "False" else "",
    )


def _before(state: State) -> Snapshot:
    return state.basis() or state.snapshot()


def _detail(goal: Goal, resolver: Resolver, logical_id: str, name: str, value: Any, kind: Any) -> Detail:
    dynamic = has_unknown(value)
    replaces = name in kind.REPLACED_BY
    source, entity = "DirectModification", ""
    raw = goal.resources[logical_id].properties.get(name)
    for reference in references(raw, taken=resolver.condition):
        if reference.name in goal.resources and not reference.condition:
            source = "ResourceAttribute" if reference.attribute else "ResourceReference"
            entity = f"{reference.name}.{reference.attribute}" if reference.attribute else reference.name
        elif reference.name in goal.parameters and not entity:
            source, entity = "ParameterReference", reference.name
    recreation: Any = "Never" if not replaces else "Conditionally" if dynamic else "Always"
    return Detail("Properties", name, recreation, "Dynamic" if dynamic else "Static", source, entity)


def takes_tags(kind: Any) -> bool:
    """Whether a type gets the stack's tags."""
    return "Tags" in properties.fields(kind)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The properties in which two sets differ; "30" and 30 are the same."""
    return [name for name in dict.fromkeys([*old, *new]) if not same(old.get(name), new.get(name))]


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same to CloudFormation."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if (
        isinstance(left, dict | list | Sentinel)
        or isinstance(right, dict | list | Sentinel)
        or None in (left, right)
    ):
        return left is right
    return text_of(left) == text_of(right)

"""Plans: what would change, and why."""

import pytest

from cloudlet.errors import ValidationError
from cloudlet.stacks import plan
from cloudlet.stacks.resource import Physical
from cloudlet.stacks.state import State

from .toys import TYPES, goal_of

_TEXT = """
Parameters: {Size: {Type: Number, Default: 1}, Name: {Type: String, Default: one}}
Resources:
  A: {Type: 'Toy::Box', Properties: {Name: !Ref Name, Size: !Ref Size}}
  B: {Type: 'Toy::Box', Properties: {Name: !Ref A}}
  C: {Type: 'Toy::Box', Properties: {Policy: {x: !GetAtt A.Arn}}}
"""


def states_of(goal):
    known = {name: Physical(f"{name.lower()}-1", {"Arn": f"arn:{name}"}) for name in goal.resources}
    resolver = goal.resolver(known)
    return {
        name: State(
            name,
            spec.type,
            "CREATE_COMPLETE",
            "",
            known[name].id,
            known[name].attributes,
            resolver.resolve(spec.properties),
        )
        for name, spec in goal.resources.items()
    }


def made(before, after, retagged=False):
    return plan.make(after, states_of(before), TYPES.get, retagged=retagged)


def test_nothing_changes_when_nothing_changes():
    assert not made(goal_of(_TEXT), goal_of(_TEXT))
    assert not made(goal_of(_TEXT), goal_of(_TEXT.replace("Size: !Ref Size", "Size: '1'")))


def test_a_change_in_place_makes_what_refers_to_its_attributes_dynamic():
    found = made(goal_of(_TEXT), goal_of(_TEXT, {"Size": "2"}))
    assert [(change.logical_id, change.replacement) for change in found.changes] == [
        ("A", "False"),
        ("C", "False"),
    ]
    size, x = found.changes[0].details[0], found.changes[1].details[0]
    assert (size.name, size.recreation, size.evaluation, size.source, size.entity) == (
        "Size",
        "Never",
        "Static",
        "ParameterReference",
        "Size",
    )
    assert (x.name, x.evaluation, x.source, x.entity) == ("Policy", "Dynamic", "ResourceAttribute", "A.Arn")


def test_a_replacement_may_replace_what_refers_to_it():
    found = made(goal_of(_TEXT), goal_of(_TEXT, {"Name": "two"}))
    assert [(change.logical_id, change.replacement) for change in found.changes] == [
        ("A", "True"),
        ("B", "Conditional"),
        ("C", "False"),
    ]
    assert str(found) == (
        "~ A (Toy::Box): Name [replaced]\n~ B (Toy::Box): Name [may be replaced]\n~ C (Toy::Box): Policy"
    )


def test_what_is_new_is_added_and_what_is_gone_removed():
    after = goal_of(_TEXT.replace("  C:", "  D:"))
    assert [(c.action, c.logical_id) for c in made(goal_of(_TEXT), after).changes] == [
        ("Add", "D"),
        ("Remove", "C"),
    ]


def test_the_stacks_tags_change_what_takes_tags():
    found = made(goal_of(_TEXT), goal_of(_TEXT), retagged=True)
    assert (found.changes[0].logical_id, found.changes[0].scope) == ("A", ["Tags"])


def test_a_resource_can_not_become_one_of_another_type():
    TYPES["Toy::Other"] = TYPES["Toy::Box"]
    after = goal_of(_TEXT.replace("A: {Type: 'Toy::Box'", "A: {Type: 'Toy::Other'"))
    with pytest.raises(ValidationError, match=r"modifies resource type of the following resources: \[A\]"):
        made(goal_of(_TEXT), after)

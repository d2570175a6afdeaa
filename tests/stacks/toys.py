"""A toy world for the engine: two resource types, and a way to make goals."""

from typing import Any, ClassVar, Literal

import msgspec

from cloudlet.stacks import goal as goals
from cloudlet.stacks import template as templates
from cloudlet.stacks.document import load
from cloudlet.stacks.parameters import Given, accept
from cloudlet.stacks.resource import Physical, This


class Rule(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    days: int
    status: Literal["Enabled", "Disabled"] = "Enabled"


class Toy(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})
    name: str | None = None
    size: int = 0
    on: bool = False
    rules: list[Rule] = []
    policy: dict[str, Any] | None = None
    tags: list[dict[str, str]] = []


TYPES = {"Toy::Box": Toy}
ENVIRONMENT = goals.Environment(
    "123456789012", "eu-west-1", "shop", "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/u-u-i-d"
)


def goal_of(
    text: str,
    parameters: dict[str, str] | None = None,
    exports: dict[str, str] | None = None,
    environment: goals.Environment = ENVIRONMENT,
) -> goals.Goal:
    """The goal that a template is, with these parameters."""
    template = templates.read(load(text))
    values = accept(template.parameters, parameters or {})
    return goals.make(
        template,
        environment,
        {name: Given(value, value) for name, value in values.items()},
        TYPES.get,
        (exports or {}).get,
    )


def value_of(
    expression: str,
    *,
    sections: str = "",
    parameters: dict[str, str] | None = None,
    exports: dict[str, str] | None = None,
) -> Any:
    """What an expression evaluates to when the box ``Box`` exists."""
    indented = "\n".join("        " + line for line in expression.splitlines())
    goal = goal_of(
        f"{sections}\nResources:\n  Box: {{Type: 'Toy::Box'}}\n  Other:\n    Type: Toy::Box\n"
        f"    Properties:\n      Policy:\n        V:\n  {indented.replace(chr(10), chr(10) + '  ')}\n",
        parameters,
        exports,
    )
    resolver = goal.resolver({"Box": Physical("box-1", {"Arn": "arn:box-1", "Nested": {"Deep": 7}})})
    return resolver.resolve(goal.resources["Other"].properties, ("Resources", "Other", "Properties"))[
        "Policy"
    ].get("V")


__all__ = ["This"]

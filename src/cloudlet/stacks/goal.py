"""The goal of a deployment: a template with its parameters, conditions decided and the graph drawn.

Making one is the whole validation. When there is a goal, every type and property is known, every name
refers to something, and nothing goes in circles; and nothing has been created yet.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ..errors import ValidationError
from . import graph, properties
from .document import refusal, text_of
from .intrinsics import Resolver, Scope
from .parameters import Given, check, value_of
from .references import function_of, references
from .resource import Physical
from .sentinels import NO_VALUE
from .template import ResourceSpec, Template, check_policy

_MOST_PROBLEMS = 20
FindType = Callable[[str], Any]


class Environment(msgspec.Struct, frozen=True):
    """Where a stack lives, and what its pseudo parameters say."""

    account: str
    region: str
    stack_name: str
    stack_id: str
    tags: dict[str, str] = {}
    notification_arns: tuple[str, ...] = ()

    def pseudo(self) -> dict[str, Any]:
        """The pseudo parameters."""
        china = self.region.startswith("cn-")
        partition = "aws-cn" if china else "aws-us-gov" if self.region.startswith("us-gov-") else "aws"
        return {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": partition,
            "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
            "AWS::StackName": self.stack_name,
            "AWS::StackId": self.stack_id,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": list(self.notification_arns),
        }


class Goal(msgspec.Struct, frozen=True):
    """What a stack is to become."""

    template: Template
    environment: Environment
    resources: dict[str, ResourceSpec]
    graph: dict[str, frozenset[str]]
    conditions: dict[str, bool]
    parameters: dict[str, Any]
    exports: Mapping[str, str]

    def resolver(self, known: Mapping[str, Physical]) -> Resolver:
        """What evaluates the template's values, given what exists so far."""
        return Resolver(
            Scope(
                self.environment.pseudo(),
                self.parameters,
                self.template.mappings,
                self.template.conditions,
                dict(known),
                set(),
                frozenset(self.resources),
                self.exports,
                _extended(self.template),
                dict(self.conditions),
            ),
            self.template.document,
        )

    def policy(self, resolver: Resolver, logical_id: str, key: str) -> str:
        """A resource's DeletionPolicy or UpdateReplacePolicy."""
        spec = self.resources[logical_id]
        raw = spec.deletion_policy if key == "DeletionPolicy" else spec.update_replace_policy
        path = ("Resources", logical_id, key)
        found = resolver.resolve(raw, path) if raw is not None else "Delete"
        check_policy(key, found, self.template.line(*path))
        return str(found) if found is not NO_VALUE else "Delete"


def make(
    template: Template,
    environment: Environment,
    given: Mapping[str, Given],
    find_type: FindType,
    exports: Callable[[str], str | None],
) -> Goal:
    """Evaluate what can be evaluated; a :class:`ValidationError` says what can't be, and on which line."""
    resolver = resolver_of(template, environment, given)
    _check_rules(template, resolver)
    resources = graph.active(template, resolver)
    resolver.scope.declared = frozenset(resources)
    resolver.scope.exports = _imports(template, resources, resolver, exports)
    drawn = graph.dependencies(template, resources, resolver)
    for name in template.conditions:
        resolver.condition(name)
    goal = Goal(
        template,
        environment,
        resources,
        drawn,
        resolver.scope.truths,
        resolver.scope.parameters,
        resolver.scope.exports,
    )
    _check_types(goal, find_type)
    _try_all(goal, find_type)
    return goal


def resolver_of(template: Template, environment: Environment, given: Mapping[str, Given]) -> Resolver:
    """What evaluates conditions and rules: parameters are known, resources are not."""
    values: dict[str, Any] = {}
    for name, spec in template.parameters.items():
        text = given[name].stored if spec.stored else given[name].value
        if spec.stored:
            check(spec, text)
        values[name] = value_of(spec, text)
    return Resolver(
        Scope(
            environment.pseudo(), values, template.mappings, template.conditions, extended=_extended(template)
        ),
        template.document,
    )


def _extended(template: Template) -> bool:
    return "AWS::LanguageExtensions" in template.transforms


def _check_rules(template: Template, resolver: Resolver) -> None:
    for name, rule in template.rules.items():
        path = ("Rules", name)
        if not isinstance(rule, dict) or not isinstance(rule.get("Assertions"), list):
            raise refusal(f"Template format error: Rule {name} must have Assertions.", template.line(*path))
        if "RuleCondition" in rule and not resolver.truth(rule["RuleCondition"], (*path, "RuleCondition")):
            continue
        for n, assertion in enumerate(rule["Assertions"]):
            if not resolver.truth(assertion.get("Assert"), (*path, "Assertions", n, "Assert")):
                why = assertion.get("AssertDescription") or "an assertion is false"
                raise refusal(
                    f"Template error: Rule {name} failed: {why}", template.line(*path, "Assertions", n)
                )


def _imports(
    template: Template,
    resources: Mapping[str, ResourceSpec],
    resolver: Resolver,
    exports: Callable[[str], str | None],
) -> dict[str, str]:
    """The exports that the template imports, by name."""
    found: dict[str, str] = {}
    values = [(spec.properties, ("Resources", name, "Properties")) for name, spec in resources.items()]
    values += [(spec.value, ("Outputs", name, "Value")) for name, spec in template.outputs.items()]
    for value, path in values:
        for argument, at in _calls("Fn::ImportValue", value, path, resolver.condition):
            name = text_of(resolver.resolve(argument, at))
            exported = exports(name)
            if exported is None:
                raise refusal(f"No export named {name} found.", template.line(*at))
            found[name] = exported
    return found


def _calls(function: str, value: Any, path: Any, taken: Callable[[str], bool]) -> Iterator[tuple[Any, Any]]:
    """The arguments of every call of ``function`` that will be evaluated."""
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from _calls(function, item, (*path, n), taken)
    elif isinstance(value, dict):
        called = function_of(value)
        if called == function:
            yield value[called], (*path, called)
        if called == "Fn::If" and isinstance(value[called], list) and len(value[called]) == 3:
            branch = 1 if taken(str(value[called][0])) else 2
            yield from _calls(function, value[called][branch], (*path, called, branch), taken)
            return
        for key, item in value.items():
            yield from _calls(function, item, (*path, key), taken)


def _check_types(goal: Goal, find_type: FindType) -> None:
    """Every type and property must be one that is honoured; all that are not are told at once."""
    template, found = goal.template, []
    for name, spec in goal.resources.items():
        kind = find_type(spec.type)
        if kind is None:
            line = template.line("Resources", name, "Type")
            found.append(
                (
                    line,
                    f"Template format error: Unrecognized resource types: [{spec.type}] "
                    f"(resource {name}, line {line})",
                )
            )
            continue
        for path, problem in properties.problems(kind, spec.properties, ("Resources", name, "Properties")):
            line = template.line(*path)
            found.append(
                (
                    line,
                    f"Properties validation failed for resource {name} ({spec.type}) with message: "
                    f"{problem} (line {line})",
                )
            )
    if found:
        messages = list(dict.fromkeys(message for _, message in sorted(found)))
        more = len(messages) - _MOST_PROBLEMS
        raise ValidationError(
            "\n".join(messages[:_MOST_PROBLEMS]) + (f"\nand {more} more" if more > 0 else "")
        )


def _try_all(goal: Goal, find_type: FindType) -> None:
    """Evaluate every value with nothing created yet: what is wrong whatever happens is found now."""
    resolver, template = goal.resolver({}), goal.template
    for name, spec in goal.resources.items():
        path = ("Resources", name)
        resolver.resolve(spec.properties, (*path, "Properties"))
        resolver.resolve(spec.metadata, (*path, "Metadata"))
        for key in ("DeletionPolicy", "UpdateReplacePolicy"):
            goal.policy(resolver, name, key)
        for reference in references(spec.properties, (*path, "Properties"), taken=resolver.condition):
            if reference.attribute in ("", "?") or reference.name not in goal.resources:
                continue
            kind = find_type(goal.resources[reference.name].type)
            attributes = getattr(kind, "ATTRIBUTES", None)
            if attributes is not None and reference.attribute not in attributes:
                raise refusal(
                    f"Template error: resource {reference.name} does not support attribute type "
                    f"{reference.attribute} in Fn::GetAtt",
                    template.line(*reference.path),
                )
    for name, output in template.outputs.items():
        if not output.condition or resolver.condition(output.condition):
            _check_output(goal, resolver, name)


def _check_output(goal: Goal, resolver: Resolver, name: str) -> None:
    output, template = goal.template.outputs[name], goal.template
    for section, value in (("Value", output.value), ("Export", output.export)):
        path = ("Outputs", name, section)
        for reference in references(value, path, taken=resolver.condition):
            if reference.name in template.resources and reference.name not in goal.resources:
                raise refusal(
                    f"Template format error: Unresolved resource dependencies [{reference.name}] in the "
                    f"Outputs "
                    "block of the template",
                    template.line(*reference.path),
                )
        resolver.resolve(value, path)


class Output(msgspec.Struct):
    """An output with its value. ``export`` is empty if it is not exported."""

    name: str
    value: str
    description: str = ""
    export: str = ""


def outputs(goal: Goal, known: Mapping[str, Physical]) -> list[Output]:
    """The outputs of a stack whose resources all exist."""
    resolver, found = goal.resolver(known), []
    for name, spec in goal.template.outputs.items():
        if spec.condition and not resolver.condition(spec.condition):
            continue
        value = resolver.resolve(spec.value, ("Outputs", name, "Value"))
        if isinstance(value, dict | list) or value is NO_VALUE:
            raise refusal(
                "Template format error: The Value field of every Outputs member must evaluate to a String. "
                f"[{name}]",
                goal.template.line("Outputs", name, "Value"),
            )
        export = resolver.resolve(spec.export, ("Outputs", name, "Export")) if spec.export is not None else ""
        found.append(Output(name, text_of(value), spec.description, text_of(export) if export else ""))
    return found

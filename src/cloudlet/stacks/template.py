"""A template, taken apart and held against the rules of its form.

Nothing is evaluated here: this is what can be said of a template before anyone gives parameters.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .document import Document, Path, refusal, text_of
from .limits import MAX_LOGICAL_ID, MAX_MAPPINGS, MAX_OUTPUTS, MAX_PARAMETERS, MAX_RESOURCES
from .parameters import ParameterSpec, read_parameters
from .references import PSEUDO_PARAMETERS, references

_SECTIONS = frozenset(
    (
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Resources",
        "Outputs",
        "Rules",
        "Transform",
        "Hooks",
        "Globals",
    )
)
_ATTRIBUTES = frozenset(
    (
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "Metadata",
        # undocumented and of no effect; https://github.com/aws/aws-cdk/pull/10522
        "Description",
        "Version",
    )
)
_NOT_HONOURED = frozenset(("CreationPolicy", "UpdatePolicy"))
_DELETION_POLICIES = frozenset(("Delete", "Retain", "RetainExceptOnCreate"))
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]+")
_VERSION = "2010-09-09"


class ResourceSpec(msgspec.Struct, frozen=True):
    """A resource as the template writes it; the policies may still hold functions."""

    logical_id: str
    type: str
    properties: dict[str, Any] = {}
    depends_on: tuple[str, ...] = ()
    condition: str = ""
    deletion_policy: Any = None
    update_replace_policy: Any = None
    metadata: dict[str, Any] = {}


class OutputSpec(msgspec.Struct, frozen=True):
    """An output as the template writes it."""

    name: str
    value: Any
    description: str = ""
    export: Any = None
    condition: str = ""


class Template(msgspec.Struct, frozen=True):
    """The sections of a template."""

    document: Document
    description: str = ""
    metadata: dict[str, Any] = {}
    parameters: dict[str, ParameterSpec] = {}
    mappings: dict[str, Any] = {}
    conditions: dict[str, Any] = {}
    resources: dict[str, ResourceSpec] = {}
    outputs: dict[str, OutputSpec] = {}
    rules: dict[str, Any] = {}
    transforms: tuple[str, ...] = ()

    def line(self, *path: str | int) -> int:
        """Where something stands."""
        return self.document.line(*path)


def transforms_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The macros that a template names."""
    named = body.get("Transform", ())
    names = [named] if isinstance(named, str | dict) else named
    return tuple(name if isinstance(name, str) else str(name.get("Name", "")) for name in names)


def read(document: Document) -> Template:
    """Take a template apart; a :class:`ValidationError` tells what is wrong with its form, and where."""
    body = document.body
    unknown = sorted(body.keys() - _SECTIONS)
    if unknown:
        raise refusal(
            f"Invalid template property or properties [{', '.join(unknown)}]", document.line(unknown[0])
        )
    if text_of(body.get("AWSTemplateFormatVersion", _VERSION)) != _VERSION:
        raise refusal(
            "Template format error: Unsupported template format version: "
            f"{body['AWSTemplateFormatVersion']}.",
            document.line("AWSTemplateFormatVersion"),
        )
    if body.get("Hooks"):
        raise refusal("Hooks are not honoured by cloudlet.", document.line("Hooks"))
    description = body.get("Description") or ""
    if not isinstance(description, str):
        raise refusal("Template format error: Description must be a string.", document.line("Description"))
    template = Template(
        document,
        description,
        _section(document, "Metadata"),
        read_parameters(document, _section(document, "Parameters")),
        _mappings(document),
        _section(document, "Conditions"),
        _resources(document),
        _outputs(document),
        _section(document, "Rules"),
        transforms_of(body),
    )
    _check(template)
    return template


def _section(document: Document, name: str, most: int = 0) -> dict[str, Any]:
    section = document.body.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise refusal(f"Template format error: {name} must be a map.", document.line(name))
    if most and len(section) > most:
        raise refusal(
            f"Template format error: Number of {name.lower()}, {len(section)}, is greater than maximum "
            f"allowed, {most}",
            document.line(name),
        )
    return section


def _mappings(document: Document) -> dict[str, Any]:
    section = _section(document, "Mappings", MAX_MAPPINGS)
    for name, mapping in section.items():
        for top, second in mapping.items() if isinstance(mapping, dict) else [("", None)]:
            if not isinstance(second, dict):
                raise refusal(
                    f"Template format error: Every Mappings attribute must be a map. ({name}.{top})",
                    document.line("Mappings", name, top),
                )
    return section


def _resources(document: Document) -> dict[str, ResourceSpec]:
    section = _section(document, "Resources", MAX_RESOURCES)
    if not section:
        raise refusal("Template format error: At least one Resources member must be defined.")
    return {name: _resource(document, name, spec) for name, spec in section.items()}


def _resource(document: Document, name: str, spec: Any) -> ResourceSpec:
    line = document.line("Resources", name)
    if not _LOGICAL_ID.fullmatch(name) or len(name) > MAX_LOGICAL_ID:
        raise refusal(f"Template format error: Resource name {name} is non alphanumeric.", line)
    if not isinstance(spec, dict):
        raise refusal(
            f"Template format error: Every Resources object must contain a Type member. [{name}]", line
        )
    if not isinstance(spec.get("Type"), str):
        raise refusal(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member.",
            line,
        )
    for key in spec.keys() - _ATTRIBUTES:
        at = document.line("Resources", name, key)
        if key in _NOT_HONOURED:
            raise refusal(f"{key} of the resource {name} is not honoured by cloudlet.", at)
        raise refusal(f"Invalid template resource property '{key}'", at)
    for key in ("Properties", "Metadata"):
        if not isinstance(spec.get(key) or {}, dict):
            raise refusal(
                f"Template format error: [/Resources/{name}/{key}] must be an object.",
                document.line("Resources", name, key),
            )
    for key in ("DeletionPolicy", "UpdateReplacePolicy"):
        check_policy(key, spec.get(key), document.line("Resources", name, key))
    depends_on = spec.get("DependsOn") or ()
    depends_on = (depends_on,) if isinstance(depends_on, str) else tuple(depends_on)
    return ResourceSpec(
        name,
        spec["Type"],
        spec.get("Properties") or {},
        depends_on,
        spec.get("Condition") or "",
        spec.get("DeletionPolicy"),
        spec.get("UpdateReplacePolicy"),
        spec.get("Metadata") or {},
    )


def check_policy(key: str, policy: Any, line: int = 0) -> None:
    """Refuse what is no DeletionPolicy or UpdateReplacePolicy here; functions are left for later."""
    if policy is None or isinstance(policy, dict):
        return
    if policy == "Snapshot":
        raise refusal(f"{key} Snapshot is not honoured by cloudlet: nothing here can make a snapshot.", line)
    if policy not in _DELETION_POLICIES or (
        key == "UpdateReplacePolicy" and policy == "RetainExceptOnCreate"
    ):
        raise refusal(f"Template format error: Unrecognized {key} {policy}", line)


def _outputs(document: Document) -> dict[str, OutputSpec]:
    found = {}
    for name, spec in _section(document, "Outputs", MAX_OUTPUTS).items():
        line = document.line("Outputs", name)
        if not _LOGICAL_ID.fullmatch(name):
            raise refusal(f"Template format error: Output name {name} is non alphanumeric.", line)
        if not isinstance(spec, dict) or "Value" not in spec:
            raise refusal(
                f"Template format error: Output {name} is malformed. Every Outputs member must contain a "
                "Value object",
                line,
            )
        unknown = sorted(spec.keys() - {"Value", "Description", "Export", "Condition"})
        if unknown:
            raise refusal(
                f"Invalid template output property '{unknown[0]}'", document.line("Outputs", name, unknown[0])
            )
        export = spec.get("Export")
        if export is not None and (not isinstance(export, dict) or export.keys() != {"Name"}):
            raise refusal(
                f"Template format error: Output {name} is malformed. Export must contain a Name", line
            )
        found[name] = OutputSpec(
            name,
            spec["Value"],
            text_of(spec.get("Description") or ""),
            export["Name"] if export else None,
            spec.get("Condition") or "",
        )
    return found


def _check(template: Template) -> None:
    """Every name that is referred to must be there."""
    if len(template.parameters) > MAX_PARAMETERS:
        raise refusal(
            f"Template format error: Number of parameters, {len(template.parameters)}, is greater than "
            f"maximum allowed, {MAX_PARAMETERS}",
            template.line("Parameters"),
        )
    both = sorted(template.parameters.keys() & template.resources.keys())
    if both:
        raise refusal(
            f"Template format error: Duplicate logical id [{both[0]}] in Parameters and Resources",
            template.line("Resources", both[0]),
        )
    _check_references(template, "Resources", template.resources.values())
    _check_references(template, "Outputs", template.outputs.values())
    for name, condition in template.conditions.items():
        if not isinstance(condition, dict):
            raise refusal(
                "Template format error: Every Conditions member must be an object.",
                template.line("Conditions", name),
            )
        for found in references(condition, ("Conditions", name)):
            line = template.line(*found.path)
            if found.condition and found.name not in template.conditions:
                raise refusal(
                    f"Template error: Unresolved condition dependency [{found.name}] in the Conditions "
                    "block of the template",
                    line,
                )
            if not found.condition and found.name not in template.parameters.keys() | PSEUDO_PARAMETERS:
                raise refusal(
                    f"Template error: Unresolved dependencies [{found.name}]. Cannot reference resources in "
                    "the Conditions block of the template",
                    line,
                )


def _check_references(template: Template, section: str, specs: Any) -> None:
    known = template.resources.keys() | template.parameters.keys() | PSEUDO_PARAMETERS
    missing: dict[str, int] = {}
    for spec in specs:
        name = spec.logical_id if section == "Resources" else spec.name
        if spec.condition and spec.condition not in template.conditions:
            raise refusal(
                f"Template format error: Unresolved condition dependency {spec.condition} in the {section} "
                "block of the template",
                template.line(section, name, "Condition"),
            )
        for found in _references_of(spec, section, name):
            line = template.line(*found.path)
            if found.condition:
                if found.name not in template.conditions:
                    raise refusal(
                        f"Template format error: Unresolved condition dependency {found.name} in the "
                        f"{section} block of the template",
                        line,
                    )
            elif found.attribute and found.name not in template.resources:
                raise refusal(
                    f"Template error: instance of {found.function} references undefined resource "
                    f"{found.name}",
                    line,
                )
            elif found.name not in known:
                missing.setdefault(found.name, line)
    if missing:
        raise refusal(
            f"Template format error: Unresolved resource dependencies [{', '.join(sorted(missing))}] in the "
            f"{section} block of the template",
            min(missing.values()),
        )


def _references_of(spec: Any, section: str, name: str) -> Iterator[Any]:
    path: Path = (section, name)
    if section == "Outputs":
        yield from references(spec.value, (*path, "Value"))
        yield from references(spec.export, (*path, "Export"))
        return
    yield from references(spec.properties, (*path, "Properties"))
    yield from references(spec.metadata, (*path, "Metadata"))
    yield from references(list(spec.depends_on), (*path, "DependsOn"), plain=True)

"""What can be asked about templates."""

from typing import Any

import msgspec

from ...errors import ValidationError
from ...kernel import Call, Conversation
from ...stacks import template as templates_
from ...stacks.capabilities import iam_types, needed
from ...stacks.parameters import ParameterSpec
from ...stacks.template import Template
from . import changesets, records
from .preparation import Request, source, template_of
from .service import cloudformation


@cloudformation.operation
def get_template(
    call: Call,
    stack_name: str | None = None,
    change_set_name: str | None = None,
    template_stage: str = "Original",
) -> dict[str, Any]:
    """A stack's template, as it was given or as its transforms left it."""
    if change_set_name:
        text: records.TemplateText | None = changesets.find(call, change_set_name, stack_name).template
    elif stack_name:
        stack = records.find(call, stack_name)
        if stack is None:
            raise ValidationError(f"Stack with id {stack_name} does not exist")
        text = records.templates.get(call, stack.uuid)
    else:
        raise ValidationError("Either StackName or ChangeSetName must be specified.")
    if text is None:
        raise ValidationError("There is no template yet.")
    body = text.processed if template_stage == "Processed" and text.processed else text.original
    return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}


@cloudformation.operation
async def validate_template(
    call: Conversation, template_body: str | None = None, template_url: str | None = None
) -> dict[str, Any]:
    """Whether a template is well-formed, and what it asks for."""
    template = await _read(call, Request(template_body, template_url))
    found = _capabilities(template)
    if template.transforms:
        found["DeclaredTransforms"] = list(template.transforms)
    return found | {
        "Description": template.description,
        "Parameters": [
            {"ParameterKey": spec.name, "NoEcho": spec.no_echo, "Description": spec.description}
            | ({} if spec.default is None else {"DefaultValue": spec.default})
            for spec in template.parameters.values()
        ],
    }


@cloudformation.operation
async def get_template_summary(
    call: Conversation,
    template_body: str | None = None,
    template_url: str | None = None,
    stack_name: str | None = None,
) -> dict[str, Any]:
    """What a template, or that of a stack, asks for and makes."""
    if stack_name:

        def remembered(inner: Call) -> Template:
            stack = records.find(inner, stack_name or "")
            text = records.templates.get(inner, stack.uuid) if stack else None
            if text is None:
                raise ValidationError(f"Stack with id {stack_name} does not exist")
            return template_of(records.TemplateText(text.original))

        template = await call.transact(remembered)
    else:
        template = await _read(call, Request(template_body, template_url))
    body = template.document.body
    found = _capabilities(template) | {
        "Description": template.description,
        "ResourceTypes": sorted({s.type for s in template.resources.values()}),
        "Version": str(body.get("AWSTemplateFormatVersion", "2010-09-09")),
        "Parameters": [_parameter(spec) for spec in template.parameters.values()],
        "ResourceIdentifierSummaries": [],
    }
    if template.metadata:
        found["Metadata"] = msgspec.json.encode(template.metadata).decode()
    if template.transforms:
        found["DeclaredTransforms"] = list(template.transforms)
    return found


async def _read(call: Conversation, request: Request) -> Template:
    """A template before its transforms; loops, which can't be read without parameters, are left out."""
    _, document = await source(call, request, None)
    for section in ("Resources", "Outputs", "Conditions"):
        members = document.body.get(section)
        if isinstance(members, dict) and any(name.startswith("Fn::ForEach::") for name in members):
            document.body[section] = {
                k: v for k, v in members.items() if not k.startswith("Fn::ForEach::")
            } or (
                {"Loop": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
                if section == "Resources"
                else {}
            )
    if templates_.transforms_of(document.body):
        document.body = {key: value for key, value in document.body.items() if key != "Globals"}
        for spec in (
            document.body.get("Resources") or {}
        ).values():  # SAM's own attributes, gone after translation
            if isinstance(spec, dict):
                for key in ("Connectors", "IgnoreGlobals"):
                    spec.pop(key, None)
        return templates_.read(document)
    return templates_.read(document)


def _capabilities(template: Template) -> dict[str, Any]:
    serverless = any(spec.type == "AWS::Serverless::Function" for spec in template.resources.values())
    capabilities = needed(template) or (["CAPABILITY_IAM"] if serverless else [])
    if template.transforms:
        capabilities.append("CAPABILITY_AUTO_EXPAND")
    if not capabilities:
        return {}
    types = iam_types(template) or sorted(
        {spec.type for spec in template.resources.values() if spec.type.startswith("AWS::Serverless::")}
    )
    return {
        "Capabilities": capabilities,
        "CapabilitiesReason": f"The following resource(s) require capabilities: [{', '.join(types)}]",
    }


def _parameter(spec: ParameterSpec) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ParameterKey": spec.name,
        "ParameterType": spec.type,
        "NoEcho": spec.no_echo,
        "ParameterConstraints": {},
    }
    if spec.default is not None:
        found["DefaultValue"] = spec.default
    if spec.description:
        found["Description"] = spec.description
    if spec.allowed_values:
        found["ParameterConstraints"] = {"AllowedValues": list(spec.allowed_values)}
    return found

"""From a request to a goal: fetch the template, apply its transforms, gather the parameters, decide.

Everything that can be wrong with a deployment is found here, before anything is written.
"""

from typing import Any

import msgspec

from ...errors import AwsError, ValidationError
from ...kernel import Call, Conversation
from ...stacks import goal as goals
from ...stacks import template as templates_
from ...stacks.capabilities import needed
from ...stacks.document import Document, load
from ...stacks.goal import Environment, Goal
from ...stacks.limits import MAX_TEMPLATE, MAX_TEMPLATE_BODY
from ...stacks.macros import apply
from ...stacks.parameters import Given, ParameterSpec, accept, read_parameters
from ...stacks.template import Template
from ...stacks.types import Types
from ...store import Blobs
from .errors import InsufficientCapabilitiesException
from .locations import object_of
from .records import Stack, TemplateText, exports, templates
from .service import cloudformation

BLOB = "cloudlet-blob:"  # a template among the blobs, for a deployment from this machine


class Request(msgspec.Struct):
    """What CreateStack, UpdateStack and CreateChangeSet have in common."""

    template_body: str | None = None
    template_url: str | None = None
    use_previous_template: bool | None = None
    parameters: list[dict[str, Any]] | None = None
    capabilities: list[str] | None = None
    expands: bool = True  # whether CAPABILITY_AUTO_EXPAND is needed for transforms


class Prepared(msgspec.Struct):
    """A request that was understood."""

    text: TemplateText
    template: Template
    parameters: dict[str, Given]

    @property
    def hidden(self) -> list[str]:
        """The parameters whose values are not to be shown."""
        return [name for name, spec in self.template.parameters.items() if spec.no_echo]


async def prepare(call: Conversation, request: Request, stack: Stack | None) -> Prepared:
    """Understand a request to create or to change ``stack``."""
    text, document = await source(call, request, stack)
    specs = read_parameters(document, document.body.get("Parameters") or {})
    given = _given(request, stack)
    values = accept(specs, given)
    parameters = {
        name: Given(value, await _stored(call, specs[name], value)) for name, value in values.items()
    }
    if not text.processed:
        applied = await apply(
            document,
            {name: one.stored or one.value for name, one in parameters.items()},
            account=call.account,
            region=call.region,
        )
        text.processed = msgspec.json.encode(applied.body).decode() if applied is not document else ""
    else:
        applied = carried(document, text.processed)
    template = templates_.read(applied)
    _check_capabilities(document, template, request)
    for name, spec in template.parameters.items():  # a transform may add some
        if name not in parameters:
            parameters[name] = Given(accept({name: spec}, {})[name])
    return Prepared(text, template, parameters)


def carried(document: Document, processed: str) -> Document:
    """What the transforms made of ``document``, with the lines of what it was made from."""
    return (
        document if not processed else Document(msgspec.json.decode(processed), document.lines, document.text)
    )


def template_of(text: TemplateText) -> Template:
    """A remembered template, taken apart again."""
    return templates_.read(carried(load(text.original), text.processed))


def make_goal(call: Call, stack: Stack, template: Template) -> Goal:
    """What ``stack`` is to become, held against what this cloudlet can do."""
    return goals.make(
        template,
        environment_of(call, stack),
        stack.parameters,
        find_types(call).find,
        lambda name: found.value if (found := exports.get(call, name)) else None,
    )


def environment_of(call: Call | Conversation, stack: Stack) -> Environment:
    """Where the stack lives."""
    return Environment(
        call.account, call.region, stack.name, stack.id, stack.tags, tuple(stack.notification_arns)
    )


def find_types(call: Call | Conversation) -> Types:
    """The resource types there are."""
    return Types(call.kernel.services, cloudformation.resources)


async def source(call: Conversation, request: Request, stack: Stack | None) -> tuple[TemplateText, Document]:
    """The template that a request means, as text and taken apart."""
    ways = [
        request.template_body is not None,
        request.template_url is not None,
        bool(request.use_previous_template),
    ]
    if sum(ways) != 1:
        raise ValidationError(
            "Either Template URL or Template Body must be specified."
            if not any(ways)
            else "Specify only one of TemplateBody, TemplateURL and UsePreviousTemplate."
        )
    if request.template_url is not None and request.template_url.startswith(BLOB):
        return _enclosed(call.use(Blobs), request.template_url.removeprefix(BLOB))
    if request.template_body is not None:
        if len(request.template_body.encode()) > MAX_TEMPLATE_BODY:
            raise ValidationError(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAX_TEMPLATE_BODY}"
            )
        text = request.template_body
    elif request.template_url is not None:
        text = await _fetch(call, request.template_url)
    else:
        found = await call.transact(lambda inner: templates.get(inner, stack.uuid)) if stack else None
        if found is None:
            raise ValidationError("There is no previous template.")
        text = found.original
    return TemplateText(text), load(text)


class _Envelope(msgspec.Struct):
    """A template of a deployment from this machine, with the lines of the file that it was made from."""

    template: dict[str, Any]
    lines: list[tuple[tuple[str | int, ...], int]]


def _enclosed(blobs: Blobs, name: str) -> tuple[TemplateText, Document]:
    path = blobs.path(name)
    if not name.isalnum() or not path.exists():
        raise ValidationError(f"{BLOB}{name} is not among the blobs of this cloudlet.")
    found = msgspec.json.decode(path.read_bytes(), type=_Envelope)
    return TemplateText(msgspec.json.encode(found.template).decode()), Document(
        found.template, dict(found.lines)
    )


async def _fetch(call: Conversation, url: str) -> str:
    found = object_of(url)
    if found is None:
        raise ValidationError("S3 error: The specified URL does not name an object in S3: " + url)
    bucket, key = found
    try:
        got = await call.invoke("s3", "GetObject", Bucket=bucket, Key=key)
    except AwsError as error:
        raise ValidationError(f"S3 error: {error}") from None
    raw = await _whole(got.get("Body", b""))
    return raw.decode("utf-8", "replace")


async def _whole(body: Any) -> bytes:
    """A body that may come in pieces."""
    if isinstance(body, bytes):
        return body
    pieces, size = [], 0
    async for piece in body:
        size += len(piece)
        if size > MAX_TEMPLATE:
            raise ValidationError(f"Template may not exceed {MAX_TEMPLATE} bytes in size.")
        pieces.append(piece)
    return b"".join(pieces)


def _given(request: Request, stack: Stack | None) -> dict[str, str]:
    """The values that the caller gives, or lets be as they are."""
    given: dict[str, str] = {}
    for parameter in request.parameters or ():
        name = parameter.get("ParameterKey") or ""
        if parameter.get("UsePreviousValue"):
            if parameter.get("ParameterValue") is not None:
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and "
                    "non empty value for a parameter"
                )
            if stack is None or name not in stack.parameters:
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true "
                    "for a parameter key not in the previous template"
                )
            given[name] = stack.parameters[name].value
        elif parameter.get("ParameterValue") is None:
            raise ValidationError(
                f"Invalid input for parameter key {name}. Need to specify ParameterValue or UsePreviousValue"
            )
        else:
            given[name] = parameter["ParameterValue"]
    return given


async def _stored(call: Conversation, spec: ParameterSpec, name: str) -> str:
    """What SSM holds for a parameter whose value is a name there."""
    if not spec.stored:
        return ""
    try:
        found = await call.invoke("ssm", "GetParameter", Name=name)
    except AwsError as error:
        raise ValidationError(
            f"Unable to fetch parameters [{name}] from parameter store for this account. ({error.code})"
        ) from None
    return str(found["Parameter"]["Value"])


def _check_capabilities(document: Document, template: Template, request: Request) -> None:
    given = set(request.capabilities or ())
    wanted = needed(template)
    missing = [name for name in wanted if name not in given]
    if "CAPABILITY_NAMED_IAM" in given:
        missing = [name for name in missing if name != "CAPABILITY_IAM"]
    if request.expands and templates_.transforms_of(document.body):
        missing += [] if "CAPABILITY_AUTO_EXPAND" in given else ["CAPABILITY_AUTO_EXPAND"]
    if missing:
        raise InsufficientCapabilitiesException(f"Requires capabilities : [{', '.join(missing)}]")

"""Whether a definition can be run here: what AWS says of it, and what this cloud has not."""

from collections.abc import Iterator

import msgspec

from ... import workflow
from ...errors import NotHonoured
from ...kernel import Call, Services
from ...workflow import Diagnostic
from . import integrations, limits
from .errors import InvalidDefinition
from .parameters import diagnose
from .records import EXPRESS, Config
from .service import stepfunctions

_READERS = ("s3:getObject", "s3:listObjectsV2")
_WRITERS = ("s3:putObject",)


@stepfunctions.operation
def validate_state_machine_definition(call: Call, definition: str, type: str = "STANDARD",
                                      severity: str = "ERROR", max_results: int | None = None) -> Config:
    """What is wrong with a definition, be it one that could be created or not."""
    limit = max_results or limits.DIAGNOSTICS
    found: list[Diagnostic] = []
    try:
        found = diagnostics(call.kernel.services, definition, type)
    except NotHonoured as refusal:
        found = [Diagnostic("ERROR", "SCHEMA_VALIDATION_FAILED", str(refusal))]
    told = [one for one in found if severity == "WARNING" or one.severity == "ERROR"]
    failed = any(one.severity == "ERROR" for one in found)
    return {"result": "FAIL" if failed else "OK", "truncated": len(told) > limit,
            "diagnostics": [{name: value for name, value in msgspec.to_builtins(one).items()
                             if value is not None} for one in told[:limit]]}


def check(call: Call, definition: str, kind: str) -> None:
    """Refuse a definition that can't be run."""
    found = diagnostics(call.kernel.services, definition, kind)
    if any(one.severity == "ERROR" for one in found):
        raise InvalidDefinition(summary(found))


def summary(diagnostics: list[Diagnostic]) -> str:
    """The message of AWS's InvalidDefinition."""
    told = ", ".join(f"{one.code}: {one.message}" + (f" at {one.location}" if one.location else "")
                     for one in diagnostics if one.severity == "ERROR")
    return f"Invalid State Machine Definition: '{told}'"


def diagnostics(services: Services, definition: str, kind: str) -> list[Diagnostic]:
    """All that is wrong with a definition; :class:`NotHonoured` for what is right, but not here."""
    found = workflow.validate(definition, express=kind == EXPRESS)
    if any(one.severity == "ERROR" for one in found):
        return found
    for pointer, body in _states(msgspec.json.decode(definition), ""):
        found += _of_state(services, body, pointer, kind)
    return found


def _states(tree: Config, at: str) -> Iterator[tuple[str, Config]]:
    """All states with the pointers that name them."""
    for name, body in tree["States"].items():
        here = f"{at}/States/{name}"
        yield here, body
        for number, branch in enumerate(body.get("Branches", ())):
            yield from _states(branch, f"{here}/Branches[{number}]")
        for field in ("ItemProcessor", "Iterator"):
            if field in body:
                yield from _states(body[field], f"{here}/{field}")


def _of_state(services: Services, body: Config, at: str, kind: str) -> Iterator[Diagnostic]:
    if body["Type"] == "Task":
        refuse_credentials(body)
        one = resolved(services, body["Resource"])
        if one is None:
            yield _unknown(body["Resource"], f"{at}/Resource")
        else:
            given = body.get("Arguments", body.get("Parameters"))
            field = "Arguments" if "Arguments" in body else "Parameters"
            yield from diagnose(services, one, given, f"{at}/{field}")
    if body["Type"] == "Map":
        processor = body.get("ItemProcessor") or body["Iterator"]
        distributed = processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
        if distributed and kind == EXPRESS:
            yield Diagnostic("ERROR", "SCHEMA_VALIDATION_FAILED",
                             "Express state machine does not support Distributed Map state", at)
        for field, known in (("ItemReader", _READERS), ("ResultWriter", _WRITERS)):
            resource = body.get(field, {}).get("Resource")
            if resource and resource.removeprefix("arn:aws:states:::").removeprefix("aws-sdk:") not in known:
                yield _unknown(resource, f"{at}/{field}/Resource")


def resolved(services: Services, resource: str) -> integrations.Integration | None:
    """What a resource means; None if AWS knows no such thing."""
    try:
        return integrations.of(services, resource)
    except ValueError:
        return None


def refuse_credentials(body: Config) -> None:
    """Roles of other accounts can't be assumed here."""
    if "Credentials" in body:
        raise NotHonoured("cloudlet does not honour the field Credentials of a Task state (another account's "
                          "role), and refuses it rather than ignore it.")


def _unknown(resource: str, at: str) -> Diagnostic:
    return Diagnostic(
        "ERROR",
        "SCHEMA_VALIDATION_FAILED",
        f"The resource provided {resource} is not recognized. The value is not a valid resource "
        "ARN, or the resource is not available in this region.",
        at,
    )

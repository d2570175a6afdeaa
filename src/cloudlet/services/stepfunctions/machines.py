"""State machines: created, changed, described, deleted."""

from typing import Any

from ...errors import ValidationException
from ...kernel import Call
from . import definitions, settings
from .deleting import begin as begin_deleting
from .errors import (
    MissingRequiredParameter,
    StateMachineAlreadyExists,
    StateMachineDeleting,
    StateMachineDoesNotExist,
)
from .naming import check, machine_arn
from .paging import after, page
from .records import (
    STANDARD,
    Config,
    Machine,
    Revision,
    find_execution,
    find_machine,
    machines,
    no_machine,
    own_machine,
    revisions,
    versions,
)
from .service import stepfunctions
from .versions import publish as publish_version
from .versions import revision_of

_METADATA = "METADATA_ONLY"


@stepfunctions.operation
def create_state_machine(
    call: Call,
    name: str,
    definition: str,
    role_arn: str,
    type: str = STANDARD,
    logging_configuration: Config | None = None,
    tags: list[dict[str, str]] | None = None,
    tracing_configuration: Config | None = None,
    publish: bool = False,
    version_description: str | None = None,
    encryption_configuration: Config | None = None,
) -> Config:
    """Create a state machine; one that is there already, and is the same, is as good as created."""
    check(name)
    if version_description is not None and not publish:
        raise ValidationException("Version description can only be set when publish is true")
    settings.check_encryption(encryption_configuration)
    logging = settings.logging(call, logging_configuration)
    tracing = _tracing(tracing_configuration)
    definitions.check(call, definition, type)
    settings.check_role(call, role_arn, machine_arn(call, name))
    known = machines.get(call, name)
    if known is not None:
        _check_same(call, known, type, Revision("", definition, role_arn, logging, tracing))
    else:
        known = Machine(name, type, call.now_ms, call.now_ms, call.ids.uuid(), tags=settings.tags(tags))
        machines.put(call, name, record=known)
        revisions.put(call, name, known.revision,
                      record=Revision(known.revision, definition, role_arn, logging, tracing, first=True))
    found: Config = {"stateMachineArn": machine_arn(call, name), "creationDate": known.created_ms / 1000}
    if publish:
        version = publish_version(call, known, version_description)
        found["stateMachineVersionArn"] = machine_arn(call, name, str(version.number))
    return found


def _check_same(call: Call, known: Machine, kind: str, given: Revision) -> None:
    arn = machine_arn(call, known.name)
    if known.deleting:
        raise StateMachineDeleting(f"State Machine is being deleted: '{arn}'")
    now = revisions.get(call, known.name, known.revision)
    assert now
    if known.kind != kind or (now.definition, now.logging, now.tracing) != (
            given.definition, given.logging, given.tracing):
        raise StateMachineAlreadyExists(f"State Machine Already Exists: '{arn}'")


@stepfunctions.operation
def update_state_machine(call: Call, state_machine_arn: str, definition: str | None = None,
                         role_arn: str | None = None, logging_configuration: Config | None = None,
                         tracing_configuration: Config | None = None, publish: bool = False,
                         version_description: str | None = None,
                         encryption_configuration: Config | None = None) -> Config:
    """Change what is given; executions that run go on with what they began with."""
    machine = own_machine(call, state_machine_arn)
    if machine.deleting:
        raise StateMachineDeleting(f"State Machine is being deleted: '{state_machine_arn}'")
    if version_description is not None and not publish:
        raise ValidationException("Version description can only be set when publish is true")
    given: list[Any] = [definition, role_arn, logging_configuration, tracing_configuration,
                        encryption_configuration]
    if all(one is None for one in given):
        raise MissingRequiredParameter(
            "Either the definition, the role ARN, the LoggingConfiguration, the "
            "EncryptionConfiguration or the TracingConfiguration must be specified"
        )
    settings.check_encryption(encryption_configuration)
    now = revision_of(call, machine)
    new = Revision(call.ids.uuid(), definition or now.definition, role_arn or now.role_arn,
                   now.logging if logging_configuration is None else settings.logging(
                       call, logging_configuration),
                   now.tracing if tracing_configuration is None else _tracing(tracing_configuration))
    if definition is not None:
        definitions.check(call, definition, machine.kind)
    if role_arn is not None:
        settings.check_role(call, role_arn, machine_arn(call, machine.name))
    machine.revision, machine.updated_ms, machine.updates = new.id, call.now_ms, machine.updates + 1
    machines.put(call, machine.name, record=machine)
    revisions.put(call, machine.name, new.id, record=new)
    found: Config = {"updateDate": call.now_ms / 1000, "revisionId": new.id}
    if publish:
        version = publish_version(call, machine, version_description)
        found["stateMachineVersionArn"] = machine_arn(call, machine.name, str(version.number))
    return found


@stepfunctions.operation
def delete_state_machine(call: Call, state_machine_arn: str) -> None:
    """Delete a state machine with its versions and aliases; what runs is stopped. One that isn't there is."""
    try:
        machine, named = find_machine(call, state_machine_arn)
    except StateMachineDoesNotExist:
        return
    if not named.rest and not machine.deleting:
        begin_deleting(call, machine)


@stepfunctions.operation
def describe_state_machine(call: Call, state_machine_arn: str, included_data: str = "ALL_DATA") -> Config:
    """A state machine, or one of its versions."""
    machine, named = find_machine(call, state_machine_arn)
    number = int(named.rest) if named.rest.isdigit() else 0
    version = versions.get(call, machine.name, number) if number else None
    if named.rest and version is None:
        raise no_machine(state_machine_arn)
    revision = revisions.get(call, machine.name, version.revision) if version else revision_of(call, machine)
    assert revision
    found = {
        "stateMachineArn": state_machine_arn, "name": machine.name, "type": machine.kind,
        "status": "DELETING" if machine.deleting else "ACTIVE",
        "creationDate": (version.created_ms if version else machine.created_ms) / 1000,
        **_shown(revision, included_data)}
    if version and version.description:
        found["description"] = version.description
    return found


@stepfunctions.operation
def describe_state_machine_for_execution(call: Call, execution_arn: str,
                                         included_data: str = "ALL_DATA") -> Config:
    """The state machine as it was when an execution began."""
    record = find_execution(call, execution_arn)
    base, _, label = record.machine.partition("/")
    machine, revision = machines.get(call, base), revisions.get(call, base, record.revision)
    if machine is None or revision is None:
        raise no_machine(machine_arn(call, base))
    found = {"stateMachineArn": machine_arn(call, record.machine), "name": base,
             "updateDate": machine.updated_ms / 1000, **_shown(revision, included_data)}
    if record.map_run:
        found |= {"mapRunArn": record.map_run, "label": label}
    return found


@stepfunctions.operation
def list_state_machines(call: Call, max_results: int | None = None, next_token: str | None = None) -> Config:
    """State machines by name."""
    rows = ((key, one) for key, one in machines.items(call, after=after(next_token)))
    return page("stateMachines", rows, max_results, lambda one: {
        "stateMachineArn": machine_arn(call, one.name), "name": one.name, "type": one.kind,
        "creationDate": one.created_ms / 1000})


def _shown(revision: Revision, included: str) -> Config:
    found: Config = {
        "definition": revision.definition if included != _METADATA else "{}",
        "roleArn": revision.role_arn, "loggingConfiguration": settings.shown_logging(revision.logging),
        "tracingConfiguration": {"enabled": bool(revision.tracing.get("enabled"))},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}}
    if not revision.first:
        found["revisionId"] = revision.id
    return found


def _tracing(given: Config | None) -> Config:
    return {"enabled": True} if given and given.get("enabled") else {}

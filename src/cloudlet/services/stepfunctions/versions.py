"""Versions: revisions that were given a number, for good."""

from ...kernel import Call
from . import limits
from .errors import ConflictException, ServiceQuotaExceededException, StateMachineDeleting
from .naming import MACHINE, machine_arn, read
from .paging import after, page
from .records import Config, Machine, Revision, Version, aliases, machines, own_machine, revisions, versions
from .service import stepfunctions


@stepfunctions.operation
def publish_state_machine_version(call: Call, state_machine_arn: str, revision_id: str | None = None,
                                  description: str | None = None) -> Config:
    """Give the state machine as it is now the next number, unless it has the last one already."""
    machine = own_machine(call, state_machine_arn)
    if machine.deleting:
        raise StateMachineDeleting(f"State Machine is being deleted: '{state_machine_arn}'")
    current = revision_of(call, machine)
    if revision_id is not None and revision_id != ("INITIAL" if current.first else current.id):
        raise ConflictException("Failed to publish the State Machine version for revision "
                                f"{revision_id}. The current State Machine revision is "
                                f"{'INITIAL' if current.first else current.id}.")
    version = publish(call, machine, description)
    return {"creationDate": version.created_ms / 1000,
            "stateMachineVersionArn": machine_arn(call, machine.name, str(version.number))}


def publish(call: Call, machine: Machine, description: str | None) -> Version:
    """The version of the state machine as it is now."""
    last = versions.get(call, machine.name, machine.versions)
    if last is not None and last.revision == machine.revision:
        return last
    if sum(1 for _ in versions.items(call, machine.name)) >= limits.VERSIONS:
        raise ServiceQuotaExceededException(
            f"The state machine has {limits.VERSIONS} versions, which is the most it may have.")
    machine.versions += 1
    version = Version(machine.versions, machine.revision, call.now_ms, description or "")
    versions.put(call, machine.name, version.number, record=version)
    machines.put(call, machine.name, record=machine)
    return version


def revision_of(call: Call, machine: Machine) -> Revision:
    """A state machine as it is now."""
    found = revisions.get(call, machine.name, machine.revision)
    assert found is not None, machine.name
    return found


@stepfunctions.operation
def delete_state_machine_version(call: Call, state_machine_version_arn: str) -> None:
    """Delete a version that no alias leads to; what runs on it goes on."""
    named = read(state_machine_version_arn, MACHINE)
    machine = machines.get(call, named.name) if named.is_here(call) else None
    if machine is None or not named.rest.isdigit():
        return
    users = [alias.name for _, alias in aliases.items(call, machine.name)
             if any(number == int(named.rest) for number, _ in alias.routes)]
    if users:
        raise ConflictException("Version to be deleted must not be referenced by an alias. Current list of "
                                f"aliases referencing this version: [{', '.join(users)}]")
    versions.delete(call, machine.name, int(named.rest))


@stepfunctions.operation
def list_state_machine_versions(call: Call, state_machine_arn: str, next_token: str | None = None,
                                max_results: int | None = None) -> Config:
    """Versions, the newest first."""
    machine = own_machine(call, state_machine_arn)
    rows = versions.items(call, machine.name, after=after(next_token), reverse=True)
    return page("stateMachineVersions", rows, max_results, lambda one: {
        "stateMachineVersionArn": machine_arn(call, machine.name, str(one.number)),
        "creationDate": one.created_ms / 1000})

"""Pipes: made, changed, started, stopped, found, listed, deleted."""

import base64
from typing import Any

from ...errors import ValidationException
from ...fabric import checkpoints, standing
from ...fabric.sources import Stream
from ...kernel import Call
from . import limits, poller
from .checks import check, settings_of, source_of
from .errors import ConflictException
from .records import Config, Pipe, find, pipes, remove, save, work_id
from .roles import acting
from .service import pipes_
from .tags import checked


@pipes_.operation
def create_pipe(
    call: Call,
    name: str,
    source: str,
    target: str,
    role_arn: str,
    description: str | None = None,
    desired_state: str | None = None,
    source_parameters: Config | None = None,
    enrichment: str | None = None,
    enrichment_parameters: Config | None = None,
    target_parameters: Config | None = None,
    tags: dict[str, str] | None = None,
) -> Config:
    """Make a pipe; it runs unless it is to be stopped."""
    if pipes.get(call, name) is not None:
        raise ConflictException(f"Pipe {name} already exists.")
    pipe = Pipe(
        name,
        call.arn(f"pipe/{name}"),
        call.ids.hex(32),
        source,
        target,
        role_arn,
        desired_state or "RUNNING",
        "CREATING",
        call.now_ms,
        call.now_ms,
        description or "",
        enrichment or "",
        source_parameters or {},
        enrichment_parameters or {},
        target_parameters or {},
        checked({}, tags or {}),
    )
    check(call, pipe)
    acting(call, pipe)
    read = source_of(call, source)
    if isinstance(read, Stream):
        own = settings_of(pipe)
        at = own.pop("StartingPositionTimestamp", None)
        at_ms = round(at.timestamp() * 1000) if at else 0
        checkpoints.begin(call, pipe.id, read, source, own["StartingPosition"], at_ms)
        if at:
            own["StartingPositionTimestamp"] = at_ms / 1000
    _run(call, pipe, rests=True)
    return _brief(pipe)


@pipes_.operation
def update_pipe(call: Call, name: str, role_arn: str, description: str | None = None,
                desired_state: str | None = None, source_parameters: Config | None = None,
                enrichment: str | None = None, enrichment_parameters: Config | None = None,
                target: str | None = None, target_parameters: Config | None = None) -> Config:
    """Change what is said; the rest stays. Where reading a stream began is not to be changed."""
    pipe = _settled(call, name)
    pipe.role = role_arn
    if source_parameters is not None:
        kept = {key: value for key, value in settings_of(pipe).items() if key.startswith("Starting")}
        pipe.source_parameters = source_parameters
        for key, value in source_parameters.items():
            if key.endswith("StreamParameters"):
                pipe.source_parameters[key] = kept | value
        if kept and not settings_of(pipe):
            raise ValidationException("The parameters of the stream must be specified.")
    pipe.description = pipe.description if description is None else description
    pipe.enrichment = pipe.enrichment if enrichment is None else enrichment
    pipe.target = pipe.target if target is None else target
    if enrichment_parameters is not None:
        pipe.enrichment_parameters = enrichment_parameters
    if target_parameters is not None:
        pipe.target_parameters = target_parameters
    check(call, pipe)
    acting(call, pipe)
    rests = pipe.state == "STOPPED"
    pipe.desired, pipe.state = desired_state or pipe.desired, "UPDATING"
    _run(call, pipe, rests=rests)
    return _brief(pipe)


@pipes_.operation
def start_pipe(call: Call, name: str) -> Config:
    """Let a pipe read again, from where it stopped."""
    return _turn(call, name, "RUNNING", "STARTING")


@pipes_.operation
def stop_pipe(call: Call, name: str) -> Config:
    """Let a pipe rest, once what it has taken is handled."""
    return _turn(call, name, "STOPPED", "STOPPING")


@pipes_.operation
def delete_pipe(call: Call, name: str) -> Config:
    """Delete a pipe, once what it has taken is handled."""
    pipe = find(call, name)
    rests = pipe.state == "STOPPED"
    pipe.desired, pipe.state = "DELETED", "DELETING"
    _run(call, pipe, rests=rests)
    return _brief(pipe)


@pipes_.operation
def describe_pipe(call: Call, name: str) -> Config:
    """A pipe."""
    pipe = find(call, name)
    return _brief(pipe) | {
        "Description": pipe.description,
        "Source": pipe.source,
        "SourceParameters": pipe.source_parameters,
        "Enrichment": pipe.enrichment,
        "EnrichmentParameters": pipe.enrichment_parameters,
        "Target": pipe.target,
        "TargetParameters": pipe.target_parameters,
        "RoleArn": pipe.role,
        "Tags": pipe.tags,
    }


@pipes_.operation
def list_pipes(call: Call, name_prefix: str | None = None, desired_state: str | None = None,
               current_state: str | None = None, source_prefix: str | None = None,
               target_prefix: str | None = None, next_token: str | None = None,
               limit: int | None = None) -> Config:
    """The pipes, by name."""
    most, prefix, after = limit or limits.PAGE, name_prefix or "", _read(next_token)
    found: list[Config] = []
    last = ""
    for _, pipe in pipes.items(call, after=(after,)) if after else pipes.starting(call, prefix):
        if not pipe.name.startswith(prefix):
            break
        if (desired_state not in (None, pipe.desired) or current_state not in (None, pipe.state)
                or not pipe.source.startswith(source_prefix or "")
                or not pipe.target.startswith(target_prefix or "")):
            continue
        if len(found) == most:
            return {"Pipes": found, "NextToken": base64.urlsafe_b64encode(last.encode()).decode()}
        found.append(
            _brief(pipe) | {"Source": pipe.source, "Target": pipe.target, "Enrichment": pipe.enrichment}
        )
        last = pipe.name
    return {"Pipes": found}


def _turn(call: Call, name: str, desired: str, state: str) -> Config:
    pipe = _settled(call, name)
    if pipe.desired != desired:
        rests = pipe.state == "STOPPED"
        pipe.desired, pipe.state = desired, state
        _run(call, pipe, rests=rests)
    return _brief(pipe)


def _run(call: Call, pipe: Pipe, *, rests: bool) -> None:
    """Keep what is wanted, and see that it becomes true: at once if nobody reads for the pipe."""
    if rests and pipe.desired == "DELETED":
        remove(call, pipe)
        return
    if rests and pipe.desired == "STOPPED":
        pipe.state = "STOPPED"
    save(call, pipe)
    if rests and pipe.desired == "RUNNING":
        standing.keep(call, poller.poll, id=work_id(call, pipe.name), name=pipe.name)


def _settled(call: Call, name: str) -> Pipe:
    pipe = find(call, name)
    if pipe.state not in ("RUNNING", "STOPPED"):
        raise ConflictException(f"Pipe {name} is in the state {pipe.state}.")
    return pipe


def _brief(pipe: Pipe) -> dict[str, Any]:
    return {"Arn": pipe.arn, "Name": pipe.name, "DesiredState": pipe.desired, "CurrentState": pipe.state,
            "CreationTime": pipe.created_ms / 1000, "LastModifiedTime": pipe.modified_ms / 1000}


def _read(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token or "").decode()
    except ValueError:
        raise ValidationException("Invalid NextToken.") from None

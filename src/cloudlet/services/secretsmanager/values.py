"""Values of secrets: versions, and the staging labels that say which of them counts.

``AWSCURRENT`` is the value that is read. Moving it leaves ``AWSPREVIOUS`` where it was. A version that
no label names is deprecated, and the oldest of those make room for new ones.
"""

from typing import Any

from ...kernel import Call
from . import limits
from .errors import (
    InvalidNextTokenException,
    InvalidParameterException,
    InvalidRequestException,
    ResourceExistsException,
    ResourceNotFoundException,
)
from .records import CURRENT, PREVIOUS, Secret, Version, need, seconds, secrets, stages_of, versions
from .service import secretsmanager

_DAY_MS = 86_400_000
Result = dict[str, Any]


@secretsmanager.operation
def get_secret_value(call: Call, secret_id: str, version_id: str | None = None,
                     version_stage: str | None = None) -> Result:
    """A secret's value: the current one, or that of a version or a staging label."""
    secret = need(call, secret_id)
    stage = version_stage or (None if version_id else CURRENT)
    staged = secret.stages.get(stage) if stage else None
    if version_id and stage and staged != version_id:
        raise InvalidRequestException(
            "You provided a VersionStage that is not associated to the provided VersionId."
        )
    version = versions.get(call, secret.arn, version_id or staged or "")
    if version is None:
        what = f"VersionId: {version_id}" if version_id else f"staging label: {stage}"
        raise ResourceNotFoundException(f"Secrets Manager can't find the specified secret value for {what}")
    _touch(call, secret, version)
    found: Result = {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.id,
        "VersionStages": stages_of(secret, version.id),
        "CreatedDate": seconds(version.created_ms),
    }
    if version.text is not None:
        found["SecretString"] = version.text
    if version.raw is not None:
        found["SecretBinary"] = version.raw
    return found


@secretsmanager.operation
def put_secret_value(call: Call, secret_id: str, client_request_token: str | None = None,
                     secret_binary: bytes | None = None, secret_string: str | None = None,
                     version_stages: list[str] | None = None) -> Result:
    """Give a secret a new version; it becomes the current one unless other stages are named."""
    secret = need(call, secret_id)
    if secret_string is None and secret_binary is None:
        raise InvalidRequestException("You must provide either SecretString or SecretBinary.")
    version = add_version(call, secret, client_request_token, secret_string, secret_binary, version_stages)
    secrets.put(call, secret.name, record=secret)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version.id,
            "VersionStages": stages_of(secret, version.id)}


@secretsmanager.operation
def update_secret_version_stage(call: Call, secret_id: str, version_stage: str,
                                remove_from_version_id: str | None = None,
                                move_to_version_id: str | None = None) -> Result:
    """Move a staging label from one version to another, or take it off."""
    secret = need(call, secret_id)
    holder = secret.stages.get(version_stage)
    for id in (remove_from_version_id, move_to_version_id):
        if id is not None and id not in secret.order:
            raise ResourceNotFoundException(
                f"Secrets Manager can't find the specified secret value for VersionId: {id}")
    if remove_from_version_id is not None and remove_from_version_id != holder:
        raise InvalidParameterException(f"Staging label {version_stage} is not currently attached to version "
                                        f"{remove_from_version_id}.")
    if holder and move_to_version_id not in (None, holder) and remove_from_version_id is None:
        raise InvalidParameterException(
            f"The parameter RemoveFromVersionId can't be empty. Staging label {version_stage} is currently "
            f"attached to version {holder}, so you must explicitly reference that version in "
            "RemoveFromVersionId."
        )
    if move_to_version_id is not None:
        _attach(secret, move_to_version_id, [version_stage])
    elif remove_from_version_id is not None:
        if version_stage == CURRENT:
            raise InvalidParameterException(
                f"You can only move staging label {CURRENT} to a different secret "
                "version. It can't be completely removed."
            )
        del secret.stages[version_stage]
    secret.changed_ms = call.now_ms
    secrets.put(call, secret.name, record=secret)
    return {"ARN": secret.arn, "Name": secret.name}


@secretsmanager.operation
def list_secret_version_ids(call: Call, secret_id: str, max_results: int = limits.MAX_PAGE,
                            next_token: str | None = None, include_deprecated: bool = False) -> Result:
    """The versions of a secret, the newest first; those without a staging label only if asked for."""
    secret = need(call, secret_id, deleted=True)
    ids = [id for id in reversed(secret.order) if include_deprecated or stages_of(secret, id)]
    start = read_token(next_token)
    found = []
    for id in ids[start:start + max_results]:
        version = versions.get(call, secret.arn, id)
        if version:
            entry: Result = {"VersionId": id, "CreatedDate": seconds(version.created_ms)}
            if stages := stages_of(secret, id):
                entry["VersionStages"] = stages
            if version.accessed_day:
                entry["LastAccessedDate"] = version.accessed_day * 86_400
            found.append(entry)
    stop = start + max_results
    return {"ARN": secret.arn, "Name": secret.name, "Versions": found,
            **({"NextToken": str(stop)} if stop < len(ids) else {})}


def add_version(call: Call, secret: Secret, token: str | None, text: str | None, raw: bytes | None,
                stages: list[str] | None) -> Version:
    """A new version, or the one that the same token made before; the caller writes the secret."""
    if text is not None and raw is not None:
        raise InvalidParameterException(
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )
    id = token or call.ids.uuid()
    old = versions.get(call, secret.arn, id)
    if old is not None:
        if (old.text, old.raw) != (text, raw):
            raise ResourceExistsException(
                f"You can't use ClientRequestToken {id} because that value is already in "
                f"use for a version of secret {secret.arn}."
            )
        return old
    version = Version(id, call.now_ms, text, raw)
    wanted = list(stages or [CURRENT])
    if len(wanted) > limits.MAX_STAGES:
        raise InvalidParameterException(f"A version can have no more than {limits.MAX_STAGES} staging labels")
    if CURRENT not in secret.stages and CURRENT not in wanted:
        wanted.append(CURRENT)
    secret.order.append(id)
    _attach(secret, id, wanted)
    secret.changed_ms = call.now_ms
    _make_room(call, secret)
    versions.put(call, secret.arn, id, record=version)
    return version


def _attach(secret: Secret, id: str, stages: list[str]) -> None:
    for stage in stages:
        before = secret.stages.get(stage)
        secret.stages[stage] = id
        if stage == CURRENT and before is not None and before != id:
            secret.stages[PREVIOUS] = before


def _make_room(call: Call, secret: Secret) -> None:
    deprecated = [id for id in secret.order if not stages_of(secret, id)]
    for id in deprecated[:max(0, len(secret.order) - limits.MAX_VERSIONS)]:
        secret.order.remove(id)
        versions.delete(call, secret.arn, id)


def _touch(call: Call, secret: Secret, version: Version) -> None:
    """Remember the day on which a value was read last; so at most one read a day writes."""
    day = call.now_ms // _DAY_MS
    if secret.accessed_day != day:
        secret.accessed_day = day
        secrets.put(call, secret.name, record=secret)
    if version.accessed_day != day:
        version.accessed_day = day
        versions.put(call, secret.arn, version.id, record=version)


def read_token(token: str | None) -> int:
    """Where a page begins."""
    if token is not None and not token.isdigit():
        raise InvalidNextTokenException
    return int(token or 0)



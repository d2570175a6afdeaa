"""Secrets: their life, their descriptions, tags and policies."""

import json
import re
import string
from typing import Any

from ...errors import ValidationException
from ...fabric import timers
from ...kernel import Call
from . import limits
from .errors import (
    InvalidParameterException,
    InvalidRequestException,
    MalformedPolicyDocumentException,
    PublicPolicyException,
    ResourceExistsException,
)
from .records import Secret, described, need, seconds, secrets, stages_of, versions
from .service import secretsmanager
from .values import add_version

_NAME = re.compile(r"[\w/+=.@!-]{1,512}", re.ASCII)
_KEY = "alias/aws/secretsmanager"
_DAY_MS = 86_400_000
Result = dict[str, Any]


@secretsmanager.operation
def create_secret(
    call: Call,
    name: str,
    client_request_token: str | None = None,
    description: str | None = None,
    kms_key_id: str | None = None,
    secret_binary: bytes | None = None,
    secret_string: str | None = None,
    tags: list[dict[str, str]] | None = None,
) -> Result:
    """Make a secret, with or without a value."""
    if not _NAME.fullmatch(name):
        raise ValidationException(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any "
            "of the following: -/_+=.@!"
        )
    _check_key(kms_key_id)
    old = secrets.get(call, name)
    if old is not None:
        return _again(call, old, client_request_token, secret_string, secret_binary)
    suffix = call.ids.text(6, string.ascii_letters + string.digits)
    secret = Secret(name, call.arn(f"secret:{name}-{suffix}", "secretsmanager"), call.now_ms, call.now_ms,
                    description, _tagged({}, tags or []))
    result: Result = {"ARN": secret.arn, "Name": name}
    if secret_string is not None or secret_binary is not None:
        result["VersionId"] = add_version(
            call, secret, client_request_token, secret_string, secret_binary, None
        ).id
    secrets.put(call, name, record=secret)
    return result


@secretsmanager.operation
def update_secret(call: Call, secret_id: str, client_request_token: str | None = None,
                  description: str | None = None, kms_key_id: str | None = None,
                  secret_binary: bytes | None = None, secret_string: str | None = None) -> Result:
    """Change a secret's description, or give it a new current value."""
    _check_key(kms_key_id)
    secret = need(call, secret_id)
    if description is not None:
        secret.description, secret.changed_ms = description, call.now_ms
    result: Result = {"ARN": secret.arn, "Name": secret.name}
    if secret_string is not None or secret_binary is not None:
        result["VersionId"] = add_version(
            call, secret, client_request_token, secret_string, secret_binary, None
        ).id
    secrets.put(call, secret.name, record=secret)
    return result


@secretsmanager.operation
def describe_secret(call: Call, secret_id: str) -> Result:
    """A secret without its value."""
    secret = need(call, secret_id, deleted=True)
    return described(secret) | {"RotationEnabled": False, "VersionIdsToStages": {
        id: stages for id in secret.order if (stages := stages_of(secret, id))}}


@secretsmanager.operation
def delete_secret(call: Call, secret_id: str, recovery_window_in_days: int | None = None,
                  force_delete_without_recovery: bool = False) -> Result:
    """Mark a secret for deletion, or delete it at once."""
    if force_delete_without_recovery and recovery_window_in_days is not None:
        raise InvalidParameterException(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
    days = limits.MAX_WINDOW if recovery_window_in_days is None else recovery_window_in_days
    if not limits.MIN_WINDOW <= days <= limits.MAX_WINDOW:
        raise InvalidParameterException(
            f"The RecoveryWindowInDays value must be between {limits.MIN_WINDOW} and "
            f"{limits.MAX_WINDOW} days (inclusive)."
        )
    secret = need(call, secret_id, deleted=force_delete_without_recovery)
    if force_delete_without_recovery:
        _remove(call, secret)
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": seconds(call.now_ms)}
    secret.deleted_ms, secret.gone_ms = call.now_ms, call.now_ms + days * _DAY_MS
    secrets.put(call, secret.name, record=secret)
    timers.schedule(call, end, at_ms=secret.gone_ms, id=secret.arn, name=secret.name, arn=secret.arn)
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": seconds(secret.gone_ms)}


@secretsmanager.operation
def restore_secret(call: Call, secret_id: str) -> Result:
    """Let a secret that was marked for deletion live on."""
    secret = need(call, secret_id, deleted=True)
    if secret.deleted_ms:
        timers.cancel(call, at_ms=secret.gone_ms, id=secret.arn)
        secret.deleted_ms = secret.gone_ms = 0
        secrets.put(call, secret.name, record=secret)
    return {"ARN": secret.arn, "Name": secret.name}


@secretsmanager.task
def end(call: Call, name: str, arn: str) -> None:
    """The recovery window of a secret has passed."""
    secret = secrets.get(call, name)
    if secret is not None and secret.arn == arn and 0 < secret.gone_ms <= call.now_ms:
        _remove(call, secret)


@secretsmanager.operation
def tag_resource(call: Call, secret_id: str, tags: list[dict[str, str]]) -> None:
    """Add tags to a secret."""
    secret = need(call, secret_id)
    secret.tags = _tagged(secret.tags, tags)
    secrets.put(call, secret.name, record=secret)


@secretsmanager.operation
def untag_resource(call: Call, secret_id: str, tag_keys: list[str]) -> None:
    """Take tags off a secret."""
    secret = need(call, secret_id)
    secret.tags = {key: value for key, value in secret.tags.items() if key not in tag_keys}
    secrets.put(call, secret.name, record=secret)


@secretsmanager.operation
def put_resource_policy(
    call: Call, secret_id: str, resource_policy: str, block_public_policy: bool = False
) -> Result:
    """Attach a policy to a secret."""
    secret = need(call, secret_id)
    document = _policy(resource_policy)
    if block_public_policy and _is_public(document):
        raise PublicPolicyException
    secret.policy = resource_policy
    secrets.put(call, secret.name, record=secret)
    return {"ARN": secret.arn, "Name": secret.name}


@secretsmanager.operation
def get_resource_policy(call: Call, secret_id: str) -> Result:
    """The policy of a secret."""
    secret = need(call, secret_id)
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        **({"ResourcePolicy": secret.policy} if secret.policy else {}),
    }


@secretsmanager.operation
def delete_resource_policy(call: Call, secret_id: str) -> Result:
    """Take the policy off a secret."""
    secret = need(call, secret_id)
    secret.policy = ""
    secrets.put(call, secret.name, record=secret)
    return {"ARN": secret.arn, "Name": secret.name}


@secretsmanager.operation
def validate_resource_policy(call: Call, resource_policy: str, secret_id: str | None = None) -> Result:
    """Whether a policy could be attached with ``BlockPublicPolicy``."""
    if secret_id is not None:
        need(call, secret_id)
    document = _policy(resource_policy)
    if _is_public(document):
        return {"PolicyValidationPassed": False, "ValidationErrors": [{
            "CheckName": "PublicPolicyCheck", "ErrorMessage": "The policy grants access to everyone."}]}
    return {"PolicyValidationPassed": True, "ValidationErrors": []}


def _again(call: Call, old: Secret, token: str | None, text: str | None, raw: bytes | None) -> Result:
    """A second CreateSecret with the same token and value is the same; any other is refused."""
    if old.deleted_ms:
        raise InvalidRequestException(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    version = versions.get(call, old.arn, token) if token else None
    if version is None or (version.text, version.raw) != (text, raw):
        raise ResourceExistsException(f"The operation failed because the secret {old.name} already exists.")
    return {"ARN": old.arn, "Name": old.name, "VersionId": version.id}


def _remove(call: Call, secret: Secret) -> None:
    if secret.gone_ms:
        timers.cancel(call, at_ms=secret.gone_ms, id=secret.arn)
    for id in secret.order:
        versions.delete(call, secret.arn, id)
    secrets.delete(call, secret.name)


def _check_key(key: str | None) -> None:
    if key not in (None, "", _KEY):
        raise InvalidParameterException(f"cloudlet has no keys but AWS's own: {_KEY}, not {key}")


def _tagged(old: dict[str, str], new: list[dict[str, str]]) -> dict[str, str]:
    if not all(tag.get("Key") for tag in new):
        raise InvalidParameterException("Every tag needs a Key.")
    if any(tag["Key"].startswith("aws:") for tag in new):
        raise InvalidParameterException("Tag keys may not begin with aws:")
    tags = {**old, **{tag["Key"]: tag.get("Value", "") for tag in new}}
    if len(tags) > limits.MAX_TAGS:
        raise InvalidParameterException(f"A secret can have no more than {limits.MAX_TAGS} tags")
    return tags


def _policy(text: str) -> Any:
    try:
        document = json.loads(text)
        statements = document["Statement"]
        if not all("Effect" in one and "Principal" in one for one in _listed(statements)):
            raise KeyError
    except (ValueError, TypeError, KeyError):
        raise MalformedPolicyDocumentException("This resource policy contains invalid Json") from None
    return document


def _is_public(document: Any) -> bool:
    everyone = ("*", {"AWS": "*"}, {"AWS": ["*"]})
    return any(one["Effect"] == "Allow" and one["Principal"] in everyone and not one.get("Condition")
               for one in _listed(document["Statement"]))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]



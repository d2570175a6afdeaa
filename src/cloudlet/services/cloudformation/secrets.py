"""What dynamic references stand for, asked of the services that know."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...errors import AwsError
from ...kernel import Conversation
from ...stacks.dynamic import DynamicReference
from .errors import ResourceFailed


async def fetch(call: Conversation, references: list[DynamicReference]) -> Mapping[str, str]:
    """The value of each reference, by its text."""
    return {reference.text: await _value(call, reference) for reference in dict.fromkeys(references)}


async def _value(call: Conversation, reference: DynamicReference) -> str:
    try:
        if reference.service in ("ssm", "ssm-secure"):
            found = await call.invoke("ssm", "GetParameter", Name=reference.rest, WithDecryption=True)
            return str(found["Parameter"]["Value"])
        if reference.service == "secretsmanager":
            return await _secret(call, reference)
    except AwsError as error:
        raise ResourceFailed(f"Could not resolve {reference.text}: {error} ({error.code})") from None
    raise ResourceFailed(f"Dynamic Reference {reference.text} is not honoured by cloudlet")


async def _secret(call: Conversation, reference: DynamicReference) -> str:
    kind, key, stage, version = reference.secret_parts
    if kind not in ("", "SecretString"):
        raise ResourceFailed(f"{reference.text}: only SecretString can be referred to")
    asked: dict[str, Any] = {"SecretId": reference.secret_id}
    asked |= {"VersionStage": stage} if stage else {}
    asked |= {"VersionId": version} if version else {}
    text = str((await call.invoke("secretsmanager", "GetSecretValue", **asked)).get("SecretString", ""))
    if not key:
        return text
    try:
        return str(msgspec.json.decode(text, type=dict[str, Any])[key])
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError):
        raise ResourceFailed(
            f"Could not find a value associated with JSONKey in SecretString ({reference.text})"
        ) from None

"""What is kept of a secret: what it is, and each of its versions.

Values lie in the store as they are: it is the permissions of the data folder that protect them.
"""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from .errors import InvalidRequestException, ResourceNotFoundException

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
_SUFFIX = 7  # a hyphen and six characters at the end of an ARN
_MARKED = "You can't perform this operation on the secret because it was marked for deletion."


class Secret(msgspec.Struct):
    """A secret. ``stages`` says which version each staging label names, ``order`` how versions came."""

    name: str
    arn: str
    created_ms: int
    changed_ms: int
    description: str | None = None
    tags: dict[str, str] = {}
    stages: dict[str, str] = {}
    order: list[str] = []
    accessed_day: int = 0
    deleted_ms: int = 0  # 0: it is not
    gone_ms: int = 0  # when a deleted secret can't be restored any more
    policy: str = ""


class Version(msgspec.Struct):
    """A version's value."""

    id: str
    created_ms: int
    text: str | None = None
    raw: bytes | None = None
    accessed_day: int = 0


secrets = Table("secretsmanager.secrets", Secret)
versions = Table("secretsmanager.versions", Version)  # by the secret's ARN and the version's id


def find(call: Call, id: str) -> Secret | None:
    """The secret of that name, ARN, or ARN without its six random characters."""
    if not id.startswith("arn:"):
        return secrets.get(call, id)
    name = id.partition(":secret:")[2]
    whole = secrets.get(call, name[:-_SUFFIX]) if len(name) > _SUFFIX else None
    if whole is not None and whole.arn == id:
        return whole
    partial = secrets.get(call, name)
    return partial if partial is not None and partial.arn[:-_SUFFIX] == id else None


def need(call: Call, id: str, *, deleted: bool = False) -> Secret:
    """The secret of that name or ARN; one that is marked for deletion only if ``deleted``."""
    secret = find(call, id)
    if secret is None:
        raise ResourceNotFoundException
    if secret.deleted_ms and not deleted:
        raise InvalidRequestException(_MARKED)
    return secret


def stages_of(secret: Secret, version: str) -> list[str]:
    """The staging labels of a version."""
    return [stage for stage, id in secret.stages.items() if id == version]


def seconds(moment_ms: int) -> float:
    """A moment as results show it."""
    return moment_ms / 1000


def described(secret: Secret) -> dict[str, Any]:
    """What lists and descriptions of a secret have in common."""
    found: dict[str, Any] = {
        "ARN": secret.arn, "Name": secret.name, "LastChangedDate": seconds(secret.changed_ms),
        "CreatedDate": seconds(secret.created_ms),
        "Tags": [{"Key": key, "Value": value} for key, value in secret.tags.items()]}
    if secret.description is not None:
        found["Description"] = secret.description
    if secret.accessed_day:
        found["LastAccessedDate"] = secret.accessed_day * 86_400
    if secret.deleted_ms:
        found["DeletedDate"] = seconds(secret.gone_ms)
    return found

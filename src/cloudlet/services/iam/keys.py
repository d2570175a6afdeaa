"""Access keys: at most two a user, each with a secret that is told once."""

from typing import Any

from ...arn import Arn
from ...errors import ValidationError
from ...identity import Principal
from ...kernel import Call, credentials
from . import limits, paging
from .entities import find
from .errors import LimitExceededException, NoSuchEntityException
from .records import AccessKey, User, access_keys, arn_of, identifier, key_of, save, users
from .service import iam


@iam.operation
def create_access_key(call: Call, user_name: str | None = None) -> dict[str, Any]:
    """Make an access key; its secret is told now and never again."""
    user = find(call, users, user_name or own_name(call))
    if len(user.keys) >= limits.ACCESS_KEYS_PER_USER:
        raise LimitExceededException(
            f"Cannot exceed quota for AccessKeysPerUser: {limits.ACCESS_KEYS_PER_USER}")
    key = AccessKey("AKIA" + identifier(call.ids, call.account), key_of(user.name), call.now_ms // 1000)
    secret = call.ids.text(40, credentials.SECRET)
    access_keys.put(call, key.id, record=key)
    user.keys.append(key.id)
    save(call, user)
    credentials.save(call, credentials.Credential(key.id, secret, _principal(call, user, key.id)))
    return {"AccessKey": {**_show(user, key), "SecretAccessKey": secret}}


@iam.operation
def list_access_keys(call: Call, user_name: str | None = None, marker: str | None = None,
                     max_items: int | None = None) -> dict[str, Any]:
    """A user's access keys, without their secrets."""
    user = find(call, users, user_name or own_name(call))
    items = [(id, _find(call, user, id)) for id in user.keys]
    found, rest = paging.page(paging.listed(items), marker, max_items, lambda key: _show(user, key))
    return {"AccessKeyMetadata": found, **rest}


@iam.operation
def update_access_key(call: Call, access_key_id: str, status: str, user_name: str | None = None) -> None:
    """Switch an access key on or off."""
    user = find(call, users, user_name or own_name(call))
    key = _find(call, user, access_key_id)
    key.active = status == "Active"
    access_keys.put(call, key.id, record=key)
    credential = credentials.get(call, key.id)
    if credential:
        credential.active = key.active
        credentials.save(call, credential)


@iam.operation
def delete_access_key(call: Call, access_key_id: str, user_name: str | None = None) -> None:
    """Remove a user's access key."""
    user = find(call, users, user_name or own_name(call))
    key = _find(call, user, access_key_id)
    access_keys.delete(call, key.id)
    user.keys.remove(key.id)
    save(call, user)
    credentials.forget(call, key.id)


@iam.operation
def get_access_key_last_used(call: Call, access_key_id: str) -> dict[str, Any]:
    """When and for what an access key last signed a request, to the minute."""
    key = access_keys.get(call, access_key_id)
    user = users.get(call, key.user) if key else None
    if key is None or user is None:
        raise NoSuchEntityException(f"The Access Key with id {access_key_id} cannot be found.")
    use = credentials.last_use(call, key.id)
    said = {"LastUsedDate": use.at_ms // 1000, "Region": use.region, "ServiceName": use.service} if use else {
        "Region": "N/A", "ServiceName": "N/A"}
    return {"UserName": user.name, "AccessKeyLastUsed": said}


def rename(call: Call, id: str, user: User) -> None:
    """Let the key stand for its user under the name and ARN it has now."""
    key, credential = access_keys.get(call, id), credentials.get(call, id)
    if key and credential:
        key.user = key_of(user.name)
        access_keys.put(call, id, record=key)
        credential.principal = _principal(call, user, id)
        credentials.save(call, credential)


def own_name(call: Call) -> str:
    """The name of the user who asks; where somebody else asks, it must be given."""
    if call.principal.kind != "user":
        raise ValidationError("Must specify userName when calling with non-User credentials")
    return Arn.parse(call.principal.arn).resource.rpartition("/")[2]


def _principal(call: Call, user: User, id: str) -> Principal:
    return Principal(call.account, arn_of(call, user), "user", user.id, id)


def _find(call: Call, user: User, id: str) -> AccessKey:
    key = access_keys.get(call, id)
    if key is None or key.user != key_of(user.name):
        raise NoSuchEntityException(f"The Access Key with id {id} cannot be found.")
    return key


def _show(user: User, key: AccessKey) -> dict[str, Any]:
    return {"UserName": user.name, "AccessKeyId": key.id, "Status": "Active" if key.active else "Inactive",
            "CreateDate": key.created_s}

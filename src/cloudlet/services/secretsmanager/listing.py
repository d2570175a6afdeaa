"""Many secrets at once: lists with filters, and values in batches."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ...errors import AwsError
from ...kernel import Call
from . import limits
from .errors import InvalidParameterException
from .records import Secret, described, secrets
from .service import secretsmanager
from .values import get_secret_value, read_token

Filter = dict[str, Any]
Result = dict[str, Any]


@secretsmanager.operation
def list_secrets(call: Call, include_planned_deletion: bool = False, max_results: int = limits.MAX_PAGE,
                 next_token: str | None = None, filters: list[Filter] | None = None,
                 sort_order: str = "desc", sort_by: str = "created-date") -> Result:
    """Secrets that pass all filters, the newest first."""
    key: Callable[[Secret], Any] = {
        "created-date": lambda one: (one.created_ms, one.name), "name": lambda one: one.name,
        "last-changed-date": lambda one: (one.changed_ms, one.name),
        "last-accessed-date": lambda one: (one.accessed_day, one.name)}[sort_by]
    found = [one for one in _passing(call, filters) if include_planned_deletion or not one.deleted_ms]
    found.sort(key=key, reverse=sort_order == "desc")
    start = read_token(next_token)
    stop = start + max_results
    return {"SecretList": [_listed(one) for one in found[start:stop]],
            **({"NextToken": str(stop)} if stop < len(found) else {})}


@secretsmanager.operation
def batch_get_secret_value(call: Call, secret_id_list: list[str] | None = None,
                           filters: list[Filter] | None = None, max_results: int = limits.MAX_BATCH,
                           next_token: str | None = None) -> Result:
    """The current values of several secrets; those that can't be had are named."""
    if (secret_id_list is None) == (filters is None):
        raise InvalidParameterException("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    start, more = read_token(next_token), {}
    ids = list(secret_id_list or [])
    if filters is not None:
        matching = [one.name for one in _passing(call, filters) if not one.deleted_ms]
        ids = matching[start:start + max_results]
        more = {"NextToken": str(start + max_results)} if start + max_results < len(matching) else {}
    values, errors = list[Result](), list[Result]()
    for id in ids:
        try:
            values.append(get_secret_value(call, id))
        except AwsError as error:
            errors.append({"SecretId": id, "ErrorCode": error.code, "Message": str(error)})
    return {"SecretValues": values, "Errors": errors, **more}


def _listed(secret: Secret) -> Result:
    stages: dict[str, list[str]] = {}
    for stage, id in secret.stages.items():
        stages.setdefault(id, []).append(stage)
    return described(secret) | {"SecretVersionsToStages": stages}


def _passing(call: Call, filters: list[Filter] | None) -> Iterator[Secret]:
    return (one for _, one in secrets.items(call)
            if all(_passes(one, each.get("Key", "all"), each.get("Values", [])) for each in filters or ()))


def _passes(secret: Secret, key: str, values: list[str]) -> bool:
    """Whether one of a filter's values fits; a value that begins with ``!`` must not."""
    wanted = [value for value in values if not value.startswith("!")]
    unwanted = [value[1:] for value in values if value.startswith("!")]
    if any(_fits(secret, key, value) for value in unwanted):
        return False
    return not wanted or any(_fits(secret, key, value) for value in wanted)


def _fits(secret: Secret, key: str, value: str) -> bool:
    if key == "name":
        return secret.name.startswith(value)
    if key == "description":
        return _words(secret.description or "", value)
    if key == "tag-key":
        return any(tag.startswith(value) for tag in secret.tags)
    if key == "tag-value":
        return any(tag.startswith(value) for tag in secret.tags.values())
    if key == "primary-region":
        return secret.arn.split(":")[3].startswith(value)
    if key == "all":
        texts = [secret.name, secret.description or "", *secret.tags, *secret.tags.values()]
        return any(_words(text, value) for text in texts)
    return False  # nothing here is owned by another service


def _words(text: str, value: str) -> bool:
    """Whether words of ``text`` begin with each word of ``value``; case does not count."""
    words = re.split(r"[\s/_+=.@!-]+", text.lower())
    return all(
        any(word.startswith(part) for word in words) for part in re.split(r"[\s/_+=.@!-]+", value.lower())
    )

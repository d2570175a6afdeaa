"""Versions: numbered ones never change; ``$LATEST`` does."""

from typing import Any

import msgspec

from ...fabric import leftovers
from ...kernel import Call
from ...store import Blobs
from . import account
from .errors import InvalidParameterValueException, PreconditionFailedException
from .records import (
    LATEST,
    Version,
    arn_of,
    configuration,
    function,
    functions,
    listed,
    name_of,
    offset_of,
    version,
    versions,
)
from .service import lambda_
from .snapstart import begin

Config = dict[str, Any]


@lambda_.operation
def publish_version(call: Call, function_name: str, code_sha256: str | None = None, description: str = "",
                    revision_id: str | None = None) -> Config:
    """Make a numbered version of ``$LATEST``; the last one again, if nothing has changed since."""
    record = version(call, name_of(call, function_name).name)
    expect(record, revision_id)
    if code_sha256 and code_sha256 != record.code_sha256:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST "
            f"({record.code_sha256}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    return configuration(call, published(call, record, description))


@lambda_.operation
def list_versions_by_function(call: Call, function_name: str, marker: str | None = None,
                              max_items: int = 50) -> Config:
    """The versions of a function, ``$LATEST`` first."""
    name = name_of(call, function_name).name
    function(call, name)
    records = sorted(
        (r for _, r in versions.items(call, name)), key=lambda r: int(r.version) if r.version != LATEST else 0
    )
    start, limit = offset_of(marker), min(max_items, 50)
    page = records[start : start + limit]
    found: Config = {"Versions": [listed(call, record, qualifier=record.version) for record in page]}
    if start + limit < len(records):
        found["NextMarker"] = str(start + limit)
    return found


def expect(record: Version, revision: str | None) -> None:
    """The revision that a request counts on must be the present one."""
    if revision and revision != record.revision:
        raise PreconditionFailedException


def save(call: Call, record: Version) -> None:
    """Keep a version, and its package."""
    owner = arn_of(call, record.name, record.version)
    before = versions.get(call, record.name, record.version)
    if before and before.blob and before.blob != record.blob:
        leftovers.release(call, before.blob, owner)
    if record.blob:
        call.use(Blobs).refer(call, record.blob, owner)
    account.count(call, code_size=record.code_size - (before.code_size if before else 0))
    versions.put(call, record.name, record.version, record=record)


def drop(call: Call, record: Version) -> None:
    """Keep a version no longer, nor its package."""
    if record.blob:
        leftovers.release(call, record.blob, arn_of(call, record.name, record.version))
    account.count(call, code_size=-record.code_size)
    versions.delete(call, record.name, record.version)


def published(call: Call, latest: Version, description: str) -> Version:
    """``latest`` as a numbered version; the last one again, if it is the same."""
    whole = function(call, latest.name)
    last = versions.get(call, latest.name, str(whole.next_version - 1))
    if last and _essence(last, last.published_as) == _essence(latest, latest.description):
        return last
    number = str(whole.next_version)
    record = msgspec.structs.replace(latest, version=number, description=description or latest.description,
                                     revision=call.ids.uuid(), modified_ms=call.now_ms,
                                     published_as=latest.description)
    save(call, begin(call, record))
    whole.next_version += 1
    functions.put(call, whole.name, record=whole)
    renew(call, latest)
    return record


def renew(call: Call, record: Version) -> None:
    """Give a version another revision: something about it has changed."""
    record.revision = call.ids.uuid()
    versions.put(call, record.name, record.version, record=record)


def _essence(record: Version, description: str) -> Version:
    """What makes a version another one; its own description does not, but that of ``$LATEST`` does."""
    return msgspec.structs.replace(record, version="", revision="", modified_ms=0, published_as="",
                                   description=description, state="Active", state_reason=("", ""))

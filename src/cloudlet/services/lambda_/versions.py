"""Versions: numbered ones never change; ``$LATEST`` does."""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Blobs
from .errors import InvalidParameterValueException, PreconditionFailedException
from .records import (
    LATEST,
    Version,
    arn_of,
    configuration,
    function,
    functions,
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
    start = offset_of(marker)
    page = records[start : start + max_items]
    found: Config = {"Versions": [configuration(call, record, qualified=True) for record in page]}
    if start + max_items < len(records):
        found["NextMarker"] = str(start + max_items)
    return found


def expect(record: Version, revision: str | None) -> None:
    """The revision that a request counts on must be the present one."""
    if revision and revision != record.revision:
        raise PreconditionFailedException(Type="User")


def save(call: Call, record: Version) -> None:
    """Keep a version, and its package."""
    if record.blob:
        call.use(Blobs).refer(call, record.blob, arn_of(call, record.name, record.version))
    versions.put(call, record.name, record.version, record=record)


def published(call: Call, latest: Version, description: str) -> Version:
    """``latest`` as a numbered version; the last one again, if it is the same."""
    whole = function(call, latest.name)
    last = versions.get(call, latest.name, str(whole.next_version - 1))
    if last and _essence(last) == _essence(latest):
        return last
    number = str(whole.next_version)
    record = msgspec.structs.replace(latest, version=number, description=description or latest.description,
                                     revision=call.ids.uuid(), modified_ms=call.now_ms)
    save(call, begin(call, record))
    whole.next_version += 1
    functions.put(call, whole.name, record=whole)
    return record


def _essence(record: Version) -> Version:
    """What makes a version another one."""
    return msgspec.structs.replace(record, version="", revision="", modified_ms=0, description="",
                                   state="Active", state_reason=("", ""))

"""What Lambda keeps: functions, and a record for each of their versions."""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from ...errors import AccessDeniedException
from ...kernel import Call, Conversation
from ...store import Table
from .errors import InvalidParameterValueException, ResourceNotFoundException

LATEST = "$LATEST"
_NAME = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:)?(?:(?P<region>[a-z]{2}(?:-gov)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9-_]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


class Function(msgspec.Struct):
    """A function as a whole."""

    name: str
    created_ms: int
    next_version: int = 1
    tags: dict[str, str] = {}
    reserved: int | None = None  # concurrency
    recursive: bool = False  # it may call itself without end


class Mounted(msgspec.Struct, frozen=True):
    """A layer as a function has it, also after the layer has been deleted."""

    arn: str
    folder: str
    size: int
    unzipped: int = 0


class Version(msgspec.Struct):
    """Code and configuration; ``$LATEST`` can change, numbered versions never do."""

    name: str
    version: str
    role: str
    runtime: str
    handler: str
    code: str  # a folder on this machine
    code_sha256: str
    code_size: int
    modified_ms: int
    revision: str
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    tmp_mb: int = 512
    environment: dict[str, str] = {}
    layers: list[Mounted] = []
    architectures: list[str] = []
    dead_letter: str = ""
    logging: dict[str, str] = {}
    watched: bool = False  # the folder is somebody's working copy
    dependencies: str = ""  # a folder of packages besides
    blob: str = ""  # the package as it was uploaded
    snap_start: str = "None"
    state: str = "Active"
    state_reason: tuple[str, str] = ("", "")  # code and text, when it is not active
    durable: dict[str, int] = {}  # its DurableConfig; empty if it is not durable
    build: str = ""  # changes with whatever workers are made from; the revision, with more than that
    unzipped: int = 0  # bytes of the code
    tracing: str = "PassThrough"
    published_as: str = ""  # of a numbered version: what $LATEST described itself as


class Alias(msgspec.Struct):
    """A name for a version, or for two with a weight on the second."""

    name: str
    version: str
    revision: str
    description: str = ""
    weights: dict[str, float] = {}


functions = Table("lambda.functions", Function)
versions = Table("lambda.versions", Version)
aliases = Table("lambda.aliases", Alias)


class Name(NamedTuple):
    """A function as requests name it."""

    name: str
    qualifier: str
    account: str
    region: str


def name_of(call: Call | Conversation, text: str, qualifier: str | None = None, *,
            foreign: bool = False) -> Name:
    """Read a name, a partial or a whole ARN; a qualifier in the name must agree with the one beside it.

    ``foreign``: the function may be another account's.
    """
    match = _NAME.fullmatch(text)
    if not match:
        raise InvalidParameterValueException(f"Invalid function name or ARN: {text}")
    own = match["qualifier"]
    if own and qualifier and own != qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier.")
    region, account = match["region"] or call.region, match["account"] or call.account
    if region != call.region:
        raise ResourceNotFoundException(
            f"Functions from '{region}' are not reachable in this region ('{call.region}')")
    if account != call.account and not foreign:
        raise AccessDeniedException(
            f"{call.principal.arn} is of account {call.account}: it can't do this with {text}.")
    return Name(match["name"], qualifier or own or "", account, region)


def whole_name_of(call: Call | Conversation, text: str) -> str:
    """The name of a function as a whole; a qualifier is refused."""
    name = name_of(call, text)
    if name.qualifier:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
            "operation. Please specify either a function name or an unqualified function ARN.")
    return name.name


def offset_of(marker: str | None) -> int:
    """Where a page begins; a marker is the number of what came before it."""
    if marker and not (marker.isascii() and marker.isdigit() and len(marker) < 10):
        raise InvalidParameterValueException(f"The marker {marker} is not one that this operation gave.")
    return int(marker or 0)


def arn_of(call: Call | Conversation, name: str, qualifier: str = "") -> str:
    """The ARN of a function, a version or an alias."""
    return call.arn(f"function:{name}:{qualifier}" if qualifier else f"function:{name}")


def function(call: Call, name: str) -> Function:
    """The function, or the error AWS gives."""
    found = functions.get(call, name)
    if found is None:
        raise ResourceNotFoundException(f"Function not found: {arn_of(call, name)}")
    return found


def version(call: Call, name: str, qualifier: str = "") -> Version:
    """The version that a qualifier names (an alias names its main one), or the error AWS gives."""
    alias = aliases.get(call, name, qualifier) if qualifier and qualifier != LATEST else None
    found = versions.get(call, name, alias.version if alias else qualifier or LATEST)
    if found is None:
        raise ResourceNotFoundException(f"Function not found: {arn_of(call, name, qualifier)}")
    return found


def configuration(call: Call | Conversation, record: Version, *, qualifier: str = "") -> dict[str, Any]:
    """A version as ``GetFunctionConfiguration`` shows it; ``qualifier`` is what it was asked for by.

    It is active, because its code was unpacked before it was stored, unless a snapshot of it is being taken.
    """
    state: dict[str, Any] = {"State": record.state, "LastUpdateStatus": "Successful"}
    if record.state != "Active":
        state["StateReasonCode"], state["StateReason"] = record.state_reason
    return listed(call, record, qualifier=qualifier) | state


def listed(call: Call | Conversation, record: Version, *, qualifier: str = "") -> dict[str, Any]:
    """A version as lists show it: without its state."""
    latest = record.version == LATEST
    optimised = not latest and record.snap_start != "None"
    found: dict[str, Any] = {
        "FunctionName": record.name,
        "FunctionArn": arn_of(call, record.name, qualifier or ("" if latest else record.version)),
        "Runtime": record.runtime,
        "Role": record.role,
        "Handler": record.handler,
        "CodeSize": record.code_size,
        "Description": record.description,
        "Timeout": record.timeout_s,
        "MemorySize": record.memory_mb,
        "LastModified": stamp(record.modified_ms),
        "CodeSha256": record.code_sha256,
        "Version": record.version,
        "TracingConfig": {"Mode": record.tracing},
        "RevisionId": record.revision,
        "PackageType": "Zip",
        "Architectures": record.architectures,
        "EphemeralStorage": {"Size": record.tmp_mb},
        "SnapStart": {"ApplyOn": record.snap_start, "OptimizationStatus": "On" if optimised else "Off"},
        "LoggingConfig": logging_of(record),
    }
    if record.environment:
        found["Environment"] = {"Variables": record.environment}
    if record.layers:
        found["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.size} for layer in record.layers]
    if record.durable:
        found["DurableConfig"] = record.durable
    if record.dead_letter:
        found["DeadLetterConfig"] = {"TargetArn": record.dead_letter}
    return found


def logging_of(record: Version) -> dict[str, str]:
    """How a version logs, with what holds where nothing was said; levels are of JSON logs only."""
    found = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{record.name}"} | record.logging
    if found["LogFormat"] == "JSON":
        return {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} | found
    return found


def stamp(ms: int) -> str:
    """``2026-01-02T03:04:05.678+0000``, Lambda's own way to say a moment."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}+0000"

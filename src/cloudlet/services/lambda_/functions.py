"""Functions: created, changed, published, listed and deleted."""

import re
from functools import partial
from typing import Any

import msgspec

from ...functions import Pool
from ...kernel import Call, Conversation
from ...store import Blobs
from . import code as packages
from .errors import InvalidParameterValueException, PreconditionFailedException, ResourceConflictException
from .layers import folder_of
from .limits import ENVIRONMENT, LAYERS, MEMORY_MB, TIMEOUT_S
from .records import (
    LATEST,
    Function,
    Version,
    aliases,
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

_RESERVED = re.compile(
    r"(_HANDLER|_X_AMZN_TRACE_ID|AWS_(REGION|DEFAULT_REGION|EXECUTION_ENV|LAMBDA_\w+|ACCESS_KEY|"
    r"ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(TASK_ROOT|RUNTIME_DIR))"
)
_UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided"
)
Config = dict[str, Any]


@lambda_.operation
async def create_function(
        call: Conversation, function_name: str, role: str, code: Config, runtime: str | None = None,
        handler: str | None = None, description: str = "", timeout: int = 3, memory_size: int = 128,
        publish: bool = False, package_type: str = "Zip", dead_letter_config: Config | None = None,
        environment: Config | None = None, tags: dict[str, str] | None = None,
        layers: list[str] | None = None, architectures: list[str] | None = None,
        ephemeral_storage: Config | None = None, snap_start: Config | None = None,
        logging_config: Config | None = None, vpc_config: Config | None = None) -> Config:
    """Create a function."""
    name = name_of(call, function_name).name
    if package_type != "Zip":
        raise InvalidParameterValueException(
            "cloudlet runs functions without containers: PackageType must be Zip."
        )
    if not runtime or not handler:
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    _check(call, runtime, snap_start, vpc_config, environment)
    _check_size(timeout, memory_size)
    await _check_layers(call, layers)
    await call.transact(lambda inner: _absent(inner, name))
    package = await packages.fetch(call, code)
    record = Version(
        name, LATEST, role, runtime, handler, package.folder, package.sha256, package.size, call.now_ms,
        call.ids.uuid(), description, timeout, memory_size, (ephemeral_storage or {}).get("Size", 512),
        (environment or {}).get("Variables", {}), layers or [], architectures or ["x86_64"],
        (dead_letter_config or {}).get("TargetArn", ""), logging_config or {}, package.watched,
        package.dependencies, package.blob)

    def create(inner: Call) -> Config:
        _absent(inner, name)
        functions.put(inner, name, record=Function(name, inner.now_ms, tags=tags or {}))
        _save(inner, record)
        return configuration(inner, _publish(inner, record, "")) if publish else configuration(inner, record)

    created = await call.transact(create)
    await call.use(Pool).warm(runtime)
    return created


@lambda_.operation
async def update_function_code(
        call: Conversation, function_name: str, zip_file: bytes | None = None, s3_bucket: str | None = None,
        s3_key: str | None = None, s3_object_version: str | None = None, image_uri: str | None = None,
        architectures: list[str] | None = None, publish: bool = False, dry_run: bool = False,
        revision_id: str | None = None) -> Config:
    """Give ``$LATEST`` other code; its workers are retired."""
    name = name_of(call, function_name).name
    await call.transact(lambda inner: _expect(version(inner, name), revision_id))
    package = await packages.fetch(call, {"ZipFile": zip_file, "S3Bucket": s3_bucket, "S3Key": s3_key,
                                          "S3ObjectVersion": s3_object_version, "ImageUri": image_uri})

    def change(inner: Call) -> Config:
        record = version(inner, name)
        _expect(record, revision_id)
        record.code, record.code_sha256, record.code_size = package.folder, package.sha256, package.size
        record.watched, record.blob, record.dependencies = package.watched, package.blob, package.dependencies
        record.architectures = architectures or record.architectures
        if dry_run:
            return configuration(inner, record)
        _touch(inner, record)
        return configuration(inner, _publish(inner, record, "")) if publish else configuration(inner, record)

    changed = await call.transact(change)
    _retire(call, name)
    return changed


@lambda_.operation
async def update_function_configuration(
    call: Conversation,
    function_name: str,
    role: str | None = None,
    handler: str | None = None,
    description: str | None = None,
    timeout: int | None = None,
    memory_size: int | None = None,
    environment: Config | None = None,
    runtime: str | None = None,
    dead_letter_config: Config | None = None,
    revision_id: str | None = None,
    layers: list[str] | None = None,
    ephemeral_storage: Config | None = None,
    snap_start: Config | None = None,
    logging_config: Config | None = None,
    vpc_config: Config | None = None,
) -> Config:
    """Change the configuration of ``$LATEST``; its workers are retired."""
    name = name_of(call, function_name).name
    _check(call, runtime, snap_start, vpc_config, environment)
    _check_size(timeout, memory_size)
    await _check_layers(call, layers)
    changes: Config = {
        "role": role,
        "handler": handler,
        "description": description,
        "timeout_s": timeout,
        "memory_mb": memory_size,
        "environment": environment.get("Variables", {}) if environment is not None else None,
        "runtime": runtime,
        "dead_letter": dead_letter_config.get("TargetArn", "") if dead_letter_config is not None else None,
        "layers": layers,
        "tmp_mb": ephemeral_storage["Size"] if ephemeral_storage else None,
        "logging": logging_config,
    }

    def change(inner: Call) -> Config:
        record = version(inner, name)
        _expect(record, revision_id)
        record = msgspec.structs.replace(
            record, **{key: value for key, value in changes.items() if value is not None}
        )
        _touch(inner, record)
        return configuration(inner, record)

    changed = await call.transact(change)
    _retire(call, name)
    return changed


@lambda_.operation
def get_function(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """A function, its tags and where its code can be had."""
    name = name_of(call, function_name, qualifier)
    record, whole = version(call, name.name, name.qualifier), function(call, name.name)
    location = packages.location_of(call, record.blob, record.code)
    found: Config = {"Configuration": configuration(call, record, qualified=bool(name.qualifier)),
                     "Code": {"RepositoryType": "S3", "Location": location}}
    if whole.tags:
        found["Tags"] = whole.tags
    if whole.reserved is not None:
        found["Concurrency"] = {"ReservedConcurrentExecutions": whole.reserved}
    return found


@lambda_.operation
def get_function_configuration(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """The configuration of a version."""
    name = name_of(call, function_name, qualifier)
    return configuration(call, version(call, name.name, name.qualifier), qualified=bool(name.qualifier))


@lambda_.operation
def list_functions(call: Call, function_version: str | None = None, marker: str | None = None,
                   max_items: int = 50) -> Config:
    """The functions, by name; with ``ALL``, every version."""
    limit = min(max_items, 50)
    after = tuple(marker.split(":")) if marker else None
    found: list[Version] = []
    for _, record in versions.items(call, after=after):
        if function_version != "ALL" and record.version != LATEST:
            continue
        if len(found) == limit:
            last = found[-1]
            return {"Functions": [configuration(call, r, qualified=function_version == "ALL") for r in found],
                    "NextMarker": f"{last.name}:{last.version}"}
        found.append(record)
    return {"Functions": [configuration(call, r, qualified=function_version == "ALL") for r in found]}


@lambda_.operation
async def delete_function(call: Conversation, function_name: str, qualifier: str | None = None) -> None:
    """Delete a function with all its versions, or one version of it."""
    name = name_of(call, function_name, qualifier)
    if name.qualifier == LATEST:
        raise InvalidParameterValueException(
            "$LATEST version cannot be deleted without deleting the function."
        )

    def delete(inner: Call) -> None:
        version(inner, name.name, name.qualifier)
        if name.qualifier:
            if any(alias.version == name.qualifier for _, alias in aliases.items(inner, name.name)):
                raise ResourceConflictException(
                    "Unable to delete version because the following aliases reference it"
                )
            _drop(inner, version(inner, name.name, name.qualifier))
            return
        for _, record in list(versions.items(inner, name.name)):
            _drop(inner, record)
        for key, _ in list(aliases.items(inner, name.name)):
            aliases.delete(inner, *key)
        functions.delete(inner, name.name)

    await call.transact(delete)
    _retire(call, name.name)


@lambda_.operation
def publish_version(call: Call, function_name: str, code_sha256: str | None = None, description: str = "",
                    revision_id: str | None = None) -> Config:
    """Make a numbered version of ``$LATEST``; the last one again, if nothing has changed since."""
    record = version(call, name_of(call, function_name).name)
    _expect(record, revision_id)
    if code_sha256 and code_sha256 != record.code_sha256:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST "
            f"({record.code_sha256}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    return configuration(call, _publish(call, record, description))


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


@lambda_.operation
def list_tags(call: Call, resource: str) -> Config:
    """The tags of a function."""
    return {"Tags": function(call, name_of(call, resource).name).tags}


@lambda_.operation
def tag_resource(call: Call, resource: str, tags: dict[str, str]) -> None:
    """Add tags to a function."""
    whole = function(call, name_of(call, resource).name)
    whole.tags |= tags
    functions.put(call, whole.name, record=whole)


@lambda_.operation
def untag_resource(call: Call, resource: str, tag_keys: list[str]) -> None:
    """Remove tags from a function."""
    whole = function(call, name_of(call, resource).name)
    whole.tags = {key: value for key, value in whole.tags.items() if key not in tag_keys}
    functions.put(call, whole.name, record=whole)


def _check(call: Conversation, runtime: str | None, snap_start: Config | None, vpc_config: Config | None,
           environment: Config | None) -> None:
    """What the model's constraints don't say."""
    if runtime:
        call.use(Pool).runtimes.serving(runtime)
    if (snap_start or {}).get("ApplyOn", "None") != "None":
        raise InvalidParameterValueException(
            "cloudlet does not snapshot initialised functions: SnapStart.ApplyOn must be None.")
    if (vpc_config or {}).get("SubnetIds") or (vpc_config or {}).get("SecurityGroupIds"):
        raise InvalidParameterValueException("There are no VPCs here: leave VpcConfig out.")
    variables = (environment or {}).get("Variables", {})
    for key in variables:
        if _RESERVED.fullmatch(key):
            raise InvalidParameterValueException(
                f"{_UNABLE} contains reserved keys that are currently not supported for modification. "
                f"Reserved keys used in this request: {key}")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in variables.items())
    if size > ENVIRONMENT:
        raise InvalidParameterValueException(
            f"{_UNABLE} exceeded the {ENVIRONMENT // 1024}KB limit. "
            f"String measured: {msgspec.json.encode(variables).decode()[:200]}")


def _check_size(timeout: int | None, memory_size: int | None) -> None:
    """Quotas that have been raised for some kinds of functions, and so are not in the model any more."""
    for value, name, most in ((timeout, "timeout", TIMEOUT_S), (memory_size, "memorySize", MEMORY_MB)):
        if value is not None and value > most:
            raise InvalidParameterValueException(
                f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
                f"Member must have value less than or equal to {most}")


async def _check_layers(call: Conversation, layers: list[str] | None) -> None:
    """Layers must be there, and not too many."""
    if layers and len(layers) > LAYERS:
        raise InvalidParameterValueException(f"Cannot reference more than {LAYERS} layers.")
    for arn in layers or ():
        await call.transact(partial(folder_of, arn=arn))


def _absent(call: Call, name: str) -> None:
    if functions.get(call, name) is not None:
        raise ResourceConflictException(f"Function already exist: {name}", Type="User")


def _expect(record: Version, revision: str | None) -> None:
    if revision and revision != record.revision:
        raise PreconditionFailedException(Type="User")


def _touch(call: Call, record: Version) -> None:
    """Save ``$LATEST`` as changed now."""
    record.modified_ms, record.revision = call.now_ms, call.ids.uuid()
    _save(call, record)


def _save(call: Call, record: Version) -> None:
    if record.blob:
        call.use(Blobs).refer(call, record.blob, arn_of(call, record.name, record.version))
    versions.put(call, record.name, record.version, record=record)


def _drop(call: Call, record: Version) -> None:
    if record.blob:
        call.use(Blobs).release(call, record.blob, arn_of(call, record.name, record.version))
    versions.delete(call, record.name, record.version)


def _publish(call: Call, latest: Version, description: str) -> Version:
    whole = function(call, latest.name)
    last = versions.get(call, latest.name, str(whole.next_version - 1))
    if last and _essence(last) == _essence(latest):
        return last
    number = str(whole.next_version)
    record = msgspec.structs.replace(latest, version=number, description=description or latest.description,
                                     revision=call.ids.uuid(), modified_ms=call.now_ms)
    _save(call, record)
    whole.next_version += 1
    functions.put(call, whole.name, record=whole)
    return record


def _essence(record: Version) -> Version:
    """What makes a version another one."""
    return msgspec.structs.replace(record, version="", revision="", modified_ms=0, description="")


def _retire(call: Conversation, name: str) -> None:
    prefix = arn_of(call, name)
    call.use(Pool).retire(lambda spec: spec.arn == prefix or spec.arn.startswith(prefix + ":"))



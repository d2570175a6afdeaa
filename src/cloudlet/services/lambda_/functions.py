"""Functions: created, changed, published, listed and deleted."""

from typing import Any

import msgspec

from ...functions import Pool
from ...kernel import Call, Conversation
from ...store import Blobs
from . import code as packages
from . import permissions, urls
from .checks import check, check_layers, check_size
from .concurrency import recount
from .durable.settings import altered, enabled
from .errors import InvalidParameterValueException, ResourceConflictException
from .limits import TMP_MB
from .provisioned import drop as drop_provisioned
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
    version,
    versions,
)
from .service import lambda_
from .snapstart import check_snap_start
from .versions import expect, published, save

Config = dict[str, Any]


@lambda_.operation
async def create_function(
        call: Conversation, function_name: str, role: str, code: Config, runtime: str | None = None,
        handler: str | None = None, description: str = "", timeout: int = 3, memory_size: int = 128,
        publish: bool = False, package_type: str = "Zip", dead_letter_config: Config | None = None,
        environment: Config | None = None, tags: dict[str, str] | None = None,
        layers: list[str] | None = None, architectures: list[str] | None = None,
        ephemeral_storage: Config | None = None, snap_start: Config | None = None,
        logging_config: Config | None = None, vpc_config: Config | None = None,
        durable_config: Config | None = None) -> Config:
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
    check(call, runtime, vpc_config, environment)
    check_size(timeout, memory_size)
    apply_on, tmp_mb = _apply_on(snap_start), (ephemeral_storage or {}).get("Size", TMP_MB)
    check_snap_start(apply_on, runtime, tmp_mb)
    await check_layers(call, layers)
    await call.transact(lambda inner: _absent(inner, name))
    package = await packages.fetch(call, code)
    record = Version(
        name, LATEST, role, runtime, handler, package.folder, package.sha256, package.size, call.now_ms,
        call.ids.uuid(), description, timeout, memory_size, tmp_mb,
        (environment or {}).get("Variables", {}), layers or [], architectures or ["x86_64"],
        (dead_letter_config or {}).get("TargetArn", ""), logging_config or {}, package.watched,
        package.dependencies, package.blob, apply_on, durable=enabled(durable_config))

    def create(inner: Call) -> Config:
        _absent(inner, name)
        functions.put(inner, name, record=Function(name, inner.now_ms, tags=tags or {}))
        save(inner, record)
        return configuration(inner, published(inner, record, "")) if publish else configuration(inner, record)

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
    await call.transact(lambda inner: expect(version(inner, name), revision_id))
    package = await packages.fetch(call, {"ZipFile": zip_file, "S3Bucket": s3_bucket, "S3Key": s3_key,
                                          "S3ObjectVersion": s3_object_version, "ImageUri": image_uri})

    def change(inner: Call) -> Config:
        record = version(inner, name)
        expect(record, revision_id)
        record.code, record.code_sha256, record.code_size = package.folder, package.sha256, package.size
        record.watched, record.blob, record.dependencies = package.watched, package.blob, package.dependencies
        record.architectures = architectures or record.architectures
        if dry_run:
            return configuration(inner, record)
        _touch(inner, record)
        return configuration(inner, published(inner, record, "")) if publish else configuration(inner, record)

    changed = await call.transact(change)
    _retire(call, name)
    return changed


@lambda_.operation
async def update_function_configuration(
        call: Conversation, function_name: str, role: str | None = None, handler: str | None = None,
        description: str | None = None, timeout: int | None = None, memory_size: int | None = None,
        environment: Config | None = None, runtime: str | None = None,
        dead_letter_config: Config | None = None, revision_id: str | None = None,
        layers: list[str] | None = None, ephemeral_storage: Config | None = None,
        snap_start: Config | None = None, logging_config: Config | None = None,
        vpc_config: Config | None = None, durable_config: Config | None = None) -> Config:
    """Change the configuration of ``$LATEST``; its workers are retired."""
    name = name_of(call, function_name).name
    check(call, runtime, vpc_config, environment)
    check_size(timeout, memory_size)
    await check_layers(call, layers)
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
        "snap_start": _apply_on(snap_start) if snap_start else None,
    }

    def change(inner: Call) -> Config:
        record = version(inner, name)
        expect(record, revision_id)
        settings = {key: value for key, value in changes.items() if value is not None}
        durable = altered(record.durable, durable_config)
        record = msgspec.structs.replace(record, **settings, durable=durable)
        check_snap_start(record.snap_start, record.runtime, record.tmp_mb)
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
            drop_provisioned(inner, name.name, name.qualifier)
            recount(inner)
            permissions.forget(inner, name.name, name.qualifier)
            return
        for _, record in list(versions.items(inner, name.name)):
            _drop(inner, record)
        for key, _ in list(aliases.items(inner, name.name)):
            aliases.delete(inner, *key)
        functions.delete(inner, name.name)
        drop_provisioned(inner, name.name)
        recount(inner)
        permissions.forget(inner, name.name)
        urls.forget(inner, name.name)

    await call.transact(delete)
    _retire(call, name.name)


def _apply_on(snap_start: Config | None) -> str:
    return str((snap_start or {}).get("ApplyOn", "None"))


def _absent(call: Call, name: str) -> None:
    if functions.get(call, name) is not None:
        raise ResourceConflictException(f"Function already exist: {name}", Type="User")


def _touch(call: Call, record: Version) -> None:
    """Save ``$LATEST`` as changed now."""
    record.modified_ms, record.revision = call.now_ms, call.ids.uuid()
    save(call, record)


def _drop(call: Call, record: Version) -> None:
    if record.blob:
        call.use(Blobs).release(call, record.blob, arn_of(call, record.name, record.version))
    versions.delete(call, record.name, record.version)


def _retire(call: Conversation, name: str) -> None:
    prefix = arn_of(call, name)
    call.use(Pool).retire(lambda spec: spec.arn == prefix or spec.arn.startswith(prefix + ":"))



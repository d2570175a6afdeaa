"""Functions: created, changed, listed and deleted."""

from typing import Any

from ...functions import Pool
from ...kernel import Call, Conversation
from . import account, checks, receivers
from . import code as packages
from .belongings import forget
from .concurrency import recount
from .durable.settings import altered, enabled
from .errors import InvalidParameterValueException, ResourceConflictException
from .records import (
    LATEST,
    Function,
    Version,
    aliases,
    arn_of,
    configuration,
    function,
    functions,
    listed,
    name_of,
    version,
    versions,
)
from .roles import check_assumable
from .service import lambda_
from .settings import Settings, changed, checked
from .snapstart import check_snap_start
from .versions import drop, expect, published, save

Config = dict[str, Any]


@lambda_.operation
async def create_function(
        call: Conversation, function_name: str, role: str, code: Config, runtime: str | None = None,
        handler: str | None = None, description: str | None = None, timeout: int | None = None,
        memory_size: int | None = None, publish: bool = False, package_type: str = "Zip",
        dead_letter_config: Config | None = None, environment: Config | None = None,
        tags: dict[str, str] | None = None, layers: list[str] | None = None,
        architectures: list[str] | None = None, ephemeral_storage: Config | None = None,
        snap_start: Config | None = None, logging_config: Config | None = None,
        tracing_config: Config | None = None, vpc_config: Config | None = None,
        durable_config: Config | None = None) -> Config:
    """Create a function."""
    name = name_of(call, function_name).name
    checks.name(name)
    if package_type != "Zip":
        raise InvalidParameterValueException(
            "cloudlet runs functions without containers: PackageType must be Zip."
        )
    if not runtime or not handler:
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    checks.tags(tags or {})
    changes = await checked(call, Settings(
        role, runtime, handler, description, timeout, memory_size, environment, dead_letter_config,
        ephemeral_storage, layers, logging_config, tracing_config, snap_start, vpc_config))
    await call.transact(lambda inner: _absent(inner, name))
    package = await packages.fetch(call, code)
    await check_assumable(call, role, name)
    record = changed(Version(
        name, LATEST, role, runtime, handler, "", "", 0, 0, "",
        architectures=architectures or ["x86_64"], durable=enabled(durable_config)), changes)

    def create(inner: Call) -> Config:
        _absent(inner, name)
        account.count(inner, functions=1)
        functions.put(inner, name, record=Function(name, inner.now_ms, tags=tags or {}))
        _pack(record, package)
        _keep(inner, record, changes)
        return configuration(inner, published(inner, record, "")) if publish else configuration(inner, record)

    created = await call.transact(create)
    await call.use(Pool).warm(runtime)
    return created


@lambda_.operation
async def update_function_code(
        call: Conversation, function_name: str, zip_file: bytes | None = None, s3_bucket: str | None = None,
        s3_key: str | None = None, s3_object_version: str | None = None,
        s3_object_storage_mode: str | None = None, image_uri: str | None = None,
        architectures: list[str] | None = None, publish: bool = False, dry_run: bool = False,
        revision_id: str | None = None) -> Config:
    """Give ``$LATEST`` other code; its workers are retired."""
    name = name_of(call, function_name).name
    await call.transact(lambda inner: expect(version(inner, name), revision_id))
    said = {"ZipFile": zip_file, "S3Bucket": s3_bucket, "S3Key": s3_key, "S3ObjectVersion": s3_object_version,
            "S3ObjectStorageMode": s3_object_storage_mode, "ImageUri": image_uri}
    package = await packages.fetch(call, {key: value for key, value in said.items() if value is not None})

    def change(inner: Call) -> Config:
        record = version(inner, name)
        expect(record, revision_id)
        _pack(record, package)
        record.architectures = architectures or record.architectures
        if dry_run:
            checks.unzipped(record)
            return configuration(inner, record)
        _keep(inner, record, {})
        return configuration(inner, published(inner, record, "")) if publish else configuration(inner, record)

    answer = await call.transact(change)
    if not dry_run:
        retire(call, name)
    return answer


@lambda_.operation
async def update_function_configuration(
        call: Conversation, function_name: str, role: str | None = None, handler: str | None = None,
        description: str | None = None, timeout: int | None = None, memory_size: int | None = None,
        environment: Config | None = None, runtime: str | None = None,
        dead_letter_config: Config | None = None, revision_id: str | None = None,
        layers: list[str] | None = None, ephemeral_storage: Config | None = None,
        snap_start: Config | None = None, logging_config: Config | None = None,
        tracing_config: Config | None = None, vpc_config: Config | None = None,
        durable_config: Config | None = None) -> Config:
    """Change the settings of ``$LATEST``; its workers are retired."""
    name = name_of(call, function_name).name
    await call.transact(lambda inner: expect(version(inner, name), revision_id))
    changes = await checked(call, Settings(
        role, runtime, handler, description, timeout, memory_size, environment, dead_letter_config,
        ephemeral_storage, layers, logging_config, tracing_config, snap_start, vpc_config))
    if role:
        await check_assumable(call, role, name)

    def change(inner: Call) -> Config:
        record = version(inner, name)
        expect(record, revision_id)
        record = changed(record, changes)
        record.durable = altered(record.durable, durable_config)
        _keep(inner, record, changes)
        return configuration(inner, record)

    answer = await call.transact(change)
    retire(call, name)
    return answer


@lambda_.operation
def get_function(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """A function, its tags and where its code can be had."""
    name = name_of(call, function_name, qualifier)
    record, whole = version(call, name.name, name.qualifier), function(call, name.name)
    location = packages.location_of(call, record.blob, record.code)
    found: Config = {"Configuration": configuration(call, record, qualifier=name.qualifier),
                     "Code": {"RepositoryType": "S3", "Location": location}}
    if whole.tags:
        found["Tags"] = whole.tags
    if whole.reserved is not None:
        found["Concurrency"] = {"ReservedConcurrentExecutions": whole.reserved}
    return found


@lambda_.operation
def get_function_configuration(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """The settings of a version."""
    name = name_of(call, function_name, qualifier)
    return configuration(call, version(call, name.name, name.qualifier), qualifier=name.qualifier)


@lambda_.operation
def list_functions(call: Call, function_version: str | None = None, marker: str | None = None,
                   max_items: int = 50) -> Config:
    """The functions, by name; with ``ALL``, every version."""
    limit = min(max_items, 50)
    if function_version == "ALL":
        after = tuple(marker.split(":")) if marker else None
        found = [record for _, record in versions.items(call, after=after, limit=limit + 1)]
    else:
        names = functions.items(call, after=(marker,) if marker else None, limit=limit + 1)
        found = [version(call, whole.name) for _, whole in names]
    page = found[:limit]
    answer: Config = {"Functions": [
        listed(call, record, qualifier=record.version if function_version == "ALL" else "")
        for record in page]}
    if len(found) > limit:
        last = page[-1]
        answer["NextMarker"] = f"{last.name}:{last.version}" if function_version == "ALL" else last.name
    return answer


@lambda_.operation
async def delete_function(call: Conversation, function_name: str, qualifier: str | None = None) -> None:
    """Delete a function with all that is its own, or one version of it."""
    name = name_of(call, function_name, qualifier)
    if name.qualifier == LATEST:
        raise InvalidParameterValueException(
            "$LATEST version cannot be deleted without deleting the function."
        )
    if name.qualifier and not name.qualifier.isdigit():
        raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
    await call.transact(lambda inner: _delete(inner, name.name, name.qualifier))
    retire(call, name.name)



def _delete(call: Call, name: str, number: str) -> None:
    whole = function(call, name)
    if number:
        pointing = [alias.name for _, alias in aliases.items(call, name)
                    if number == alias.version or number in alias.weights]
        if pointing:
            raise ResourceConflictException(
                "Unable to delete version because the following aliases reference it: "
                f"[{', '.join(pointing)}]")
        record = versions.get(call, name, number)
        if record:  # no error if there is none
            drop(call, record)
        forget(call, name, number)
        recount(call)
        return
    for _, record in list(versions.items(call, name)):
        drop(call, record)
        forget(call, name, record.version)
    for key, alias in list(aliases.items(call, name)):
        aliases.delete(call, *key)
        forget(call, name, alias.name)
    account.count(call, functions=-1)
    functions.delete(call, whole.name)
    recount(call)


def _absent(call: Call, name: str) -> None:
    if functions.get(call, name) is not None:
        raise ResourceConflictException(f"Function already exist: {name}")


def _pack(record: Version, package: packages.Package) -> None:
    """Give a version its code."""
    record.code, record.code_sha256, record.code_size = package.folder, package.sha256, package.size
    record.watched, record.blob, record.dependencies = package.watched, package.blob, package.dependencies
    record.unzipped = package.unzipped


def _keep(call: Call, record: Version, changes: Config) -> None:
    """Keep ``$LATEST`` as changed now, if all of it can stand together."""
    checks.unzipped(record)
    check_snap_start(record.snap_start, record.runtime, record.tmp_mb)
    if changes.get("dead_letter"):
        receivers.check(call, record.dead_letter, record, kinds=("sqs", "sns"), dead_letters=True)
    record.modified_ms, record.revision = call.now_ms, call.ids.uuid()
    record.build = record.revision
    save(call, record)


def retire(call: Conversation, name: str) -> None:
    """Let the workers of a function take no more events."""
    prefix = arn_of(call, name)
    call.use(Pool).retire(lambda spec: spec.arn == prefix or spec.arn.startswith(prefix + ":"))

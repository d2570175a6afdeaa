"""Layers: folders mounted at ``/opt``, one over the other, each version immutable."""

from pathlib import Path
from typing import Any

import msgspec

from ...errors import AccessDeniedException
from ...kernel import Call, Conversation
from ...store import Table
from . import code as packages
from .errors import InvalidParameterValueException, ResourceNotFoundException
from .layer_access import layer_policies, permit_layer
from .records import stamp
from .service import lambda_

Config = dict[str, Any]


class Layer(msgspec.Struct):
    """One version of a layer."""

    name: str
    version: int
    folder: str
    code_sha256: str
    code_size: int
    created_ms: int
    description: str = ""
    runtimes: list[str] = []
    architectures: list[str] = []
    license: str = ""
    blob: str = ""


class _Latest(msgspec.Struct):
    version: int


layers = Table("lambda.layers", Layer)
_latest = Table("lambda.layer-versions", _Latest)


@lambda_.operation
async def publish_layer_version(
        call: Conversation, layer_name: str, content: Config, description: str = "",
        compatible_runtimes: list[str] | None = None, license_info: str = "",
        compatible_architectures: list[str] | None = None) -> Config:
    """Publish a new version of a layer."""
    name = layer_name.rpartition(":")[2]
    package = await packages.fetch(call, content)

    def publish(inner: Call) -> Config:
        last = _latest.get(inner, name)
        number = last.version + 1 if last else 1
        _latest.put(inner, name, record=_Latest(number))
        record = Layer(name, number, package.folder, package.sha256, package.size, inner.now_ms, description,
                       compatible_runtimes or [], compatible_architectures or [], license_info, package.blob)
        layers.put(inner, name, number, record=record)
        return _shown(inner, record, with_content=True)

    return await call.transact(publish)


@lambda_.operation
def get_layer_version(call: Call, layer_name: str, version_number: int) -> Config:
    """A version of a layer."""
    owner = _owner(call, layer_name)
    record = _find(owner, layer_name.rpartition(":")[2], version_number)
    permit_layer(call, owner, record.name, record.version)
    return _shown(owner, record, with_content=True)


@lambda_.operation
def get_layer_version_by_arn(call: Call, arn: str) -> Config:
    """A version of a layer, by its ARN."""
    owner, record = _by_arn(call, arn)
    permit_layer(call, owner, record.name, record.version)
    return _shown(owner, record, with_content=True)


@lambda_.operation
def delete_layer_version(call: Call, layer_name: str, version_number: int) -> None:
    """Delete a version; functions that use it already keep it in their workers only."""
    owner, name = _own(call, layer_name), layer_name.rpartition(":")[2]
    layers.delete(owner, name, version_number)
    layer_policies.delete(owner, name, version_number)


@lambda_.operation
def list_layer_versions(call: Call, layer_name: str, compatible_runtime: str | None = None,
                        compatible_architecture: str | None = None) -> Config:
    """The versions of a layer, the newest first."""
    found = [record for _, record in layers.items(call, layer_name.rpartition(":")[2], reverse=True)
             if _fits(record, compatible_runtime, compatible_architecture)]
    return {"LayerVersions": [_shown(call, record) for record in found]}


@lambda_.operation
def list_layers(call: Call, compatible_runtime: str | None = None,
                compatible_architecture: str | None = None) -> Config:
    """The layers, each with its newest version."""
    newest: dict[str, Layer] = {}
    for _, record in layers.items(call):
        if _fits(record, compatible_runtime, compatible_architecture):
            newest[record.name] = record
    return {"Layers": [{"LayerName": record.name, "LayerArn": call.arn(f"layer:{record.name}"),
                        "LatestMatchingVersion": _shown(call, record)} for record in newest.values()]}


def folder_of(call: Call, arn: str) -> Path:
    """Where the layer with that ARN lies."""
    return Path(_by_arn(call, arn)[1].folder)


def check_use(call: Call, arn: str) -> None:
    """Whether the caller may let a function use the layer; it keeps it even if that is taken back."""
    owner, record = _by_arn(call, arn)
    permit_layer(call, owner, record.name, record.version)


def named(call: Call, name: str, number: int) -> tuple[Call, Layer]:
    """A layer of the caller's own by its name or ARN, and the call in its region."""
    owner = _own(call, name)
    return owner, _find(owner, name.rpartition(":")[2], number)


def _own(call: Call, name: str) -> Call:
    """The call in the region of a layer that must be the caller's own."""
    owner = _owner(call, name)
    if owner.account != call.account:
        raise AccessDeniedException(f"The layer {name} belongs to another account.")
    return owner


def _owner(call: Call, name: str) -> Call:
    """The call as seen from where a layer is; a bare name is of here."""
    parts = name.split(":")
    return call.elsewhere(region=parts[3], account=parts[4]) if len(parts) > 5 else call


def _by_arn(call: Call, arn: str) -> tuple[Call, Layer]:
    name, _, number = arn.rpartition(":")
    if not number.isdigit():
        raise InvalidParameterValueException(f"Invalid Layer arn: {arn}")
    owner = _owner(call, name)
    return owner, _find(owner, name.rpartition(":")[2], int(number))


def _find(call: Call, name: str, number: int) -> Layer:
    record = layers.get(call, name, number)
    if record is None:
        raise ResourceNotFoundException(
            f"Layer version {call.arn(f'layer:{name}:{number}')} does not exist.", Type="User"
        )
    return record


def _fits(record: Layer, runtime: str | None, architecture: str | None) -> bool:
    return ((not runtime or not record.runtimes or runtime in record.runtimes)
            and (not architecture or not record.architectures or architecture in record.architectures))


def _shown(call: Call, record: Layer, *, with_content: bool = False) -> Config:
    arn = call.arn(f"layer:{record.name}")
    found: Config = {"LayerVersionArn": f"{arn}:{record.version}", "Version": record.version,
                     "Description": record.description, "CreatedDate": stamp(record.created_ms),
                     "CompatibleRuntimes": record.runtimes, "CompatibleArchitectures": record.architectures}
    if record.license:
        found["LicenseInfo"] = record.license
    if with_content:
        location = packages.location_of(call, record.blob, record.folder)
        found |= {"LayerArn": arn, "Content": {"Location": location, "CodeSha256": record.code_sha256,
                                               "CodeSize": record.code_size}}
    return found

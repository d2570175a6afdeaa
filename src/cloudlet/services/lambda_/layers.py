"""Layers: folders mounted at ``/opt``, one over the other, each version immutable.

A function keeps what it was given: its record says where the layer's files are, so deleting a version of a
layer hides it from whoever asks for it by its ARN, and from nobody who has it.
"""

import json
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import AccessDeniedException
from ...fabric import leftovers
from ...kernel import Call, Conversation
from ...kernel.permissions import is_outsider, judge
from ...store import Blobs, Table
from . import account
from . import code as packages
from .errors import InvalidParameterValueException, ResourceNotFoundException
from .limits import LAYERS
from .records import Mounted, offset_of, stamp
from .service import lambda_

Config = dict[str, Any]
_MOST = 1 << 40  # no version has a number as large as this
_GONE = "The resource you requested does not exist."


class Layer(msgspec.Struct):
    """One version of a layer; ``statements`` are its policy's, by their ids."""

    name: str
    version: int
    folder: str
    code_sha256: str
    code_size: int
    created_ms: int
    description: str = ""
    runtimes: list[str] | None = None
    architectures: list[str] | None = None
    license: str = ""
    blob: str = ""
    unzipped: int = 0
    statements: dict[str, Config] = {}
    policy_revision: str = ""


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
    name = name_of(call, layer_name)
    package = await packages.fetch(call, content)

    def publish(inner: Call) -> Config:
        last = _latest.get(inner, name)
        number = last.version + 1 if last else 1
        _latest.put(inner, name, record=_Latest(number))
        account.count(inner, code_size=package.size)
        record = Layer(name, number, package.folder, package.sha256, package.size, inner.now_ms, description,
                       compatible_runtimes, compatible_architectures, license_info, package.blob,
                       package.unzipped)
        if package.blob:
            inner.use(Blobs).refer(inner, package.blob, arn_of(inner, record))
        layers.put(inner, name, number, record=record)
        return _shown(inner, record, with_content=True)

    return await call.transact(publish)


@lambda_.operation
def get_layer_version(call: Call, layer_name: str, version_number: int) -> Config:
    """A version of a layer."""
    return _shown(*_permitted(call, layer_name, version_number), with_content=True)


@lambda_.operation
def get_layer_version_by_arn(call: Call, arn: str) -> Config:
    """A version of a layer, by its ARN."""
    name, _, number = arn.rpartition(":")
    if not number.isdecimal():  # AWS's own layers have no numbers, and are not here
        raise ResourceNotFoundException(_GONE)
    return _shown(*_permitted(call, name, int(number)), with_content=True)


@lambda_.operation
def delete_layer_version(call: Call, layer_name: str, version_number: int) -> None:
    """Delete a version, for whoever has it not yet; no error if there is none."""
    name = name_of(call, layer_name)
    record = layers.get(call, name, _number(version_number))
    if record is None:
        return
    if record.blob:
        leftovers.release(call, record.blob, arn_of(call, record))
    account.count(call, code_size=-record.code_size)
    layers.delete(call, name, version_number)


@lambda_.operation
def list_layer_versions(call: Call, layer_name: str, compatible_runtime: str | None = None,
                        compatible_architecture: str | None = None, marker: str | None = None,
                        max_items: int = 50) -> Config:
    """The versions of a layer, the newest first."""
    name = name_of(call, layer_name)
    after = (name, offset_of(marker)) if marker else None
    found: list[Layer] = []
    for _, record in layers.items(call, name, after=after, reverse=True):
        if not _fits(record, compatible_runtime, compatible_architecture):
            continue
        if len(found) == max_items:
            return {"LayerVersions": [_shown(call, one) for one in found],
                    "NextMarker": str(found[-1].version)}
        found.append(record)
    return {"LayerVersions": [_shown(call, record) for record in found]}


@lambda_.operation
def list_layers(call: Call, compatible_runtime: str | None = None,
                compatible_architecture: str | None = None, marker: str | None = None,
                max_items: int = 50) -> Config:
    """The layers by name, each with its newest version that fits."""
    newest: dict[str, Layer] = {}
    more = False
    for key, _ in _latest.items(call, after=(marker,) if marker else None):
        record = next((record for _, record in layers.items(call, key[0], reverse=True)
                       if _fits(record, compatible_runtime, compatible_architecture)), None)
        if record is None:
            continue
        more = len(newest) == max_items
        if more:
            break
        newest[record.name] = record
    answer: Config = {"Layers": [
        {"LayerName": record.name, "LayerArn": call.arn(f"layer:{record.name}"),
         "LatestMatchingVersion": _shown(call, record)} for record in newest.values()]}
    if more:
        answer["NextMarker"] = list(newest)[-1]
    return answer


def mounted(call: Call, arns: list[str]) -> list[Mounted]:
    """The layers that a function asks for, if it may have them together."""
    if len(arns) > LAYERS:
        raise InvalidParameterValueException(f"Cannot reference more than {LAYERS} layers.")
    found: dict[str, Mounted] = {}
    for arn in arns:
        parsed = Arn.parse(arn)
        if parsed.region != call.region:
            raise InvalidParameterValueException("Layers are not in the same region as the function. "
                                                 f"Layers are expected to be in region {call.region}.")
        there = call.elsewhere(account=parsed.account)
        name, number = parsed.resource.split(":")[1:3]
        record = layers.get(there, name, min(int(number), _MOST))
        if record is None:
            raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
        _permit(there, record)
        if name in found:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same "
                f"function. {found[name].arn} and {arn} are versions of the same layer.")
        found[name] = Mounted(arn, record.folder, record.code_size, record.unzipped)
    return list(found.values())


def name_of(call: Call | Conversation, text: str) -> str:
    """A layer's name, which may be given as its ARN."""
    if not text.startswith("arn:"):
        return text
    parsed = Arn.parse(text)
    if (parsed.account, parsed.region) != (call.account, call.region):
        raise AccessDeniedException(f"{text} is not a layer of account {call.account} in {call.region}.")
    return parsed.resource.rpartition(":")[2]


def policy_of(record: Layer) -> str:
    """The policy of a version, as JSON."""
    document = {"Version": "2012-10-17", "Id": "default", "Statement": [*record.statements.values()]}
    return json.dumps(document, separators=(",", ":"))


def arn_of(call: Call, record: Layer) -> str:
    """The ARN of a version."""
    return call.arn(f"layer:{record.name}:{record.version}")


def existing(call: Call, layer_name: str, number: int) -> Layer:
    """A version of a layer, or the error that there is none."""
    name = name_of(call, layer_name)
    record = layers.get(call, name, _number(number))
    if record is None:
        raise ResourceNotFoundException(
            f"Layer version {call.arn(f'layer:{name}:{number}')} does not exist.")
    return record


def _wanted(call: Call, name: str, number: int) -> Layer:
    record = layers.get(call, name, _number(number))
    if record is None:
        raise ResourceNotFoundException(_GONE)
    return record


def _number(number: int) -> int:
    if number < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1")
    return min(number, _MOST)


def _permitted(call: Call, text: str, number: int) -> tuple[Call, Layer]:
    """A version, maybe of another account, and the call as seen from there, if the caller may have it."""
    there, name = call, text
    if text.startswith("arn:"):
        parsed = Arn.parse(text)
        there = call.elsewhere(account=parsed.account, region=parsed.region)
        name = parsed.resource.rpartition(":")[2]
    record = _wanted(there, name, number)
    _permit(there, record)
    return there, record


def _permit(call: Call, record: Layer) -> None:
    """Let other accounts have a version, if its policy does; ``call`` is of the layer's account."""
    if is_outsider(call):
        policy = policy_of(record) if record.statements else ""
        verdict = judge(call, "lambda:GetLayerVersion", arn_of(call, record), policy)
        if not verdict.allowed:
            raise AccessDeniedException(verdict.sentence)


def _fits(record: Layer, runtime: str | None, architecture: str | None) -> bool:
    return ((not runtime or runtime in (record.runtimes or ()))
            and (not architecture or architecture in (record.architectures or ())))


def _shown(call: Call, record: Layer, *, with_content: bool = False) -> Config:
    arn = call.arn(f"layer:{record.name}")
    found: Config = {"LayerVersionArn": f"{arn}:{record.version}", "Version": record.version,
                     "Description": record.description, "CreatedDate": stamp(record.created_ms)}
    if record.runtimes is not None:
        found["CompatibleRuntimes"] = record.runtimes
    if record.architectures is not None:
        found["CompatibleArchitectures"] = record.architectures
    if record.license:
        found["LicenseInfo"] = record.license
    if with_content:
        location = packages.location_of(call, record.blob, record.folder)
        found |= {"LayerArn": arn, "Content": {"Location": location, "CodeSha256": record.code_sha256,
                                               "CodeSize": record.code_size}}
    return found

"""A cloud assembly, which ``cdk synth`` leaves in ``cdk.out``: templates, and the files that they need.

A template names such a file by the key it will have in the bucket that ``cdk bootstrap`` makes. Code, layers
and nested templates are taken from where they lie; what else a template names is put into that bucket.
"""

import io
import json
import re
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from ..errors import AwsError
from .problems import DeployError

MANIFEST = "manifest.json"
FOLDER = "cdk.out"
_STACK = "aws:cloudformation:stack"
_VERSION_NAME = re.compile(r"/cdk-bootstrap/[\w-]+/version")
_BOOTSTRAPPED = "30"  # the version of `cdk bootstrap` that made all that is needed here: buckets, on demand
Invoke = Callable[..., Awaitable[dict[str, Any]]]


class Stack(msgspec.Struct, frozen=True):
    """A stack as the manifest tells of it."""

    name: str
    template: Path
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}


class File(msgspec.Struct, frozen=True):
    """A file, or a folder that becomes an archive, and where a template expects it."""

    path: Path
    archive: bool
    bucket: str
    key: str

    def content(self) -> bytes:
        """What is to lie in the bucket."""
        if not self.archive or self.path.is_file():
            return self.path.read_bytes()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.path.rglob("*")):
                archive.write(path, path.relative_to(self.path))
        return packed.getvalue()


def stacks_of(folder: Path) -> list[Stack]:
    """The stacks of the assembly in ``folder``, which has a manifest."""
    found = []
    for id, artifact in (_read(folder / MANIFEST).get("artifacts") or {}).items():
        if artifact.get("type") == _STACK:
            said = artifact.get("properties") or {}
            found.append(Stack(said.get("stackName") or id, folder / said["templateFile"],
                               said.get("parameters") or {}, said.get("tags") or {}))
    return found


def stack_of(template: Path) -> Stack | None:
    """What the manifest beside ``template`` tells of it; None if there is none, or it tells nothing."""
    if not (template.parent / MANIFEST).is_file():
        return None
    return next((one for one in stacks_of(template.parent) if one.template == template), None)


def only_stack(folder: Path) -> Stack | None:
    """The one stack of the assembly in ``folder``; a :class:`DeployError` names them if there are several."""
    found = stacks_of(folder)
    if len(found) > 1:
        raise DeployError(f"{folder} has {len(found)} stacks. Deploy one at a time: "
                          + ", ".join(f"`cloudlet deploy {one.template}`" for one in found))
    return found[0] if found else None


def files_of(template: Path) -> list[File]:
    """The files that ``template`` may name."""
    manifest = template.with_name(template.name.removesuffix(".template.json") + ".assets.json")
    if not template.name.endswith(".template.json") or not manifest.is_file():
        return []
    found = []
    for one in (_read(manifest).get("files") or {}).values():
        source = one.get("source") or {}
        if "path" in source:
            found += [File(template.parent / source["path"], source.get("packaging") == "zip",
                           place["bucketName"], place["objectKey"])
                      for place in (one.get("destinations") or {}).values()]
    return found


def named_in(value: Any, files: list[File]) -> list[File]:
    """Those of ``files`` whose keys stand in ``value``."""
    text = json.dumps(value)
    return [one for one in files if one.key in text]


async def bootstrap(invoke: Invoke, template: dict[str, Any]) -> None:
    """Let the versions be there that ``template`` looks for, as ``cdk bootstrap`` would have."""
    for spec in (template.get("Parameters") or {}).values():
        name = str(spec.get("Default", ""))
        if str(spec.get("Type", "")).startswith("AWS::SSM::") and _VERSION_NAME.fullmatch(name):
            await _unless(invoke("ssm", "PutParameter", Name=name, Value=_BOOTSTRAPPED, Type="String"),
                          "ParameterAlreadyExists")


async def publish(invoke: Invoke, files: list[File], account: str, region: str) -> None:
    """Put files into the buckets of ``cdk bootstrap``, unless they are there: keys are made of contents."""
    for one in files:
        bucket = one.bucket.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)
        bucket = bucket.replace("${AWS::Partition}", "aws")
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        await _unless(invoke("s3", "CreateBucket", Bucket=bucket, **where), "BucketAlreadyOwnedByYou")
        if await _unless(invoke("s3", "HeadObject", Bucket=bucket, Key=one.key), "404", "NoSuchKey") is None:
            await invoke("s3", "PutObject", Bucket=bucket, Key=one.key, Body=one.content())


async def _unless(asked: Awaitable[dict[str, Any]], *codes: str) -> dict[str, Any] | None:
    """The answer; None if it is one of these errors."""
    try:
        return await asked
    except AwsError as error:
        if error.code not in codes:
            raise
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DeployError(f"{path} can't be read: {error}") from None
    return found if isinstance(found, dict) else {}  # others have manifests, too

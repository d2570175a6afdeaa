"""A template's local files, put where the services find them.

A folder of code becomes the S3 location ``cloudlet-local``, which means: this folder, as it is, at every
moment. Definitions in files are put into the template. What is in S3 already is left alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..stacks.document import Document, load
from .building import Builder
from .includes import include
from .problems import DeployError

LOCAL_BUCKET = "cloudlet-local"
DEPENDENCIES = "cloudlet:Dependencies"
_PLAIN_BUILDS = ("python", "nodejs")
_FUNCTIONS = {"AWS::Serverless::Function": "CodeUri", "AWS::Lambda::Function": "Code"}
_LAYERS = {"AWS::Serverless::LayerVersion": "ContentUri", "AWS::Lambda::LayerVersion": "Content"}
_DEFINITIONS = {
    "AWS::Serverless::HttpApi": "DefinitionBody",
    "AWS::Serverless::Api": "DefinitionBody",
    "AWS::Serverless::StateMachine": "Definition",
}


class Assets(msgspec.Struct):
    """A template ready to be deployed, and the files it depends on."""

    document: Document
    code: set[Path] = set()  # folders whose files are code
    files: set[Path] = set()  # files whose change means another deployment


async def prepare(template: Path, builder: Builder, store: Callable[[bytes], str]) -> Assets:
    """Read ``template`` and give every local file a place; ``store`` keeps a nested template: its URL."""
    document = load(template.read_text("utf-8"))
    assets = Assets(document, files={template})
    document.line("Resources")  # so that a JSON document knows its lines
    document.body = include(document.body, template.parent, assets.files)
    resources = document.body.get("Resources")
    shared = (document.body.get("Globals") or {}).get("Function") or {}
    for name, spec in resources.items() if isinstance(resources, dict) else ():
        if isinstance(spec, dict) and isinstance(spec.get("Type"), str):
            spec["Properties"] = spec.get("Properties") or {}
            await _resource(_Place(template, name, spec, shared, assets), builder, store)
            if not spec["Properties"]:
                del spec["Properties"]
    if isinstance(shared.get("CodeUri"), str):
        del shared["CodeUri"]  # every function has its own now
    return assets


class _Place(msgspec.Struct):
    """A resource in its template."""

    template: Path
    name: str
    spec: dict[str, Any]
    shared: dict[str, Any]
    assets: Assets

    @property
    def properties(self) -> dict[str, Any]:
        found: dict[str, Any] = self.spec["Properties"]
        return found

    def refuse(self, message: str, *within: str) -> DeployError:
        line = self.assets.document.line("Resources", self.name, *within)
        return DeployError(f"{self.template}:{line}: {self.name}: {message}")

    def local(self, value: Any, *within: str) -> Path | None:
        """The file or folder that a property names; None if it names something else."""
        if not isinstance(value, str) or "://" in value:
            return None
        path = (self.template.parent / value).resolve()
        if not path.exists():
            raise self.refuse(f"{value} does not exist (looked in {self.template.parent})", *within)
        return path


async def _resource(place: _Place, builder: Builder, store: Callable[[bytes], str]) -> None:
    kind, properties = place.spec["Type"], place.properties
    if kind in _FUNCTIONS:
        await _function(place, _FUNCTIONS[kind], builder)
    elif kind in _LAYERS:
        await _layer(place, _LAYERS[kind], builder)
    elif kind in _DEFINITIONS and (
        path := place.local(properties.get("DefinitionUri"), "Properties", "DefinitionUri")
    ):
        del properties["DefinitionUri"]
        properties[_DEFINITIONS[kind]] = load(path.read_text("utf-8")).body
        place.assets.files.add(path)
    elif kind in ("AWS::CloudFormation::Stack", "AWS::Serverless::Application"):
        await _nested(place, "TemplateURL" if kind.endswith("Stack") else "Location", builder, store)


async def _function(place: _Place, key: str, builder: Builder) -> None:
    """A function's code: its folder, and beside it the packages it asks for."""
    properties, sam = place.properties, key == "CodeUri"
    if "InlineCode" in properties or properties.get("PackageType") == "Image" or "ImageUri" in properties:
        return
    value = properties.get(key, place.shared.get(key, ".") if sam else None)
    path = place.local(value, "Properties", key)
    if path is None:
        return
    _check_build(place)
    folder = (
        path if path.is_dir() else builder.unpack(path) if path.suffix in (".zip", ".jar") else path.parent
    )
    properties[key] = _location(folder, sam)
    place.assets.code.add(folder)
    runtime = str(properties.get("Runtime") or place.shared.get("Runtime") or "")
    place.assets.files |= {
        folder / name for name in ("requirements.txt", "package.json") if (folder / name).is_file()
    }
    dependencies = await builder.dependencies(folder, runtime)
    if dependencies is not None:
        place.spec["Metadata"] = (place.spec.get("Metadata") or {}) | {DEPENDENCIES: str(dependencies)}


async def _layer(place: _Place, key: str, builder: Builder) -> None:
    """A layer's content, built if it asks for it."""
    path = place.local(place.properties.get(key), "Properties", key)
    if path is None:
        return
    method = _check_build(place)
    folder = path if path.is_dir() else builder.unpack(path)
    if method:
        folder = await builder.layer(folder, method)
    else:
        place.assets.code.add(folder)
    place.properties[key] = _location(folder, key == "ContentUri")


async def _nested(place: _Place, key: str, builder: Builder, store: Callable[[bytes], str]) -> None:
    path = place.local(place.properties.get(key), "Properties", key)
    if path is None:
        return
    nested = await prepare(path, builder, store)
    place.properties[key] = store(envelope(nested.document, path.name))
    place.assets.code |= nested.code
    place.assets.files |= nested.files


def envelope(document: Document, source: str) -> bytes:
    """A template with the lines of the file that it was made from, for messages."""
    return msgspec.json.encode(
        {"template": document.body, "lines": list(document.lines.items()), "source": source}
    )


def _check_build(place: _Place) -> str:
    """The resource's BuildMethod; refused if it is one that needs a build of its own."""
    method = str((place.spec.get("Metadata") or {}).get("BuildMethod") or "")
    if method and not method.startswith(_PLAIN_BUILDS):
        raise place.refuse(
            f"BuildMethod {method} needs a build that cloudlet does not do. Run `sam build`, and then "
            "`cloudlet up .aws-sam/build`.",
            "Metadata",
            "BuildMethod",
        )
    return method


def _location(folder: Path, sam: bool) -> dict[str, str]:
    return (
        {"Bucket": LOCAL_BUCKET, "Key": str(folder)}
        if sam
        else {"S3Bucket": LOCAL_BUCKET, "S3Key": str(folder)}
    )

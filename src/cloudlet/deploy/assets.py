"""A template's local files, put where the services find them.

A folder of code becomes the S3 location ``cloudlet-local``, which means: this folder, as it is, at every
moment. Definitions in files are put into the template. What is in S3 already is left alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..stacks.document import Document, load
from .assembly import File, files_of, named_in
from .building import Builder
from .includes import include
from .problems import DeployError
from .recipes import METHODS, bundle, make

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
    published: list[File] = []  # what a template of the CDK finds in a bucket


async def prepare(template: Path, builder: Builder, store: Callable[[bytes], str],
                  known: list[File] | None = None) -> Assets:
    """Read ``template`` and give every local file a place; ``store`` keeps a nested template: its URL.

    ``known`` are the files of the CDK that a nested template may name.
    """
    document = load(template.read_text("utf-8"))
    known = files_of(template) if known is None else known
    assets = Assets(document, files={template})
    document.line("Resources")  # so that a JSON document knows its lines
    document.body = include(document.body, template.parent, assets.files)
    resources = document.body.get("Resources")
    shared = (document.body.get("Globals") or {}).get("Function") or {}
    for name, spec in resources.items() if isinstance(resources, dict) else ():
        if isinstance(spec, dict) and isinstance(spec.get("Type"), str):
            spec["Properties"] = spec.get("Properties") or {}
            _from_assembly(spec, known)
            await _resource(_Place(template, name, spec, shared, assets, known), builder, store)
            if not spec["Properties"]:
                del spec["Properties"]
    if isinstance(shared.get("CodeUri"), str):
        del shared["CodeUri"]  # every function has its own now
    assets.published += named_in(document.body, known) if known else []
    return assets


class _Place(msgspec.Struct):
    """A resource in its template."""

    template: Path
    name: str
    spec: dict[str, Any]
    shared: dict[str, Any]
    assets: Assets
    known: list[File]

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
            near = _but_for_case(self.template.parent, value)
            hint = f"; there is {near}, and upper and lower case matter here" if near else ""
            raise self.refuse(f"{value} does not exist (looked in {self.template.parent}){hint}", *within)
        return path


def _but_for_case(folder: Path, wanted: str) -> str:
    """What ``wanted`` would be found as by a file system that ignores case; empty if it would not."""
    found = folder
    for part in Path(wanted).parts:
        inside = {one.name.lower(): one for one in found.iterdir()} if found.is_dir() else {}
        if part.lower() not in inside:
            return ""
        found = inside[part.lower()]
    return str(found.relative_to(folder))


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


def _from_assembly(spec: dict[str, Any], known: list[File]) -> None:
    """Let a resource of the CDK name a file itself, where it names the key of it in a bucket."""
    key = {**_FUNCTIONS, **_LAYERS, "AWS::CloudFormation::Stack": "TemplateURL"}.get(spec["Type"])
    if key and known and len(found := named_in(spec["Properties"].get(key), known)) == 1:
        spec["Properties"][key] = str(found[0].path)


async def _function(place: _Place, key: str, builder: Builder) -> None:
    """A function's code: its folder, and beside it the packages it asks for."""
    properties, sam = place.properties, key == "CodeUri"
    if "InlineCode" in properties:
        return
    if "Image" in (properties.get("PackageType"), place.shared.get("PackageType")):
        raise place.refuse("cloudlet runs no container images: give it PackageType Zip and a Runtime.",
                           "Properties", "PackageType")
    value = properties.get(key, place.shared.get(key, ".") if sam else None)
    path = place.local(value, "Properties", key)
    if path is None:
        return
    method = _check_build(place)
    folder = (
        path if path.is_dir() else builder.unpack(path) if path.suffix in (".zip", ".jar") else path.parent
    )
    if method in METHODS:
        folder = await _built(place, method, folder, builder)
    else:
        place.assets.code.add(folder)
    properties[key] = _location(folder, sam)
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
    if method in METHODS:
        folder = await _built(place, method, folder, builder)
    elif method:
        folder = await builder.layer(folder, method)
    else:
        place.assets.code.add(folder)
    place.properties[key] = _location(folder, key == "ContentUri")


async def _built(place: _Place, method: str, folder: Path, builder: Builder) -> Path:
    """The folder with what a recipe makes of ``folder``; a saved source is another deployment."""
    said = place.spec["Metadata"]
    if elsewhere := sorted(said.keys() & {"WorkingDirectory", "ContextPath"}):
        raise place.refuse(f"cloudlet does not honour {elsewhere[0]}: a build is done where the code is.",
                           "Metadata", elsewhere[0])
    made = (await make(builder, folder, place.name) if method == "makefile" else
            await bundle(builder, folder, place.template.parent, said.get("BuildProperties") or {}))
    place.assets.files |= made.sources
    return made.folder


async def _nested(place: _Place, key: str, builder: Builder, store: Callable[[bytes], str]) -> None:
    path = place.local(place.properties.get(key), "Properties", key)
    if path is None:
        return
    nested = await prepare(path, builder, store, place.known)
    place.properties[key] = store(envelope(nested.document, path.name))
    place.assets.code |= nested.code
    place.assets.files |= nested.files
    place.assets.published += nested.published


def envelope(document: Document, source: str) -> bytes:
    """A template with the lines of the file that it was made from, for messages."""
    return msgspec.json.encode(
        {"template": document.body, "lines": list(document.lines.items()), "source": source}
    )


def _check_build(place: _Place) -> str:
    """The resource's BuildMethod; refused if it is one that needs a build of its own."""
    method = str((place.spec.get("Metadata") or {}).get("BuildMethod") or "")
    if method and not method.startswith(_PLAIN_BUILDS) and method not in METHODS:
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

"""Local files in templates."""

import asyncio
import json
import zipfile

import pytest

from cloudlet.deploy import DeployError
from cloudlet.deploy.assets import prepare
from cloudlet.deploy.building import Builder


@pytest.fixture
def made(tmp_path):
    """A function that prepares a template in a folder; what it told and kept is beside."""
    told, kept = [], []

    async def tell(text):
        told.append(text)

    def keep(content):
        kept.append(json.loads(content))
        return f"kept:{len(kept)}"

    def make(text, **files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        template = tmp_path / "template.yaml"
        template.write_text(text)
        return asyncio.run(prepare(template, Builder(tmp_path / ".cloudlet", tell), keep))

    make.told, make.kept, make.folder = told, kept, tmp_path
    return make


def test_a_folder_of_code_is_used_where_it_lies(made):
    assets = made(
        """
Globals: {Function: {Runtime: python3.12}}
Resources:
  A: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: src/, Handler: a.b}}
  B: {Type: 'AWS::Lambda::Function', Properties: {Code: ./src, Handler: a.b}}
  C: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: 's3://bucket/key', Handler: a.b}}
  D: {Type: 'AWS::Serverless::Function', Properties: {InlineCode: 'x', Handler: a.b}}
  E: {Type: 'AWS::Lambda::Function', Properties: {Code: {ZipFile: 'x'}, Handler: a.b}}
  L: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: src}}
""",
        src__a_dot_py="",
    )
    src = str(made.folder / "src")
    found = {name: spec["Properties"] for name, spec in assets.document.body["Resources"].items()}
    assert found["A"]["CodeUri"] == found["L"]["ContentUri"] == {"Bucket": "cloudlet-local", "Key": src}
    assert found["B"]["Code"] == {"S3Bucket": "cloudlet-local", "S3Key": src}
    assert (found["C"]["CodeUri"], "CodeUri" in found["D"], found["E"]["Code"]) == (
        "s3://bucket/key",
        False,
        {"ZipFile": "x"},
    )
    assert assets.code == {made.folder / "src"}
    assert assets.document.line("Resources", "B") == 5


def test_a_folder_that_all_functions_share_is_written_to_each(made):
    assets = made(
        "Globals: {Function: {CodeUri: src}}\nResources:\n  A: {Type: 'AWS::Serverless::Function'}\n",
        src__a_dot_py="",
    )
    assert assets.document.body["Resources"]["A"]["Properties"]["CodeUri"]["Key"] == str(made.folder / "src")
    assert assets.document.body["Globals"] == {"Function": {}}


def test_code_that_is_not_there_is_told_with_its_line(made):
    with pytest.raises(DeployError, match=r"template.yaml:4: A: nowhere/ does not exist"):
        made("Resources:\n  A:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: nowhere/}\n")


def test_code_that_is_there_but_for_its_case_is_told(made):
    with pytest.raises(DeployError, match=r"Src/App does not exist .*; there is src/app, and"):
        made(
            "Resources:\n  A: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: Src/App}}\n",
            src__app__a_dot_py="",
        )


def test_a_container_image_is_refused_with_its_line(made):
    with pytest.raises(DeployError, match=r"template.yaml:4: A: cloudlet runs no container images"):
        made(
            "Resources:\n  A:\n    Type: AWS::Serverless::Function\n    Properties: {PackageType: Image}\n"
            "    Metadata: {Dockerfile: Dockerfile, DockerContext: ./app}\n"
        )


def test_a_build_that_is_not_ours_is_refused(made):
    with pytest.raises(DeployError, match=r"template.yaml:4: A: BuildMethod go1.x .* Run `sam build`"):
        made(
            "Resources:\n  A:\n    Type: AWS::Serverless::Function\n    Metadata: {BuildMethod: go1.x}\n"
            "    Properties: {CodeUri: .}\n"
        )


def test_definitions_and_nested_templates_are_taken_in(made):
    assets = made(
        """
Resources:
  Api: {Type: 'AWS::Serverless::HttpApi', Properties: {DefinitionUri: api.yaml}}
  Inner: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: inner.yaml}}
""",
        api_dot_yaml="openapi: 3.0.1\n",
        inner_dot_yaml="Resources: {Q: {Type: 'AWS::SQS::Queue'}}\n",
    )
    resources = assets.document.body["Resources"]
    assert resources["Api"]["Properties"] == {"DefinitionBody": {"openapi": "3.0.1"}}
    assert resources["Inner"]["Properties"] == {"TemplateURL": "kept:1"}
    assert made.kept[0]["template"] == {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
    assert assets.files == {made.folder / name for name in ("template.yaml", "api.yaml", "inner.yaml")}


def test_packages_are_installed_once_beside_the_code(made):
    package = made.folder / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[project]\nname = "greeting"\nversion = "1"\n[tool.setuptools]\npy-modules = ["greeting"]\n'
    )
    (package / "greeting.py").write_text("text = 'hello'\n")
    with zipfile.ZipFile(
        made.folder / "greeting-1-py3-none-any.whl", "w"
    ) as wheel:  # so that nothing is fetched
        wheel.writestr("greeting.py", "text = 'hello'\n")
        wheel.writestr("greeting-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1\n")
        wheel.writestr(
            "greeting-1.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("greeting-1.dist-info/RECORD", "")
    text = (
        "Resources: {A: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: src, Runtime: python3.12}}}"
    )
    requirements = f"{made.folder}/greeting-1-py3-none-any.whl\n"
    first = made(text, src__a_dot_py="", src__requirements_dot_txt=requirements)
    second = made(text)
    metadata = first.document.body["Resources"]["A"]["Metadata"]
    assert metadata == second.document.body["Resources"]["A"]["Metadata"]
    folder = metadata["cloudlet:Dependencies"]
    assert folder.startswith(str(made.folder / ".cloudlet" / "build" / "python-"))
    assert (made.folder / folder / "greeting.py").exists()
    assert made.told == [f"installing the packages of {made.folder / 'src' / 'requirements.txt'}"]


def test_packages_that_are_not_to_be_had_are_told(made):
    text = (
        "Resources: {A: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: src, Runtime: python3.12}}}"
    )
    with pytest.raises(DeployError, match=r"(?s)requirements.txt could not be installed:.*nowhere"):
        made(text, src__requirements_dot_txt="./nowhere.whl\n")


def test_an_archive_is_unpacked(made):
    with zipfile.ZipFile(made.folder / "code.zip", "w") as archive:
        archive.writestr("a.py", "x = 1")
    assets = made("Resources: {A: {Type: 'AWS::Lambda::Function', Properties: {Code: code.zip}}}")
    folder = assets.document.body["Resources"]["A"]["Properties"]["Code"]["S3Key"]
    assert (made.folder / folder / "a.py").read_text() == "x = 1"

"""Builds that are not packages: esbuild and make. The esbuild here is a script in its place, that tells."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

from cloudlet.deploy import DeployError
from cloudlet.deploy.assets import prepare
from cloudlet.deploy.building import Builder

_FUNCTION = """
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: app.handler, Runtime: nodejs20.x}
    Metadata:
      BuildMethod: %s
"""
_PROPERTIES = """
      BuildProperties: {EntryPoints: [app.ts], Minify: false, External: [canvas], OutExtension: [.js=.mjs]}
"""
_ESBUILD = f"""#!{sys.executable}
import json, os, pathlib, sys
said = dict(one.lstrip("-").partition("=")[::2] for one in sys.argv[1:] if one.startswith("--"))
made = pathlib.Path(said.pop("outdir"))
made.mkdir()
(made / "app.mjs").write_text(pathlib.Path("app.ts").read_text().upper())
inputs = {{"app.ts": {{}}, "../shared.ts": {{}}}}
pathlib.Path(said.pop("metafile")).write_text(json.dumps({{"inputs": inputs}}))
pathlib.Path("../said.json").write_text(json.dumps([sys.argv[1:], os.environ["NODE_PATH"]]))
"""


@pytest.fixture
def built(tmp_path):
    """A function that prepares a template, and gives the assets and the folder of the resource's code."""
    async def tell(text):
        raise AssertionError(f"nothing is to be fetched, but: {text}")

    async def silent(text):
        pass

    def build(text, quiet=False, **files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        template = tmp_path / "template.yaml"
        template.write_text(text)
        builder = Builder(tmp_path / ".cloudlet", silent if quiet else tell)
        assets = asyncio.run(prepare(template, builder, lambda content: ""))
        properties = assets.document.body["Resources"]["A"]["Properties"]
        return assets, Path((properties.get("CodeUri") or properties["ContentUri"])["Key"])

    build.folder = tmp_path
    return build


@pytest.fixture
def esbuild(built):
    """An esbuild in the folder's own packages, and what was said to it."""
    script = built.folder / "src/node_modules/.bin/esbuild"
    script.parent.mkdir(parents=True)
    script.write_text(_ESBUILD)
    script.chmod(0o755)
    return lambda: json.loads((built.folder / "said.json").read_text())


def test_esbuild_makes_the_code_of_a_function(built, esbuild):
    assets, code = built(_FUNCTION % "esbuild" + _PROPERTIES, src__app_dot_ts="x\n",
                         src__package_dot_json="{}")
    assert (code / "app.mjs").read_text() == "X\n"
    said, packages = esbuild()
    assert [one for one in said if "file=" not in one and "outdir=" not in one] == [
        "app.ts", "--bundle", "--platform=node", "--log-level=warning", "--target=es2020", "--format=cjs",
        "--external:canvas", "--out-extension:.js=.mjs"]
    assert packages == str(built.folder / "src/node_modules")
    src = built.folder / "src"
    assert assets.files == {built.folder / "template.yaml", src / "app.ts", src / "package.json",
                            built.folder / "shared.ts"}
    assert assets.code == set()  # a saved source is another bundle, not the same folder's new content


def test_a_bundle_with_other_content_is_another_folder(built, esbuild):
    _, first = built(_FUNCTION % "esbuild" + _PROPERTIES, src__app_dot_ts="x\n", src__package_dot_json="{}")
    _, same = built(_FUNCTION % "esbuild" + _PROPERTIES)
    _, other = built(_FUNCTION % "esbuild" + _PROPERTIES, src__app_dot_ts="y\n")
    assert first == same != other
    assert not list(built.folder.glob(".cloudlet/build/unfinished-*"))


def test_packages_of_the_runtime_are_left_out_of_a_bundle_that_does_not_ask_for_them(built, esbuild):
    source = "import {S3} from '@aws-sdk/client-s3'; import {SQS} from '@aws-sdk/client-sqs';"
    built(_FUNCTION % "esbuild" + _PROPERTIES, src__app_dot_ts=source,
          src__package_dot_json='{"devDependencies": {"@aws-sdk/client-s3": "3"}}')
    assert "--external:@aws-sdk/client-sqs" in esbuild()[0]
    assert "--external:@aws-sdk/client-s3" not in esbuild()[0]


def test_a_bundle_without_entry_points_is_refused(built):
    with pytest.raises(DeployError, match="bundled by esbuild, so its BuildProperties need EntryPoints"):
        built(_FUNCTION % "esbuild", src__app_dot_ts="")


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
class TestMake:
    def test_a_makefile_makes_the_code_of_a_function(self, built):
        assets, code = built(
            _FUNCTION % "makefile", quiet=True, src__app_dot_js="x",
            src__Makefile="build-A:\n\tcp app.js $(ARTIFACTS_DIR)/made.js\n\techo litter > litter\n")
        assert [(path.name, path.read_text()) for path in code.iterdir()] == [("made.js", "x")]
        src = built.folder / "src"
        assert sorted(path.name for path in src.iterdir()) == ["Makefile", "app.js"]
        assert assets.files >= {src / "app.js", src / "Makefile"}

    def test_a_makefile_makes_the_content_of_a_layer_once(self, built):
        text = ("Resources:\n  A:\n    Type: AWS::Serverless::LayerVersion\n"
                "    Properties: {ContentUri: src}\n    Metadata: {BuildMethod: makefile}\n")
        _, first = built(text, quiet=True, src__Makefile="build-A:\n\tdate +%N > $(ARTIFACTS_DIR)/when\n")
        _, again = built(text)
        assert first == again and (first / "when").exists()

    def test_a_make_that_fails_says_what_it_wrote(self, built):
        with pytest.raises(DeployError, match=r"(?s)make build-A failed in .*no such thing"):
            built(_FUNCTION % "makefile", quiet=True,
                  src__Makefile="build-A:\n\techo no such thing; false\n")


def test_a_makefile_that_is_not_there_is_told(built):
    with pytest.raises(DeployError, match="A is built by make, and there is no Makefile in "):
        built(_FUNCTION % "makefile", src__app_dot_js="")


def test_a_build_elsewhere_is_refused(built):
    with pytest.raises(DeployError, match=r"template.yaml:8: A: cloudlet does not honour WorkingDirectory"):
        built(_FUNCTION % "makefile" + "      WorkingDirectory: ..\n", src__app_dot_js="")

"""Deploying, and deploying again."""

import asyncio
from pathlib import Path

import pytest

from cloudlet.app import Options, running
from cloudlet.deploy import DeployError, deploy, find, watch
from cloudlet.deploy.watching import sort_out
from cloudlet.identity import root

_TEMPLATE = """
Parameters: {Timeout: {Type: Number, Default: 30}}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: !Ref Timeout
Outputs:
  Url: {Value: !Ref Jobs}
"""
_ROOT = root("000000000000")


def in_a_cloudlet(story):
    """Run a story with a kernel and a list that hears what is told."""

    async def run():
        async with running(Options(port=0)) as cloudlet:
            heard = []

            async def tell(progress):
                heard.append(progress.text)

            return await story(cloudlet.kernel, heard, tell)

    return asyncio.run(run())


def test_an_application_is_deployed_once_and_then_left_alone(tmp_path):
    (tmp_path / "template.yaml").write_text(_TEMPLATE)
    (tmp_path / "samconfig.toml").write_text("[default.deploy.parameters]\nstack_name = 'shop'\n")

    async def story(kernel, heard, tell):
        first = await deploy(kernel, find(tmp_path), principal=_ROOT, tell=tell)
        assert (first.ok, first.action, first.stack_name, first.status) == (
            True,
            "create",
            "shop",
            "CREATE_COMPLETE",
        )
        assert [(r.logical_id, r.type, r.physical_id) for r in first.resources] == [
            ("Jobs", "AWS::SQS::Queue", first.outputs["Url"])
        ]
        assert heard[0] == "create shop: 1 to add"
        assert heard[-1] == "shop CREATE_COMPLETE"
        heard.clear()
        again = await deploy(kernel, find(tmp_path), principal=_ROOT, tell=tell)
        assert (again.ok, again.action, again.outputs, heard) == (True, "none", first.outputs, [])
        (tmp_path / "samconfig.toml").write_text(
            "[default.deploy.parameters]\nstack_name = 'shop'\n"
            "parameter_overrides = ['Timeout=60', 'Other=1']\n"
        )
        changed = await deploy(kernel, find(tmp_path), principal=_ROOT, tell=tell)
        assert (changed.action, heard[0]) == ("update", "update shop: 1 to change")
        got = await kernel.invoke(
            _ROOT,
            "sqs",
            "GetQueueAttributes",
            {"QueueUrl": first.outputs["Url"], "AttributeNames": ["VisibilityTimeout"]},
        )
        assert got["Attributes"] == {"VisibilityTimeout": "60"}

    in_a_cloudlet(story)


def test_a_template_that_is_wrong_is_told_with_the_line_of_the_file(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(_TEMPLATE.replace("VisibilityTimeout: !Ref", "Visibility: !Ref"))

    async def story(kernel, heard, tell):
        with pytest.raises(
            DeployError, match=r"template.yaml: .* property Visibility is not honoured by cloudlet \(line 7\)"
        ):
            await deploy(kernel, find(tmp_path), principal=_ROOT, tell=tell)
        path.write_text("Resources: [")
        with pytest.raises(DeployError, match=r"template.yaml: Template format error: YAML not well-formed"):
            await deploy(kernel, find(tmp_path), principal=_ROOT)
        path.write_text(_TEMPLATE)
        assert (await deploy(kernel, find(tmp_path), principal=_ROOT)).action == "create"

    in_a_cloudlet(story)


def test_a_stack_that_could_not_be_made_is_made_anew(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(_TEMPLATE.replace("!Ref Timeout", "999999"))

    async def story(kernel, heard, tell):
        failed = await deploy(kernel, find(tmp_path), principal=_ROOT, tell=tell)
        assert (failed.ok, failed.status) == (False, "ROLLBACK_COMPLETE")
        assert [(f.logical_id, f.status) for f in failed.failures] == [("Jobs", "CREATE_FAILED")]
        path.write_text(_TEMPLATE)
        assert (await deploy(kernel, find(tmp_path), principal=_ROOT, tell=tell)).status == "CREATE_COMPLETE"

    in_a_cloudlet(story)


def test_what_changed_decides_what_is_done(tmp_path):
    application = find(_write(tmp_path))
    code, other = tmp_path / "src", tmp_path / "lib"
    from_code = _Latest(
        {code, other}, {application.template, tmp_path / "api.yaml", code / "requirements.txt"}
    )
    assert sort_out({code / "a.py"}, application, from_code) == (False, {code})
    assert sort_out({tmp_path / "api.yaml"}, application, from_code) == (True, set())
    assert sort_out({code / "requirements.txt"}, application, from_code)[0]
    assert sort_out({tmp_path / "README.md"}, application, from_code) == (False, set())
    assert sort_out({application.template, other / "deep" / "b.py"}, application, from_code) == (
        True,
        {other},
    )


def test_a_saved_file_is_noticed(tmp_path):
    application = find(_write(tmp_path))

    async def story():
        stop, noticed = asyncio.Event(), []

        async def template_changed():
            noticed.append("template")
            stop.set()

        async def code_changed(folder: Path):
            noticed.append(folder.name)
            application.template.write_text(_TEMPLATE + "# changed\n")

        async def save():
            while not noticed:  # until the watcher is awake
                (tmp_path / "src" / "a.py").write_text("x = 2\n")
                await asyncio.sleep(0.1)

        saving = asyncio.create_task(save())
        await watch(
            application,
            files=lambda: _Latest({tmp_path / "src"}, {application.template}),
            template_changed=template_changed,
            code_changed=code_changed,
            stop=stop,
        )
        await saving
        assert noticed[0] == "src" and noticed[-1] == "template"

    asyncio.run(asyncio.wait_for(story(), 30))


def _write(folder):
    (folder / "template.yaml").write_text(_TEMPLATE)
    (folder / "src").mkdir()
    return folder


class _Latest:
    """An outcome, as far as the watcher looks at it."""

    def __init__(self, code, files):
        self.code, self.files = code, files

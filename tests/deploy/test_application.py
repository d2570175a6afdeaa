"""What lies in a folder."""

import pytest

from cloudlet.deploy import DeployError, find

_TEMPLATE = "Resources: {Q: {Type: 'AWS::SQS::Queue'}}"


def test_a_folder_without_a_template_holds_no_application(tmp_path):
    assert find(tmp_path) is None
    (tmp_path / "template.yaml").write_text("kind: Deployment\n")
    assert find(tmp_path) is None


@pytest.mark.parametrize("name", ["template.yaml", "template.yml", "template.json"])
def test_a_template_makes_a_folder_an_application(tmp_path, name):
    folder = tmp_path / "2 My shop!"
    folder.mkdir()
    (folder / name).write_text('{"Resources": {}}' if name.endswith("json") else _TEMPLATE)
    found = find(folder)
    assert (found.template, found.stack_name, found.home) == (
        folder / name,
        "app-2-My-shop",
        folder / ".cloudlet",
    )


def test_samconfig_names_the_stack_and_overrides_parameters(tmp_path):
    (tmp_path / "template.yaml").write_text(_TEMPLATE)
    (tmp_path / "samconfig.toml").write_text("""
version = 0.1
[default.global.parameters]
stack_name = "shop"
[default.deploy.parameters]
parameter_overrides = 'Stage="my stage" ParameterKey=Size,ParameterValue=2 Empty='
tags = ["team=blue"]
[prod.deploy.parameters]
stack_name = "shop-prod"
""")
    found = find(tmp_path)
    assert (found.stack_name, found.parameters, found.tags) == (
        "shop",
        {"Stage": "my stage", "Size": "2", "Empty": ""},
        {"team": "blue"},
    )
    assert find(tmp_path, "prod").stack_name == "shop-prod"


def test_a_samconfig_that_can_not_be_read_is_told(tmp_path):
    (tmp_path / "template.yaml").write_text(_TEMPLATE)
    (tmp_path / "samconfig.toml").write_text("= nonsense")
    with pytest.raises(DeployError, match=r"samconfig\.toml can't be read"):
        find(tmp_path)


def test_what_sam_built_is_taken_only_if_it_is_asked_for(tmp_path):
    project = tmp_path / "shop"
    build = project / ".aws-sam" / "build"
    build.mkdir(parents=True)
    (project / "template.yaml").write_text(_TEMPLATE)
    (build / "template.yaml").write_text(_TEMPLATE)
    assert find(project).template == project / "template.yaml"
    found = find(build)
    assert (found.template, found.stack_name, found.home) == (
        build / "template.yaml",
        "shop",
        project / ".cloudlet",
    )


def test_a_manifest_of_somebody_else_is_no_application(tmp_path):
    for text in ('{"name": "A web app", "icons": []}', "[]"):
        (tmp_path / "manifest.json").write_text(text)
        assert find(tmp_path) is None

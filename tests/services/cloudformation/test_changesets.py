"""Change sets, and the command line that lives on them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

_ONE = "Resources:\n  A: {Type: 'AWS::CloudFormation::Toy', Properties: {Size: 1, Name: %s}}\n"
_AWS = shutil.which("aws", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def test_a_change_set_makes_a_stack(stacks):
    made = stacks.client.create_change_set(
        StackName="planned",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=_ONE % "a",
        Description="a start",
    )
    assert stacks.status("planned") == "REVIEW_IN_PROGRESS"
    plan = stacks.client.describe_change_set(ChangeSetName=made["Id"])
    assert (plan["Status"], plan["ExecutionStatus"], plan["Description"]) == (
        "CREATE_COMPLETE",
        "AVAILABLE",
        "a start",
    )
    assert plan["Changes"] == [
        {
            "Type": "Resource",
            "ResourceChange": {
                "Action": "Add",
                "LogicalResourceId": "A",
                "ResourceType": "AWS::CloudFormation::Toy",
                "Scope": [],
                "Details": [],
            },
        }
    ]
    stacks.client.execute_change_set(ChangeSetName="first", StackName="planned")
    assert stacks.status("planned") == "CREATE_COMPLETE"
    with pytest.raises(stacks.client.exceptions.InvalidChangeSetStatusException, match="EXECUTE_COMPLETE"):
        stacks.client.execute_change_set(ChangeSetName="first", StackName="planned")


def test_a_change_set_says_what_would_be_replaced_and_why(stacks):
    stacks.client.create_stack(StackName="why", TemplateBody=_ONE % "a")
    stacks.client.create_change_set(
        StackName="why", ChangeSetName="c", TemplateBody=(_ONE % "b").replace("1", "2")
    )
    change = stacks.client.describe_change_set(StackName="why", ChangeSetName="c")["Changes"][0][
        "ResourceChange"
    ]
    assert (change["Action"], change["PhysicalResourceId"], change["Replacement"]) == ("Modify", "a", "True")
    assert change["Details"] == [
        {
            "Target": {"Attribute": "Properties", "Name": "Size", "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        },
        {
            "Target": {"Attribute": "Properties", "Name": "Name", "RequiresRecreation": "Always"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        },
    ]
    assert [s["ChangeSetName"] for s in stacks.client.list_change_sets(StackName="why")["Summaries"]] == ["c"]
    stacks.client.delete_change_set(StackName="why", ChangeSetName="c")
    with pytest.raises(stacks.client.exceptions.ChangeSetNotFoundException):
        stacks.client.describe_change_set(StackName="why", ChangeSetName="c")


def test_a_change_set_without_changes_fails(stacks):
    stacks.client.create_stack(StackName="still", TemplateBody=_ONE % "a")
    stacks.client.create_change_set(StackName="still", ChangeSetName="c", TemplateBody=_ONE % "a")
    found = stacks.client.describe_change_set(StackName="still", ChangeSetName="c")
    assert (found["Status"], found["ExecutionStatus"], found["StatusReason"]) == (
        "FAILED",
        "UNAVAILABLE",
        "The submitted information didn't contain changes. Submit different information to "
        "create a change set.",
    )


def test_a_name_belongs_to_one_change_set(stacks):
    args = {"StackName": "named", "ChangeSetName": "c", "ChangeSetType": "CREATE", "TemplateBody": _ONE % "a"}
    first = stacks.client.create_change_set(**args, ClientToken="t")
    assert stacks.client.create_change_set(**args, ClientToken="t")["Id"] == first["Id"]
    with pytest.raises(stacks.client.exceptions.AlreadyExistsException):
        stacks.client.create_change_set(**args)
    with pytest.raises(ClientError, match=r"Stack \[nobody\] does not exist"):
        stacks.client.create_change_set(**args | {"StackName": "nobody", "ChangeSetType": "UPDATE"})


@pytest.mark.skipif(_AWS is None, reason="the aws command line is not installed")
def test_the_command_line_deploys_and_deploys_again(cloudlet, stacks, tmp_path):
    template = tmp_path / "template.yaml"
    template.write_text("Parameters: {Name: {Type: String}}\n" + _ONE % "!Sub '${Name}-box'")

    def deploy():
        return subprocess.run(
            [
                _AWS,
                "cloudformation",
                "deploy",
                "--endpoint-url",
                cloudlet.url,
                "--stack-name",
                "cli",
                "--region",
                "us-east-1",
                "--template-file",
                str(template),
                "--parameter-overrides",
                "Name=my",
                "--tags",
                "team=blue",
            ],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
        )

    first = deploy()
    assert first.returncode == 0, first.stderr
    assert "Successfully created/updated stack - cli" in first.stdout
    assert stacks.resources("cli") == {"A": "my-box"}
    second = deploy()
    assert "No changes to deploy. Stack cli is up to date" in second.stdout + second.stderr

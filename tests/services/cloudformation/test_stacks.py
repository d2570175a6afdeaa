"""The life of a stack."""

import pytest
from botocore.exceptions import ClientError

_TOY = "Type: 'AWS::CloudFormation::Toy'"
_TWO = f"""
Parameters:
  Size: {{Type: Number, Default: 1}}
  Name: {{Type: String, Default: ''}}
  Fails: {{Type: CommaDelimitedList, Default: ''}}
Conditions: {{Named: !Not [!Equals [!Ref Name, '']]}}
Resources:
  First:
    {_TOY}
    Properties: {{Size: !Ref Size, Name: !If [Named, !Ref Name, !Ref 'AWS::NoValue']}}
  Second:
    {_TOY}
    Properties: {{Size: !Ref Size, After: !Ref First, Fails: !Ref Fails}}
Outputs:
  First: {{Value: !Ref First}}
  Size: {{Value: !GetAtt Second.Size, Description: how large}}
"""


def p(**parameters):
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]


def test_a_stack_is_created_in_order_and_tells_its_outputs(stacks):
    stacks.client.create_stack(StackName="made", TemplateBody=_TWO, Parameters=p(Size="3"))
    assert stacks.events("made") == [
        ("made", "CREATE_IN_PROGRESS"),
        ("First", "CREATE_IN_PROGRESS"),
        ("First", "CREATE_IN_PROGRESS"),
        ("First", "CREATE_COMPLETE"),
        ("Second", "CREATE_IN_PROGRESS"),
        ("Second", "CREATE_IN_PROGRESS"),
        ("Second", "CREATE_COMPLETE"),
        ("made", "CREATE_COMPLETE"),
    ]
    assert stacks.outputs("made") == {"First": stacks.resources("made")["First"], "Size": "3"}
    assert stacks.resources("made")["First"].startswith("made-First-")


def test_the_waiters_of_boto3_are_content_at_once(stacks):
    stacks.client.create_stack(StackName="waited", TemplateBody=_TWO)
    stacks.client.get_waiter("stack_create_complete").wait(StackName="waited")
    stacks.client.delete_stack(StackName="waited")
    stacks.client.get_waiter("stack_delete_complete").wait(StackName="waited")


def test_a_stack_that_fails_is_rolled_back(stacks, deeds):
    stacks.client.create_stack(StackName="broken", TemplateBody=_TWO, Parameters=p(Fails="create"))
    assert stacks.status("broken") == "ROLLBACK_COMPLETE"
    events = stacks.client.describe_stack_events(StackName="broken")["StackEvents"]
    reasons = {(e["LogicalResourceId"], e["ResourceStatus"]): e.get("ResourceStatusReason") for e in events}
    assert reasons["Second", "CREATE_FAILED"] == "the toy can't create"
    assert reasons["broken", "ROLLBACK_IN_PROGRESS"] == (
        "The following resource(s) failed to create: [Second]. Rollback requested by user."
    )
    assert [deed[:2] for deed in deeds] == [("create", "First"), ("create", "Second"), ("delete", "First")]
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stacks.client.update_stack(StackName="broken", TemplateBody=_TWO)


def test_what_failed_may_be_left_to_look_at_and_then_mended(stacks, deeds):
    stacks.client.create_stack(
        StackName="left", TemplateBody=_TWO, Parameters=p(Fails="create"), DisableRollback=True
    )
    assert stacks.status("left") == "CREATE_FAILED"
    stacks.client.update_stack(StackName="left", UsePreviousTemplate=True)
    assert stacks.status("left") == "UPDATE_COMPLETE"
    assert [deed[:2] for deed in deeds] == [("create", "First"), ("create", "Second"), ("create", "Second")]


def test_a_stack_that_fails_may_be_deleted(stacks):
    made = stacks.client.create_stack(
        StackName="gone", TemplateBody=_TWO, Parameters=p(Fails="create"), OnFailure="DELETE"
    )
    assert stacks.status(made["StackId"]) == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="Stack with id gone does not exist"):
        stacks.status("gone")


def test_an_update_changes_what_changed_and_what_saw_it(stacks, deeds):
    stacks.client.create_stack(StackName="grown", TemplateBody=_TWO)
    first = stacks.resources("grown")["First"]
    stacks.client.update_stack(StackName="grown", TemplateBody=_TWO, Parameters=p(Size="5"))
    assert stacks.resources("grown")["First"] == first
    assert stacks.outputs("grown")["Size"] == "5"
    assert deeds[2:] == [("update", "First", 5), ("update", "Second", 5)]


def test_an_update_that_changes_nothing_is_refused(stacks):
    stacks.client.create_stack(StackName="same", TemplateBody=_TWO)
    with pytest.raises(ClientError, match="No updates are to be performed") as error:
        stacks.client.update_stack(StackName="same", TemplateBody=_TWO)
    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_a_replacement_is_made_first_and_the_old_one_deleted_last(stacks, deeds):
    stacks.client.create_stack(StackName="swapped", TemplateBody=_TWO)
    stacks.client.update_stack(StackName="swapped", TemplateBody=_TWO, Parameters=p(Name="new"))
    assert stacks.resources("swapped")["First"] == "new"
    assert [deed[:2] for deed in deeds[2:]] == [
        ("create", "First"),
        ("update", "Second"),
        ("delete", "First"),
    ]
    assert stacks.events("swapped", "UPDATE_IN_PROGRESS")[-4:] == [
        ("swapped", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("First", "DELETE_IN_PROGRESS"),
        ("First", "DELETE_COMPLETE"),
        ("swapped", "UPDATE_COMPLETE"),
    ]


def test_what_left_the_template_is_deleted_unless_it_is_retained(stacks, deeds):
    text = f"Resources:\n  A: {{{_TOY}}}\n  B: {{{_TOY}}}\n  C: {{{_TOY}, DeletionPolicy: Retain}}\n"
    stacks.client.create_stack(StackName="shrunk", TemplateBody=text)
    stacks.client.update_stack(StackName="shrunk", TemplateBody=f"Resources:\n  A: {{{_TOY}}}\n")
    assert [deed[:2] for deed in deeds if deed[0] == "delete"] == [("delete", "B")]
    assert ("C", "DELETE_SKIPPED") in stacks.events("shrunk", "UPDATE_IN_PROGRESS")
    assert list(stacks.resources("shrunk")) == ["A"]


def test_an_update_that_fails_is_undone_in_reverse(stacks, deeds):
    stacks.client.create_stack(StackName="undone", TemplateBody=_TWO)
    before = stacks.resources("undone")
    extra = _TWO.replace("Outputs:", f"  Third: {{{_TOY}, DependsOn: First}}\nOutputs:")
    stacks.client.update_stack(StackName="undone", TemplateBody=extra, Parameters=p(Size="7", Fails="update"))
    assert stacks.status("undone") == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.resources("undone") == before
    assert stacks.outputs("undone")["Size"] == "1"
    assert [deed for deed in deeds[2:] if deed[1] != "Third"] == [
        ("update", "First", 7),
        ("update", "Second", 7),
        ("update", "Second", 1),
        ("update", "First", 1),
    ]
    assert ("delete", "Third", 0) in deeds


def test_a_replacement_that_is_undone_leaves_the_old_one(stacks, deeds):
    stacks.client.create_stack(StackName="kept", TemplateBody=_TWO)
    before = stacks.resources("kept")
    stacks.client.update_stack(
        StackName="kept", TemplateBody=_TWO, Parameters=p(Name="other", Fails="update")
    )
    assert stacks.status("kept") == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.resources("kept") == before
    assert deeds[-1] == ("delete", "First", "other")


def test_a_stack_that_can_not_be_deleted_says_so_and_lets_go_of_what_it_is_told(stacks):
    stacks.client.create_stack(StackName="stuck", TemplateBody=_TWO, Parameters=p(Fails="delete"))
    stacks.client.delete_stack(StackName="stuck")
    stack = stacks.client.describe_stacks(StackName="stuck")["Stacks"][0]
    assert (stack["StackStatus"], stack["StackStatusReason"]) == (
        "DELETE_FAILED",
        "The following resource(s) failed to delete: [Second]. ",
    )
    stacks.client.delete_stack(StackName="stuck", RetainResources=["Second"])
    assert stacks.status(stack["StackId"]) == "DELETE_COMPLETE"


def test_a_protected_stack_is_not_deleted(stacks):
    stacks.client.create_stack(StackName="safe", TemplateBody=_TWO, EnableTerminationProtection=True)
    with pytest.raises(
        ClientError, match=r"Stack \[safe\] cannot be deleted while TerminationProtection is enabled"
    ):
        stacks.client.delete_stack(StackName="safe")
    stacks.client.update_termination_protection(StackName="safe", EnableTerminationProtection=False)
    stacks.client.delete_stack(StackName="safe")


def test_names_are_taken_once(stacks):
    stacks.client.create_stack(StackName="taken", TemplateBody=_TWO)
    with pytest.raises(
        stacks.client.exceptions.AlreadyExistsException, match=r"Stack \[taken\] already exists"
    ):
        stacks.client.create_stack(StackName="taken", TemplateBody=_TWO)


def test_an_export_is_imported_and_then_can_not_go(stacks):
    text = (
        f"Resources:\n  A: {{{_TOY}, Properties: {{Name: net}}}}\n"
        "Outputs:\n  A: {Value: !Ref A, Export: {Name: net-id}}"
    )
    stacks.client.create_stack(StackName="exporter", TemplateBody=text)
    stacks.client.create_stack(
        StackName="importer",
        TemplateBody=(
            f"Resources:\n  A: {{{_TOY}, Properties: {{Name: !Sub ['x-${{N}}', {{N: !ImportValue "
            f"net-id}}]}}}}"
        ),
    )
    assert stacks.resources("importer") == {"A": "x-net"}
    assert stacks.client.list_imports(ExportName="net-id")["Imports"] == ["importer"]
    assert [e["Value"] for e in stacks.client.list_exports()["Exports"] if e["Name"] == "net-id"] == ["net"]
    with pytest.raises(ClientError, match="Export net-id cannot be deleted as it is in use by importer"):
        stacks.client.delete_stack(StackName="exporter")
    stacks.client.create_stack(StackName="rival", TemplateBody=text)
    assert stacks.status("rival") == "ROLLBACK_COMPLETE"
    stacks.client.delete_stack(StackName="importer")
    stacks.client.delete_stack(StackName="exporter")


def test_capabilities_must_be_acknowledged(stacks):
    text = (
        "Resources:\n  R: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {}, RoleName: x}}"
    )
    with pytest.raises(
        stacks.client.exceptions.InsufficientCapabilitiesException,
        match=r"Requires capabilities : \[CAPABILITY_NAMED_IAM\]",
    ):
        stacks.client.create_stack(StackName="iam", TemplateBody=text, Capabilities=["CAPABILITY_IAM"])


def test_a_type_or_property_that_is_not_there_fails_before_anything_is_created(stacks):
    text = f"Resources:\n  A: {{{_TOY}}}\n  B:\n    {_TOY}\n    Properties:\n      Colour: red\n"
    with pytest.raises(
        ClientError, match=r"resource B .* the property Colour is not honoured by cloudlet \(line 6\)"
    ):
        stacks.client.create_stack(StackName="never", TemplateBody=text)
    with pytest.raises(
        ClientError, match=r"Unrecognized resource types: \[AWS::Moon::Base\] \(resource A, line 2\)"
    ):
        stacks.client.create_stack(
            StackName="never", TemplateBody="Resources:\n  A: {Type: 'AWS::Moon::Base'}"
        )
    with pytest.raises(ClientError, match="Stack with id never does not exist"):
        stacks.status("never")


def test_secrets_stay_secret(stacks):
    text = (
        "Parameters: {Word: {Type: String, NoEcho: true}}\n"
        f"Resources:\n  A: {{{_TOY}, Properties: {{Name: !Ref Word}}}}"
    )
    stacks.client.create_stack(StackName="quiet", TemplateBody=text, Parameters=p(Word="sesame"))
    stack = stacks.client.describe_stacks(StackName="quiet")["Stacks"][0]
    assert stack["Parameters"] == [{"ParameterKey": "Word", "ParameterValue": "****"}]


def test_many_events_come_in_pages(stacks):
    text = "Resources:\n" + "".join(f"  R{n}: {{{_TOY}}}\n" for n in range(40))
    stacks.client.create_stack(StackName="many", TemplateBody=text)
    pages = list(stacks.client.get_paginator("describe_stack_events").paginate(StackName="many"))
    assert [len(page["StackEvents"]) for page in pages] == [100, 22]
    assert len({event["EventId"] for page in pages for event in page["StackEvents"]}) == 122


def test_templates_are_given_back_and_summarised(stacks):
    stacks.client.create_stack(StackName="read", TemplateBody=_TWO)
    assert stacks.client.get_template(StackName="read")["TemplateBody"] == _TWO
    summary = stacks.client.get_template_summary(StackName="read")
    assert summary["ResourceTypes"] == ["AWS::CloudFormation::Toy"]
    assert [one["ParameterKey"] for one in summary["Parameters"]] == ["Size", "Name", "Fails"]
    valid = stacks.client.validate_template(TemplateBody=_TWO)
    assert valid["Parameters"][0] == {
        "ParameterKey": "Size",
        "DefaultValue": "1",
        "NoEcho": False,
        "Description": "",
    }
    with pytest.raises(ClientError, match=r"unknown tag !Foo \(line 1\)"):
        stacks.client.validate_template(TemplateBody="Resources: {A: {Type: X, Properties: !Foo x}}")


def test_a_request_that_is_sent_twice_makes_one_stack(stacks):
    first = stacks.client.create_stack(StackName="twice", TemplateBody=_TWO, ClientRequestToken="t1")
    assert (
        stacks.client.create_stack(StackName="twice", TemplateBody=_TWO, ClientRequestToken="t1")["StackId"]
        == first["StackId"]
    )
    events = stacks.client.describe_stack_events(StackName="twice")["StackEvents"]
    assert {event["ClientRequestToken"] for event in events} == {"t1"}


def test_policies_decide_what_a_rollback_keeps(stacks, deeds):
    text = (
        f"Resources:\n  A: {{{_TOY}, DeletionPolicy: Retain}}\n"
        f"  B: {{{_TOY}, DeletionPolicy: RetainExceptOnCreate}}\n"
        f"  C: {{{_TOY}, DependsOn: [A, B], Properties: {{Fails: [create]}}}}\n"
    )
    stacks.client.create_stack(StackName="policies", TemplateBody=text)
    assert [deed[1] for deed in deeds if deed[0] == "delete"] == ["B"]
    stacks.client.create_stack(StackName="policies2", TemplateBody=text, RetainExceptOnCreate=True)
    assert sorted(deed[1] for deed in deeds if deed[0] == "delete") == ["A", "B", "B"]


def test_an_update_rollback_that_fails_can_be_continued(stacks, deeds):
    stacks.client.create_stack(StackName="halted", TemplateBody=_TWO, Parameters=p(Fails="update"))
    stacks.client.update_stack(StackName="halted", TemplateBody=_TWO, Parameters=p(Fails="update", Size="2"))
    assert stacks.status("halted") == "UPDATE_ROLLBACK_FAILED"
    stacks.client.continue_update_rollback(StackName="halted", ResourcesToSkip=["Second"])
    assert stacks.status("halted") == "UPDATE_ROLLBACK_COMPLETE"
    assert deeds[-1] == ("update", "First", 1)

"""Secrets Manager, from the outside."""

import json
import string

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def sm(cloudlet):
    return cloudlet.client("secretsmanager")


def refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def value(sm, id, **chosen):
    return sm.get_secret_value(SecretId=id, **chosen)["SecretString"]


def test_a_secret_is_read_by_name_arn_and_partial_arn(sm):
    made = sm.create_secret(Name="app/key", SecretString="hush", Description="d")
    arn = made["ARN"]
    assert arn[:-7] == "arn:aws:secretsmanager:us-east-1:000000000000:secret:app/key" and arn[-7] == "-"
    for id in ("app/key", arn, arn[:-7]):
        found = sm.get_secret_value(SecretId=id)
        assert (found["SecretString"], found["VersionStages"]) == ("hush", ["AWSCURRENT"])
    assert found["VersionId"] == made["VersionId"]
    assert refusal(sm.get_secret_value, SecretId=arn[:-1] + "_") == (
        "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    sm.create_secret(Name="app/raw", SecretBinary=b"\x00\xff")
    assert sm.get_secret_value(SecretId="app/raw")["SecretBinary"] == b"\x00\xff"


def test_a_new_value_leaves_the_previous_one_in_reach(sm):
    first = sm.create_secret(Name="stages", SecretString="1")["VersionId"]
    second = sm.put_secret_value(SecretId="stages", SecretString="2")["VersionId"]
    assert (value(sm, "stages"), value(sm, "stages", VersionStage="AWSPREVIOUS")) == ("2", "1")
    third = sm.update_secret(SecretId="stages", SecretString="3")["VersionId"]
    assert sm.describe_secret(SecretId="stages")["VersionIdsToStages"] == {
        second: ["AWSPREVIOUS"], third: ["AWSCURRENT"]}
    assert value(sm, "stages", VersionId=first) == "1"
    listed = sm.list_secret_version_ids(SecretId="stages")["Versions"]
    assert [one["VersionId"] for one in listed] == [third, second]
    every = sm.list_secret_version_ids(SecretId="stages", IncludeDeprecated=True)["Versions"]
    assert [one["VersionId"] for one in every] == [third, second, first]
    assert refusal(sm.get_secret_value, SecretId="stages", VersionStage="NONE") == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: NONE")
    assert refusal(sm.get_secret_value, SecretId="stages", VersionId=first, VersionStage="AWSCURRENT")[0] == (
        "InvalidRequestException")


def test_a_pending_version_becomes_the_current_one(sm):
    old = sm.create_secret(Name="pending", SecretString="old")["VersionId"]
    new = sm.put_secret_value(SecretId="pending", SecretString="new", VersionStages=["AWSPENDING"])[
        "VersionId"
    ]
    assert (value(sm, "pending"), value(sm, "pending", VersionStage="AWSPENDING")) == ("old", "new")
    move = {"SecretId": "pending", "VersionStage": "AWSCURRENT", "MoveToVersionId": new}
    code, message = refusal(sm.update_secret_version_stage, **move)
    assert code == "InvalidParameterException" and "RemoveFromVersionId can't be empty" in message
    sm.update_secret_version_stage(**move, RemoveFromVersionId=old)
    assert (value(sm, "pending"), value(sm, "pending", VersionStage="AWSPREVIOUS")) == ("new", "old")
    sm.update_secret_version_stage(SecretId="pending", VersionStage="AWSPENDING", RemoveFromVersionId=new)
    assert sm.describe_secret(SecretId="pending")["VersionIdsToStages"] == {
        old: ["AWSPREVIOUS"], new: ["AWSCURRENT"]}
    assert refusal(sm.update_secret_version_stage, SecretId="pending", VersionStage="AWSCURRENT",
                   RemoveFromVersionId=new)[0] == "InvalidParameterException"


def test_a_request_token_makes_one_version_only(sm):
    token = "a" * 32
    made = sm.create_secret(Name="token", SecretString="1", ClientRequestToken=token)
    assert made["VersionId"] == token
    assert sm.create_secret(Name="token", SecretString="1", ClientRequestToken=token)["ARN"] == made["ARN"]
    assert refusal(sm.create_secret, Name="token", SecretString="1") == (
        "ResourceExistsException", "The operation failed because the secret token already exists.")
    assert (
        sm.put_secret_value(SecretId="token", SecretString="1", ClientRequestToken=token)["VersionId"]
        == token
    )
    code, message = refusal(sm.put_secret_value, SecretId="token", SecretString="2", ClientRequestToken=token)
    assert code == "ResourceExistsException" and "already in use for a version" in message


def test_a_secret_without_a_value_has_none(sm):
    assert "VersionId" not in sm.create_secret(Name="empty")
    assert refusal(sm.get_secret_value, SecretId="empty")[1] == (
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT")
    assert refusal(sm.put_secret_value, SecretId="empty")[0] == "InvalidRequestException"
    assert refusal(sm.put_secret_value, SecretId="empty", SecretString="a", SecretBinary=b"b")[0] == (
        "InvalidParameterException")
    first = sm.put_secret_value(SecretId="empty", SecretString="x", VersionStages=["MINE"])
    assert set(first["VersionStages"]) == {"MINE", "AWSCURRENT"}


def test_a_deleted_secret_can_be_restored_until_its_window_has_passed(fresh):
    cloudlet = fresh()
    sm = cloudlet.client("secretsmanager")
    arn = sm.create_secret(Name="gone", SecretString="x")["ARN"]
    sm.delete_secret(SecretId="gone", RecoveryWindowInDays=7)
    assert refusal(sm.get_secret_value, SecretId="gone") == (
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.")
    assert refusal(sm.create_secret, Name="gone")[0] == "InvalidRequestException"
    assert sm.list_secrets()["SecretList"] == []
    assert "DeletedDate" in sm.list_secrets(IncludePlannedDeletion=True)["SecretList"][0]
    sm.restore_secret(SecretId="gone")
    cloudlet.advance(8 * 86_400)
    assert value(sm, "gone") == "x"
    sm.delete_secret(SecretId="gone", RecoveryWindowInDays=7)
    cloudlet.advance(7 * 86_400 + 1)
    made = None
    while made is None:  # the clearing runs at once, but beside us
        try:
            made = sm.create_secret(Name="gone", SecretString="y")
        except sm.exceptions.InvalidRequestException:
            continue
    assert made["ARN"] != arn


def test_a_deletion_has_rules(sm):
    sm.create_secret(Name="doomed", SecretString="x")
    assert refusal(sm.delete_secret, SecretId="doomed", RecoveryWindowInDays=6) == (
        "InvalidParameterException",
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    )
    assert (
        refusal(sm.delete_secret, SecretId="doomed", RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)[
            0
        ]
        == "InvalidParameterException"
    )
    sm.delete_secret(SecretId="doomed", ForceDeleteWithoutRecovery=True)
    assert refusal(sm.describe_secret, SecretId="doomed")[0] == "ResourceNotFoundException"


def test_lists_are_filtered_sorted_and_paged(sm):
    for n, name in enumerate(("l/one", "l/two", "l/three")):
        sm.create_secret(Name=name, SecretString=str(n), Description=f"Number {name[2:]}",
                         Tags=[{"Key": "parity", "Value": "odd" if n % 2 else "even"}])

    def listed(*filters, **params):
        found = sm.list_secrets(Filters=[{"Key": "name", "Values": ["l/"]}, *filters], **params)
        return [one["Name"][2:] for one in found["SecretList"]]

    assert listed(SortOrder="asc", SortBy="name") == ["one", "three", "two"]
    assert set(listed({"Key": "tag-value", "Values": ["even"]})) == {"one", "three"}
    assert listed({"Key": "tag-value", "Values": ["!even"]}) == ["two"]
    assert listed({"Key": "description", "Values": ["number tw"]}) == ["two"]
    assert listed({"Key": "all", "Values": ["three"]}) == ["three"]
    pages = sm.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": ["l/"]}], PaginationConfig={"PageSize": 2})
    assert [len(page["SecretList"]) for page in pages] == [2, 1]
    batch = sm.batch_get_secret_value(SecretIdList=["l/one", "l/none", "l/two"])
    assert [one["SecretString"] for one in batch["SecretValues"]] == ["0", "1"]
    assert [(one["SecretId"], one["ErrorCode"]) for one in batch["Errors"]] == [
        ("l/none", "ResourceNotFoundException")
    ]
    assert len(sm.batch_get_secret_value(Filters=[{"Key": "name", "Values": ["l/"]}])["SecretValues"]) == 3


def test_tags_and_policies(sm):
    sm.create_secret(Name="tagged", Tags=[{"Key": "a", "Value": "1"}])
    sm.tag_resource(SecretId="tagged", Tags=[{"Key": "b", "Value": "2"}])
    sm.untag_resource(SecretId="tagged", TagKeys=["a"])
    assert sm.describe_secret(SecretId="tagged")["Tags"] == [{"Key": "b", "Value": "2"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
    assert refusal(sm.put_resource_policy, SecretId="tagged", ResourcePolicy=policy, BlockPublicPolicy=True)[
        0
    ] == ("PublicPolicyException")
    assert refusal(sm.put_resource_policy, SecretId="tagged", ResourcePolicy="{}")[0] == (
        "MalformedPolicyDocumentException")
    assert sm.validate_resource_policy(ResourcePolicy=policy)["PolicyValidationPassed"] is False
    sm.put_resource_policy(SecretId="tagged", ResourcePolicy=policy)
    assert sm.get_resource_policy(SecretId="tagged")["ResourcePolicy"] == policy
    sm.delete_resource_policy(SecretId="tagged")
    assert "ResourcePolicy" not in sm.get_resource_policy(SecretId="tagged")


def test_a_random_password_has_what_is_asked_for(sm):
    password = sm.get_random_password()["RandomPassword"]
    assert len(password) == 32
    for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation):
        assert set(kind) & set(password)
    digits = sm.get_random_password(PasswordLength=100, ExcludeLowercase=True, ExcludeUppercase=True,
                                    ExcludePunctuation=True, ExcludeCharacters="01")["RandomPassword"]
    assert len(digits) == 100 and set(digits) <= set("23456789")
    assert refusal(sm.get_random_password, PasswordLength=3)[0] == "InvalidParameterException"


def test_names_and_keys_have_rules(sm):
    assert refusal(sm.create_secret, Name="with space")[0] == "ValidationException"
    assert refusal(sm.create_secret, Name="k", KmsKeyId="alias/mine")[0] == "InvalidParameterException"

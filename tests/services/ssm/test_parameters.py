"""Parameter Store, from the outside."""

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ssm(cloudlet):
    return cloudlet.client("ssm")


def refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def put(ssm, name, value="v", type="String", **more):
    return ssm.put_parameter(Name=name, Value=value, Type=type, **more)


def names(answer):
    return [one["Name"] for one in answer["Parameters"]]


def test_a_parameter_is_read_as_it_was_written(ssm):
    assert put(ssm, "/read/a", "1", Description="d") | {"ResponseMetadata": 0} == {
        "Version": 1, "Tier": "Standard", "ResponseMetadata": 0}
    found = ssm.get_parameter(Name="/read/a")["Parameter"]
    assert (found["Name"], found["Value"], found["Type"], found["Version"]) == ("/read/a", "1", "String", 1)
    assert found["ARN"] == "arn:aws:ssm:us-east-1:000000000000:parameter/read/a"
    assert found["DataType"] == "text"
    assert ssm.get_parameter(Name=found["ARN"])["Parameter"]["Value"] == "1"
    assert refusal(ssm.get_parameter, Name="/read/b")[0] == "ParameterNotFound"


def test_overwriting_makes_a_version_and_must_be_asked_for(ssm):
    put(ssm, "versions", "1", Description="first")
    assert refusal(ssm.put_parameter, Name="versions", Value="2", Type="String") == (
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request "
        "to true.",
    )
    assert ssm.put_parameter(Name="versions", Value="2", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name="versions")["Parameter"]["Value"] == "2"
    old = ssm.get_parameter(Name="versions:1")["Parameter"]
    assert (old["Value"], old["Selector"], old["Name"]) == ("1", ":1", "versions")
    assert refusal(ssm.get_parameter, Name="versions:3")[0] == "ParameterVersionNotFound"
    history = ssm.get_parameter_history(Name="versions")["Parameters"]
    assert [(one["Version"], one["Value"], one["Description"]) for one in history] == [
        (1, "1", "first"), (2, "2", "first")]
    assert refusal(ssm.put_parameter, Name="versions", Value="3", Type="SecureString", Overwrite=True)[0] == (
        "HierarchyTypeMismatchException")


def test_labels_choose_versions_and_move(ssm):
    put(ssm, "/labels/a", "1")
    put(ssm, "/labels/a", "2", Overwrite=True)
    answer = ssm.label_parameter_version(
        Name="/labels/a", ParameterVersion=1, Labels=["live", "1bad", "awsx"]
    )
    assert (answer["InvalidLabels"], answer["ParameterVersion"]) == (["1bad", "awsx"], 1)
    assert ssm.get_parameter(Name="/labels/a:live")["Parameter"]["Value"] == "1"
    ssm.label_parameter_version(Name="/labels/a", Labels=["live"])
    assert ssm.get_parameter(Name="/labels/a:live")["Parameter"]["Value"] == "2"
    assert [one["Labels"] for one in ssm.get_parameter_history(Name="/labels/a")["Parameters"]] == [
        [],
        ["live"],
    ]
    removed = ssm.unlabel_parameter_version(Name="/labels/a", ParameterVersion=2, Labels=["live", "x"])
    assert (removed["RemovedLabels"], removed["InvalidLabels"]) == (["live"], ["x"])
    assert refusal(ssm.get_parameter, Name="/labels/a:live")[0] == "ParameterVersionNotFound"
    ssm.label_parameter_version(Name="/labels/a", Labels=[f"l{n}" for n in range(10)])
    assert refusal(ssm.label_parameter_version, Name="/labels/a", Labels=["more"])[0] == (
        "ParameterVersionLabelLimitExceeded")


def test_a_secure_string_is_shown_only_with_decryption(ssm):
    put(ssm, "/secret/a", "hush", "SecureString")
    hidden = ssm.get_parameter(Name="/secret/a")["Parameter"]["Value"]
    assert "hush" not in hidden and hidden.startswith("AQICAH")
    assert ssm.get_parameter(Name="/secret/a")["Parameter"]["Value"] == hidden
    assert ssm.get_parameter(Name="/secret/a", WithDecryption=True)["Parameter"]["Value"] == "hush"
    assert ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/secret/a"]}])[
        "Parameters"][0]["KeyId"] == "alias/aws/ssm"
    assert refusal(ssm.put_parameter, Name="/secret/b", Value="x", Type="SecureString", KeyId="alias/mine")[
        0
    ] == ("InvalidKeyId")


def test_paths_are_one_level_deep_or_all_the_way_down(ssm):
    for name in ("/tree/a", "/tree/a/x", "/tree/a/y/z", "/tree/b", "/tree/c/d", "/tree2/e", "/tree"):
        put(ssm, name)
    assert names(ssm.get_parameters_by_path(Path="/tree")) == ["/tree/a", "/tree/b"]
    assert names(ssm.get_parameters_by_path(Path="/tree/", Recursive=True)) == [
        "/tree/a", "/tree/a/x", "/tree/a/y/z", "/tree/b", "/tree/c/d"]
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path="/tree", Recursive=True, PaginationConfig={"PageSize": 2})
    assert [len(page["Parameters"]) for page in pages] == [2, 2, 1]
    code, message = refusal(ssm.get_parameters_by_path, Path="tree")
    assert code == "ValidationException" and "must begin with a forward slash" in message
    put(ssm, "/tree/b", "2", Overwrite=True)
    ssm.label_parameter_version(Name="/tree/b", ParameterVersion=1, Labels=["old"])
    found = ssm.get_parameters_by_path(Path="/tree", ParameterFilters=[{"Key": "Label", "Values": ["old"]}])
    assert [(one["Name"], one["Value"]) for one in found["Parameters"]] == [("/tree/b", "v")]


def test_several_are_read_and_deleted_at_once(ssm):
    put(ssm, "many-a"), put(ssm, "many-b")
    answer = ssm.get_parameters(Names=["many-b", "many-x", "many-a:1"])
    assert (names(answer), answer["InvalidParameters"]) == (["many-b", "many-a"], ["many-x"])
    gone = ssm.delete_parameters(Names=["many-a", "many-x"])
    assert (gone["DeletedParameters"], gone["InvalidParameters"]) == (["many-a"], ["many-x"])
    ssm.delete_parameter(Name="many-b")
    assert refusal(ssm.delete_parameter, Name="many-b")[0] == "ParameterNotFound"
    assert put(ssm, "many-b")["Version"] == 1


@pytest.mark.parametrize(("name", "code"), [
    ("aws-x", "AccessDeniedException"), ("/AWS/x", "AccessDeniedException"), ("ssm-x", "ValidationException"),
    ("with space", "ValidationException"), ("a/b", "ValidationException"), ("/a//b", "ValidationException"),
    ("/" + "/".join("abcdefghijklmnop"), "HierarchyLevelLimitExceededException")])
def test_names_have_rules(ssm, name, code):
    assert refusal(ssm.put_parameter, Name=name, Value="x", Type="String")[0] == code


def test_values_have_rules(ssm):
    assert refusal(ssm.put_parameter, Name="no-type", Value="x") == (
        "ValidationException", "A parameter type is required when you create a parameter.")
    assert refusal(
        ssm.put_parameter, Name="pattern", Value="abc", Type="String", AllowedPattern="^\\d+$"
    ) == (
        "ParameterPatternMismatchException",
        "Parameter value, cannot be validated against allowedPattern: ^\\d+$",
    )
    assert (
        refusal(ssm.put_parameter, Name="large", Value="x" * 4097, Type="String")[0] == "ValidationException"
    )
    assert put(ssm, "large", "x" * 4097, Tier="Intelligent-Tiering")["Tier"] == "Advanced"
    assert refusal(ssm.put_parameter, Name="larger", Value="x" * 8193, Type="String", Tier="Advanced")[0] == (
        "ValidationException")
    assert refusal(ssm.put_parameter, Name="large", Value="x", Overwrite=True, Tier="Standard")[0] == (
        "ValidationException")
    assert put(ssm, "listed", "a,b", "StringList", AllowedPattern="^[ab]$")["Version"] == 1


def test_a_parameter_keeps_a_hundred_versions_and_what_is_labelled(ssm):
    put(ssm, "hundred", "1")
    ssm.label_parameter_version(Name="hundred", ParameterVersion=1, Labels=["keep"])
    for n in range(2, 101):
        put(ssm, "hundred", str(n), Overwrite=True)
    assert refusal(ssm.put_parameter, Name="hundred", Value="x", Overwrite=True)[0] == (
        "ParameterMaxVersionLimitExceeded")
    ssm.unlabel_parameter_version(Name="hundred", ParameterVersion=1, Labels=["keep"])
    assert put(ssm, "hundred", "101", Overwrite=True)["Version"] == 101
    assert refusal(ssm.get_parameter, Name="hundred:1")[0] == "ParameterVersionNotFound"


def test_lists_are_filtered(ssm):
    put(ssm, "/f/a", Tags=[{"Key": "team", "Value": "red"}])
    put(ssm, "/f/b/c", "x", "SecureString")

    def listed(*filters):
        return names(
            ssm.describe_parameters(
                ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": ["/f"]}, *filters]
            )
        )

    assert listed() == ["/f/a", "/f/b/c"]
    assert listed({"Key": "Type", "Values": ["SecureString"]}) == ["/f/b/c"]
    assert listed({"Key": "tag:team", "Values": ["red"]}) == ["/f/a"]
    assert listed({"Key": "Name", "Option": "BeginsWith", "Values": ["/f/b"]}) == ["/f/b/c"]
    assert listed({"Key": "Name", "Option": "Contains", "Values": ["a"]}) == ["/f/a"]
    assert refusal(ssm.describe_parameters, ParameterFilters=[{"Key": "Label", "Values": ["x"]}])[0] == (
        "InvalidFilterKey")


def test_tags(ssm):
    put(ssm, "tagged", Tags=[{"Key": "a", "Value": "1"}])
    where = {"ResourceType": "Parameter", "ResourceId": "tagged"}
    ssm.add_tags_to_resource(**where, Tags=[{"Key": "b", "Value": "2"}])
    ssm.remove_tags_from_resource(**where, TagKeys=["a"])
    assert ssm.list_tags_for_resource(**where)["TagList"] == [{"Key": "b", "Value": "2"}]
    assert (
        refusal(
            ssm.put_parameter, Name="tagged", Value="x", Overwrite=True, Tags=[{"Key": "a", "Value": "1"}]
        )[0]
        == "ValidationException"
    )
    assert (
        refusal(ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId="nope")[0]
        == "InvalidResourceId"
    )


def test_policies_are_refused_by_name(ssm):
    code, message = refusal(
        ssm.put_parameter, Name="p", Value="x", Type="String", Tier="Advanced", Policies="[]"
    )
    assert code == "NotHonoured" and "Policies" in message


def test_a_secret_is_read_through_a_parameter(ssm, cloudlet):
    cloudlet.client("secretsmanager").create_secret(Name="app/db", SecretString="hush")
    name = "/aws/reference/secretsmanager/app/db"
    found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (found["Value"], found["Type"], found["Version"]) == ("hush", "SecureString", 0)
    assert refusal(ssm.get_parameter, Name=name)[0] == "ValidationException"
    assert refusal(ssm.get_parameter, Name=name + "x", WithDecryption=True)[0] == "ParameterNotFound"

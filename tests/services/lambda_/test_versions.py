"""Versions and aliases: what is published stays, and weights really split the calls."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from .conftest import ROLE, zipped

ONE = "def handler(event, context): return [1, context.function_version]"
TWO = "def handler(event, context): return [2, context.function_version]"


def refusal(call, **params):
    """What an operation answers when it refuses: its code and its message."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def change(function, source):
    """Give a function other code."""
    return function.client.update_function_code(FunctionName=function.name, ZipFile=zipped(app_py=source))


def test_a_published_version_stays_what_it_was(deploy):
    function = deploy(ONE)
    first = function.client.publish_version(FunctionName=function.name, Description="the first")
    assert (first["Version"], first["Description"]) == ("1", "the first")
    assert first["FunctionArn"].endswith(f":function:{function.name}:1")
    change(function, TWO)
    assert function(Qualifier="1") == ([1, "1"], None)
    assert function() == ([2, "$LATEST"], None)
    assert function.client.publish_version(FunctionName=function.name)["Version"] == "2"
    assert function(Qualifier="2") == ([2, "2"], None)


def test_nothing_new_is_published_twice(deploy):
    function = deploy(ONE)
    client = function.client
    first = client.publish_version(FunctionName=function.name)
    again = client.publish_version(FunctionName=function.name, Description="other words")
    assert (again["Version"], again["RevisionId"]) == ("1", first["RevisionId"])
    client.update_function_configuration(FunctionName=function.name, Description="described anew")
    assert client.publish_version(FunctionName=function.name)["Version"] == "2"


def test_publishing_expects_the_code_and_the_revision_it_names(deploy):
    function = deploy(ONE)
    client = function.client
    code, message = refusal(client.publish_version, FunctionName=function.name, CodeSha256="no")
    assert code == "InvalidParameterValueException"
    assert message.startswith("CodeSHA256 (no) is different from current CodeSHA256 in $LATEST (")
    stale = client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    client.publish_version(FunctionName=function.name, RevisionId=stale)
    told = ("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
    for call, params in (
            (client.publish_version, {}), (client.update_function_configuration, {"Timeout": 9}),
            (client.update_function_code, {"ZipFile": zipped(app_py=TWO)})):
        assert refusal(call, FunctionName=function.name, RevisionId=stale, **params) == told
    assert function() == ([1, "$LATEST"], None)


def test_an_alias_expects_the_revision_it_names(deploy):
    function = deploy(ONE)
    client, where = function.client, {"FunctionName": function.name, "Name": "live"}
    client.publish_version(FunctionName=function.name)
    made = client.create_alias(**where, FunctionVersion="1")
    changed = client.update_alias(**where, Description="x", RevisionId=made["RevisionId"])
    assert changed["RevisionId"] != made["RevisionId"]
    code, _ = refusal(client.update_alias, **where, Description="y", RevisionId=made["RevisionId"])
    assert code == "PreconditionFailedException"


def test_versions_are_listed_in_pages(deploy):
    function = deploy(ONE)
    client = function.client
    for n in range(3):
        client.update_function_configuration(FunctionName=function.name, Description=str(n))
        client.publish_version(FunctionName=function.name)
    pages = client.get_paginator("list_versions_by_function").paginate(
        FunctionName=function.name, PaginationConfig={"PageSize": 2})
    found = [version for page in pages for version in page["Versions"]]
    assert [one["Version"] for one in found] == ["$LATEST", "1", "2", "3"]
    assert found[0]["FunctionArn"].endswith(":$LATEST")
    assert "State" not in found[0]


def test_a_version_that_an_alias_needs_stays(deploy):
    function = deploy(ONE)
    client = function.client
    client.publish_version(FunctionName=function.name)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    code, message = refusal(client.delete_function, FunctionName=function.name, Qualifier="1")
    assert code == "ResourceConflictException"
    assert "live" in message
    client.delete_alias(FunctionName=function.name, Name="live")
    client.delete_function(FunctionName=function.name, Qualifier="1")
    code, message = refusal(client.get_function, FunctionName=function.name, Qualifier="1")
    assert code == "ResourceNotFoundException"
    assert message.endswith(f":function:{function.name}:1")
    assert function() == ([1, "$LATEST"], None)


def test_a_tenth_of_the_calls_goes_to_the_version_with_that_weight(deploy):
    function = deploy(ONE)
    client = function.client
    client.publish_version(FunctionName=function.name)
    change(function, TWO)
    client.publish_version(FunctionName=function.name)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1",
                        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})

    def call(_):
        answer = client.invoke(FunctionName=f"{function.name}:live")
        ran, version = json.load(answer["Payload"])
        assert answer["ExecutedVersion"] == version
        return ran

    with ThreadPoolExecutor(4) as several:
        ran = list(several.map(call, range(1000)))
    assert 70 <= ran.count(2) <= 130
    assert ran.count(1) == 1000 - ran.count(2)


def test_an_alias_follows_its_version(deploy):
    function = deploy(ONE)
    client, where = function.client, {"FunctionName": function.name, "Name": "live"}
    client.publish_version(FunctionName=function.name)
    change(function, TWO)
    client.publish_version(FunctionName=function.name)
    client.create_alias(**where, FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
    assert function(Qualifier="live") == ([2, "2"], None)
    changed = client.update_alias(**where, RoutingConfig={})
    assert "RoutingConfig" not in changed
    assert function(Qualifier="live") == ([1, "1"], None)
    shown = client.get_function(FunctionName=function.name, Qualifier="live")["Configuration"]
    assert (shown["Version"], shown["FunctionArn"].rpartition(":")[2]) == ("1", "live")


@pytest.mark.parametrize(("version", "weights", "told"), [
    ("1", {"1": 0.5}, "Invalid function version 1. Function version 1 is already included in routing "
                      "configuration."),
    ("$LATEST", {"1": 0.5}, "$LATEST is not supported for an alias pointing to more than 1 version"),
    ("1", {"2": 0.1, "3": 0.1}, "Number of items in AdditionalVersionWeights cannot be greater than 1")])
def test_weights_that_make_no_sense_are_refused(deploy, version, weights, told):
    function = deploy(ONE, name=f"odd-{len(told)}")
    function.client.publish_version(FunctionName=function.name)
    assert refusal(
        function.client.create_alias, FunctionName=function.name, Name="odd", FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights}) == ("InvalidParameterValueException", told)


def test_a_qualifier_in_the_name_must_agree_with_the_one_beside_it(deploy):
    function = deploy(ONE)
    told = "The derived qualifier from the function name does not match the specified qualifier."
    for call in (function.client.get_function, function.client.get_function_configuration,
                 function.client.invoke, function.client.delete_function,
                 function.client.get_function_event_invoke_config):
        assert refusal(call, FunctionName=f"{function.name}:1", Qualifier="2") == (
            "InvalidParameterValueException", told)


def test_a_name_of_another_region_or_account_is_not_taken_for_ones_own(deploy):
    function = deploy(ONE)
    foreign = f"arn:aws:lambda:eu-west-1:000000000000:function:{function.name}"
    assert refusal(function.client.get_function, FunctionName=foreign) == (
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')")
    others = f"arn:aws:lambda:us-east-1:111111111111:function:{function.name}"
    assert refusal(function.client.delete_function, FunctionName=others)[0] == "AccessDeniedException"


def test_a_namesake_inherits_nothing(deploy, cloudlet):
    function = deploy(ONE)
    client, name = function.client, function.name
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    client.put_function_event_invoke_config(FunctionName=name, Qualifier="live", MaximumRetryAttempts=0)
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    client.create_function_url_config(FunctionName=name, AuthType="NONE")
    client.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction",
                          Principal="sqs.amazonaws.com")
    client.delete_function(FunctionName=name)
    client.create_function(FunctionName=name, Role=ROLE, Runtime="python3.11", Handler="app.handler",
                           Code={"ZipFile": zipped(app_py=ONE)})
    assert client.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"] == []
    assert client.list_aliases(FunctionName=name)["Aliases"] == []
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    for ask in (client.get_policy, client.get_function_url_config):
        assert refusal(ask, FunctionName=name)[0] == "ResourceNotFoundException"
    assert client.publish_version(FunctionName=name)["Version"] == "1"

"""Provisioned concurrency and reservations: workers that stand before anybody calls, and shares that hold."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

STARTS = """
import os, time, uuid
BORN = str(uuid.uuid4())
time.sleep(0.2)
def handler(event, context):
    if event: time.sleep(event)
    return [BORN, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]]
"""


def ready(client, name, qualifier, eventually):
    def ask():
        config = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)
        return config if config["Status"] != "IN_PROGRESS" else None
    return eventually(ask)


def log_of(client, name, qualifier):
    import base64
    answer = client.invoke(FunctionName=name, Qualifier=qualifier, LogType="Tail", Payload=b"0")
    return json.load(answer["Payload"]), base64.b64decode(answer["LogResult"]).decode()


def test_provisioned_workers_have_loaded_the_function_before_the_first_call(deploy, eventually):
    function = deploy(STARTS)
    client, name = function.client, function.name
    number = client.publish_version(FunctionName=name)["Version"]
    put = client.put_provisioned_concurrency_config(FunctionName=name, Qualifier=number,
                                                    ProvisionedConcurrentExecutions=2)
    assert put["Status"] == "IN_PROGRESS" and put["AllocatedProvisionedConcurrentExecutions"] == 0
    assert ready(client, name, number, eventually)["AvailableProvisionedConcurrentExecutions"] == 2
    (_, how), log = log_of(client, name, number)
    assert how == "provisioned-concurrency" and "Init Duration" not in log
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: function(0.3, Qualifier=number)[0], range(2)))
    assert {how for _, how in answers} == {"provisioned-concurrency"} and answers[0] != answers[1]


def test_more_calls_than_are_provisioned_start_workers_on_demand(deploy, eventually):
    function = deploy(STARTS)
    client, name = function.client, function.name
    number = client.publish_version(FunctionName=name)["Version"]
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier=number,
                                              ProvisionedConcurrentExecutions=1)
    ready(client, name, number, eventually)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: function(0.5, Qualifier=number)[0], range(2)))
    assert sorted(how for _, how in answers) == ["on-demand", "provisioned-concurrency"]


def test_a_provisioned_worker_that_dies_is_replaced(deploy, eventually):
    function = deploy("import os\ndef handler(event, context):\n    if event: os._exit(1)\n"
                      "    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']")
    client, name = function.client, function.name
    number = client.publish_version(FunctionName=name)["Version"]
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier=number,
                                              ProvisionedConcurrentExecutions=1)
    ready(client, name, number, eventually)
    assert function(True, Qualifier=number)[1] == "Unhandled"
    eventually(lambda: function(False, Qualifier=number)[0] == "provisioned-concurrency")


def test_an_alias_takes_its_provisioned_workers_along(deploy, eventually):
    function = deploy(STARTS)
    client, name = function.client, function.name
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="live",
                                              ProvisionedConcurrentExecutions=1)
    ready(client, name, "live", eventually)
    client.update_function_configuration(FunctionName=name, Timeout=9)
    client.publish_version(FunctionName=name)
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    ready(client, name, "live", eventually)
    answer = client.invoke(FunctionName=name, Qualifier="live", Payload=b"0")
    assert answer["ExecutedVersion"] == "2"
    assert json.load(answer["Payload"])[1] == "provisioned-concurrency"


def test_a_function_that_cannot_be_loaded_is_told_as_failed(deploy, eventually):
    function = deploy("raise ValueError('not today')")
    client, name = function.client, function.name
    number = client.publish_version(FunctionName=name)["Version"]
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier=number,
                                              ProvisionedConcurrentExecutions=1)
    config = ready(client, name, number, eventually)
    assert config["Status"] == "FAILED"
    assert "FUNCTION_ERROR_INIT_FAILURE" in config["StatusReason"] and "not today" in config["StatusReason"]


def test_what_is_provisioned_is_not_there_for_the_others(deploy):
    function = deploy(STARTS)
    client, name = function.client, function.name
    before = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    number = client.publish_version(FunctionName=name)["Version"]
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier=number,
                                              ProvisionedConcurrentExecutions=3)
    after = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier=number)
    assert (before - after, client.get_account_settings()["AccountLimit"][
        "UnreservedConcurrentExecutions"]) == (3, before)
    with pytest.raises(client.exceptions.ProvisionedConcurrencyConfigNotFoundException):
        client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=number)


def test_what_cannot_be_provisioned_is_refused(deploy):
    function = deploy(STARTS)
    client, name = function.client, function.name
    client.publish_version(FunctionName=name)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=4)
    for qualifier, count, message in (("$LATEST", 1, "unpublished function versions"),
                                      ("1", 5, "greater than the reservedConcurrentExecution")):
        with pytest.raises(ClientError, match=message):
            client.put_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier,
                                                      ProvisionedConcurrentExecutions=count)
    client.delete_function_concurrency(FunctionName=name)


def test_a_version_is_provisioned_once(deploy):
    function = deploy(STARTS)
    client, name = function.client, function.name
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="live",
                                              ProvisionedConcurrentExecutions=1)
    with pytest.raises(ClientError, match="already defined for the following alias or version: live"):
        client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1",
                                                  ProvisionedConcurrentExecutions=1)


def test_a_reservation_takes_from_what_the_others_share(deploy):
    greedy, other = deploy(STARTS), deploy("import time\ndef handler(event, context): time.sleep(event)")
    client = other.client
    free = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    client.put_function_concurrency(FunctionName=greedy.name, ReservedConcurrentExecutions=free - 103)
    with pytest.raises(ClientError, match=r"minimum value of \[100\]"):
        client.put_function_concurrency(FunctionName=other.name, ReservedConcurrentExecutions=4)
    client.put_function_concurrency(FunctionName=other.name, ReservedConcurrentExecutions=1)

    def outcome(_):
        try:
            return other(1.5)
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Reason"]
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(outcome, range(2)))
    client.delete_function_concurrency(FunctionName=greedy.name)
    assert (None, None) in outcomes
    assert ("TooManyRequestsException", "ReservedFunctionConcurrentInvocationLimitExceeded") in outcomes


def test_functions_that_call_functions_that_call_functions_neither_deadlock_nor_starve(deploy):
    leaf = deploy("def handler(event, context): return event + 1", Timeout=60)
    source = """
import boto3, json, os
client = boto3.client("lambda")
def handler(event, context):
    answer = client.invoke(FunctionName=os.environ["NEXT"], Payload=json.dumps(event))
    return json.load(answer["Payload"]) + 1
"""
    middle = deploy(source, Environment={"Variables": {"NEXT": leaf.name}}, Timeout=60, MemorySize=256)
    top = deploy(source, Environment={"Variables": {"NEXT": middle.name}}, Timeout=60, MemorySize=256)
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda n: top(n), range(200)))
    assert answers == [(n + 3, None) for n in range(200)]

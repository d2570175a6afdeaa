"""State machines: made, changed, published, led to by aliases, refused, deleted."""

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import ROLE, task

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def result(value):
    return json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": value, "End": True}}})


def test_a_state_machine_is_what_it_was_made_as(flow, sfn):
    machine = flow(PASS, tags=[{"key": "a", "value": "1"}], tracingConfiguration={"enabled": True})
    found = sfn.describe_state_machine(stateMachineArn=machine.arn)
    assert json.loads(found["definition"]) == PASS
    assert (found["status"], found["type"], found["roleArn"]) == ("ACTIVE", "STANDARD", ROLE)
    assert found["tracingConfiguration"] == {"enabled": True}
    assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert sfn.list_tags_for_resource(resourceArn=machine.arn)["tags"] == [{"key": "a", "value": "1"}]
    assert machine.arn in [one["stateMachineArn"] for one in sfn.list_state_machines()["stateMachines"]]


def test_making_it_again_is_as_good_unless_it_differs(flow, sfn):
    machine = flow(PASS)
    again = {"name": machine.name, "roleArn": ROLE}
    assert sfn.create_state_machine(definition=json.dumps(PASS), **again)["stateMachineArn"] == machine.arn
    with pytest.raises(sfn.exceptions.StateMachineAlreadyExists):
        sfn.create_state_machine(definition=result(1), **again)


@pytest.mark.parametrize("name", ["a b", "a*", "a/b", "ü:", "a\x00"])
def test_a_name_may_not_have_every_character(sfn, name):
    with pytest.raises(sfn.exceptions.InvalidName):
        sfn.create_state_machine(name=name, definition=json.dumps(PASS), roleArn=ROLE)


def test_a_definition_is_refused_in_awss_words(sfn):
    bad = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}})
    with pytest.raises(sfn.exceptions.InvalidDefinition) as refused:
        sfn.create_state_machine(name="bad", definition=bad, roleArn=ROLE)
    assert "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at " \
        "/States/A/Next" in str(refused.value)
    found = sfn.validate_state_machine_definition(definition=bad)
    assert (found["result"], found["diagnostics"][0]["code"]) == ("FAIL", "MISSING_TRANSITION_TARGET")
    assert sfn.validate_state_machine_definition(definition=json.dumps(PASS))["result"] == "OK"


@pytest.mark.parametrize("resource", ["batch:submitJob.sync", "ecs:runTask", "glue:startJobRun",
                                      "aws-sdk:rekognition:detectFaces"])
def test_what_is_not_here_is_refused_by_name(sfn, resource):
    with pytest.raises(ClientError) as refused:
        sfn.create_state_machine(name="elsewhere", roleArn=ROLE, definition=json.dumps(
            {"StartAt": "S", "States": {"S": task(resource)}}))
    assert refused.value.response["Error"]["Code"] == "NotHonoured"
    assert resource.removeprefix("aws-sdk:").partition(":")[0] in str(refused.value)


@pytest.mark.parametrize(("resource", "given", "said"), [
    ("aws-sdk:dynamodb:getItem", {"tableName": "t", "Key": {}}, "The field 'tableName' is not supported"),
    ("aws-sdk:dynamodb:getItem", {"TableName": "t"}, "The field 'Key' is required but was missing"),
    ("sqs:sendMessage", {"QueueUrl": "u"}, "The field 'MessageBody' is required but was missing"),
    ("aws-sdk:dynamodb:fly", {}, "is not recognized"), ("sqs:sendMessage.sync", {}, "is not recognized")])
def test_a_task_that_can_not_be_meant_is_refused(sfn, resource, given, said):
    with pytest.raises(sfn.exceptions.InvalidDefinition, match=said):
        sfn.create_state_machine(name="unmeant", roleArn=ROLE, definition=json.dumps(
            {"StartAt": "S", "States": {"S": task(resource, Parameters=given)}}))


def test_another_accounts_role_and_keys_of_ones_own_are_refused(sfn):
    with pytest.raises(ClientError, match="Credentials"):
        sfn.create_state_machine(name="cross", roleArn=ROLE, definition=json.dumps(
            {"StartAt": "S", "States": {"S": task("lambda:invoke", Parameters={"FunctionName": "f"},
                                                  Credentials={"RoleArn": ROLE})}}))
    with pytest.raises(ClientError, match="customer managed"):
        sfn.create_state_machine(
            name="keys",
            roleArn=ROLE,
            definition=json.dumps(PASS),
            encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"},
        )
    made = sfn.create_state_machine(name="owned", roleArn=ROLE, definition=json.dumps(PASS),
                                    encryptionConfiguration={"type": "AWS_OWNED_KEY"})
    assert made["stateMachineArn"]


def test_versions_are_revisions_for_good(flow, sfn):
    machine = flow(json.loads(result(1)), publish=True, versionDescription="the first")
    again = sfn.publish_state_machine_version(stateMachineArn=machine.arn)["stateMachineVersionArn"]
    assert again == f"{machine.arn}:1"
    changed = sfn.update_state_machine(stateMachineArn=machine.arn, definition=result(2), publish=True)
    assert changed["stateMachineVersionArn"] == f"{machine.arn}:2"
    with pytest.raises(sfn.exceptions.ConflictException):
        sfn.publish_state_machine_version(stateMachineArn=machine.arn, revisionId="INITIAL")
    assert machine.output() == 2
    found = machine.run(stateMachineArn=again)
    assert (found["output"], found["stateMachineVersionArn"]) == ("1", again)
    listed = sfn.list_state_machine_versions(stateMachineArn=machine.arn)["stateMachineVersions"]
    assert [one["stateMachineVersionArn"][-1] for one in listed] == ["2", "1"]
    assert sfn.describe_state_machine(stateMachineArn=again)["description"] == "the first"
    of_version = sfn.list_executions(stateMachineArn=again)["executions"]
    assert [one["executionArn"] for one in of_version] == [found["executionArn"]]


def test_an_alias_splits_executions_by_weight(flow, sfn):
    machine = flow(json.loads(result(1)), publish=True)
    sfn.update_state_machine(stateMachineArn=machine.arn, definition=result(2), publish=True)
    routes = [{"stateMachineVersionArn": f"{machine.arn}:{n}", "weight": 50} for n in (1, 2)]
    alias = sfn.create_state_machine_alias(name="PROD", routingConfiguration=routes)["stateMachineAliasArn"]
    assert alias == f"{machine.arn}:PROD"
    seen = {machine.output(stateMachineArn=alias) for _ in range(40)}
    assert seen == {1, 2}
    with pytest.raises(sfn.exceptions.ConflictException, match="PROD"):
        sfn.delete_state_machine_version(stateMachineVersionArn=f"{machine.arn}:1")
    routes[0]["weight"], routes[1]["weight"] = 0, 100
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes)
    found = machine.run(stateMachineArn=alias)
    assert (found["output"], found["stateMachineAliasArn"]) == ("2", alias)
    assert sfn.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == routes
    assert len(sfn.list_executions(stateMachineArn=alias)["executions"]) == 41
    sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
    with pytest.raises(sfn.exceptions.ResourceNotFound):
        sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
    sfn.delete_state_machine_version(stateMachineVersionArn=f"{machine.arn}:1")


def test_deleting_stops_what_runs(flow, sfn):
    machine = flow({"Type": "Wait", "Seconds": 60})
    arns = [machine.start() for _ in range(60)]
    sfn.delete_state_machine(stateMachineArn=machine.arn)
    machine.rest()
    with pytest.raises(sfn.exceptions.StateMachineDoesNotExist):
        sfn.describe_state_machine(stateMachineArn=machine.arn)
    with pytest.raises(sfn.exceptions.ExecutionDoesNotExist):
        machine.describe(arns[0])
    sfn.delete_state_machine(stateMachineArn=machine.arn)
    assert flow(PASS, name=machine.name).output({"n": 1}) == {"n": 1}


def test_tags_come_and_go(flow, sfn):
    arn = flow(PASS).arn
    sfn.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    sfn.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
    with pytest.raises(sfn.exceptions.TooManyTags):
        sfn.tag_resource(resourceArn=arn, tags=[{"key": str(n), "value": ""} for n in range(50)])
    with pytest.raises(sfn.exceptions.ResourceNotFound):
        sfn.list_tags_for_resource(resourceArn=arn + "x")

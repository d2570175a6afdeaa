"""Buses, rules, targets, tags and permissions as they are kept."""

import json

import pytest

from cloudlet.services.events import limits


def test_buses_are_made_changed_listed_and_deleted(cloudlet, refused):
    events = cloudlet.client("events")
    made = events.create_event_bus(Name="orders", Description="all of them",
                                   Tags=[{"Key": "team", "Value": "a"}],
                                   DeadLetterConfig={"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"})
    arn = "arn:aws:events:us-east-1:000000000000:event-bus/orders"
    assert (made["EventBusArn"], made["Description"]) == (arn, "all of them")
    found = events.describe_event_bus(Name=arn)
    assert (found["Name"], found["Arn"], found["DeadLetterConfig"]) == (
        "orders", arn, {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"})
    assert refused(events.create_event_bus, Name="orders") == (
        "ResourceAlreadyExistsException", "Event bus orders already exists.")
    assert events.update_event_bus(Name="orders", Description="some")["Description"] == "some"
    assert [bus["Name"] for bus in events.list_event_buses(NamePrefix="ord")["EventBuses"]] == ["orders"]
    first = events.list_event_buses(Limit=1)
    assert first["NextToken"] and len(first["EventBuses"]) == 1
    events.put_rule(Name="one", EventBusName="orders", EventPattern='{"source": ["a"]}')
    assert refused(events.delete_event_bus, Name="orders") == (
        "ValidationException", "Event bus orders can't be deleted since it has rules.")
    events.delete_rule(Name="one", EventBusName="orders")
    events.delete_event_bus(Name="orders")
    for call in (events.describe_event_bus, events.delete_event_bus):
        assert refused(call, Name="orders") == ("ResourceNotFoundException",
                                                "Event bus orders does not exist.")
    assert refused(events.delete_event_bus, Name="default") == (
        "ValidationException", "Cannot delete event bus default.")
    assert events.describe_event_bus()["Arn"].endswith("event-bus/default")


def test_a_rule_is_replaced_as_a_whole_but_for_its_targets_and_tags(bus, inbox, refused):
    events = bus.events
    made = events.put_rule(Name="r", EventBusName=bus.name, EventPattern='{"source":["a"]}',
                           Description="first",
                           Tags=[{"Key": "k", "Value": "v"}])
    assert made["RuleArn"] == f"arn:aws:events:us-east-1:000000000000:rule/{bus.name}/r"
    events.put_targets(Rule="r", EventBusName=bus.name, Targets=[{"Id": "t", "Arn": inbox.arn}])
    events.put_rule(Name="r", EventBusName=bus.name, EventPattern='{"source":["b"]}', State="DISABLED",
                    Tags=[{"Key": "other", "Value": "v"}])
    found = events.describe_rule(Name="r", EventBusName=bus.name)
    found.pop("ResponseMetadata")
    assert found == {"Name": "r", "Arn": made["RuleArn"], "EventPattern": '{"source":["b"]}',
                     "State": "DISABLED",
                     "EventBusName": bus.name, "CreatedBy": "000000000000"}
    assert events.list_tags_for_resource(ResourceARN=made["RuleArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus.name)["Targets"] == [
        {"Id": "t", "Arn": inbox.arn}]
    assert refused(events.delete_rule, Name="r", EventBusName=bus.name) == (
        "ValidationException", "Rule can't be deleted since it has targets.")
    events.remove_targets(Rule="r", EventBusName=bus.name, Ids=["t"])
    for _ in range(2):  # AWS minds it not
        events.delete_rule(Name="r", EventBusName=bus.name)
    assert refused(events.describe_rule, Name="r", EventBusName=bus.name) == (
        "ResourceNotFoundException", f"Rule r does not exist on EventBus {bus.name}.")


def test_a_rule_can_rest(bus, inbox):
    name = bus.rule({"source": ["shop"]}, inbox.arn)
    bus.events.disable_rule(Name=name, EventBusName=bus.name)
    bus.put({"n": 1})
    bus.events.enable_rule(Name=name, EventBusName=bus.name)
    bus.put({"n": 2})
    bus.events.put_rule(Name=name, EventBusName=bus.name, EventPattern='{"source": ["bank"]}')
    bus.put({"n": 3})
    bus.events.put_rule(Name=name, EventBusName=bus.name, EventPattern='{"source": ["shop"]}',
                        State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    bus.put({"n": 4})
    assert [event["detail"]["n"] for event in inbox.events()] == [2, 4]


def test_rules_are_listed_by_name_and_by_target(bus, inbox):
    for name in ("b-1", "a-2", "a-1", "a-3"):
        bus.rule({"source": ["x"]}, inbox.arn, name=name)
    listed = bus.events.list_rules(EventBusName=bus.name, NamePrefix="a-", Limit=2)
    assert [rule["Name"] for rule in listed["Rules"]] == ["a-1", "a-2"]
    rest = bus.events.list_rules(EventBusName=bus.name, NamePrefix="a-", NextToken=listed["NextToken"])
    assert [rule["Name"] for rule in rest["Rules"]] == ["a-3"] and "NextToken" not in rest
    found = bus.events.list_rule_names_by_target(TargetArn=inbox.arn, EventBusName=bus.name, Limit=3)
    assert found["RuleNames"] == ["a-1", "a-2", "a-3"]
    more = bus.events.list_rule_names_by_target(TargetArn=inbox.arn, EventBusName=bus.name,
                                                NextToken=found["NextToken"])
    assert more["RuleNames"] == ["b-1"]
    assert bus.events.list_rule_names_by_target(TargetArn=inbox.arn)["RuleNames"] == []


@pytest.mark.parametrize(("target", "message"), [
    ({"Arn": "nowhere"}, "Parameter nowhere is not valid. Reason: Provided Arn is not in correct format."),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo"},
     "Parameter(s) SqsParameters must be specified for target: t."),
    ({"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:m"},
     "RoleArn is required for target arn:aws:states:us-east-1:000000000000:stateMachine:m."),
    ({"Arn": "arn:aws:events:us-east-1:111111111111:event-bus/default"},
     "RoleArn is required for target arn:aws:events:us-east-1:111111111111:event-bus/default."),
    ({"Input": "{}", "InputPath": "$.detail"},
     "Only one of Input, InputPath, or InputTransformer must be provided for target t."),
    ({"Input": "text"}, "JSON syntax error in input for target t"),
    ({"InputTransformer": {"InputPathsMap": {"a": "$.detail"}, "InputTemplate": '"<b>"'}},
     "InputTemplate for target t contains invalid placeholder b."),
    ({"RetryPolicy": {"MaximumRetryAttempts": 186}},
     "1 validation error detected: Value '186' at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed "
     "to satisfy constraint: Member must have value less than or equal to 185"),
])
def test_a_target_that_can_not_be_meant_is_refused(bus, inbox, refused, target, message):
    name = bus.rule({"source": ["x"]})
    given = {"Id": "t", "Arn": inbox.arn} | target
    assert refused(bus.events.put_targets, Rule=name, EventBusName=bus.name, Targets=[given]) == (
        "ValidationException", message)


def test_what_can_not_be_delivered_to_fails_for_itself(bus, inbox, refused):
    name = bus.rule({"source": ["shop"]})
    answer = bus.events.put_targets(Rule=name, EventBusName=bus.name, Targets=[
        {"Id": "good", "Arn": inbox.arn},
        {"Id": "bad", "Arn": "arn:aws:codebuild:us-east-1:000000000000:project/x",
         "RoleArn": "arn:aws:iam::0:role/r"}])
    assert answer["FailedEntryCount"] == 1
    assert (answer["FailedEntries"][0]["TargetId"], answer["FailedEntries"][0]["ErrorCode"]) == (
        "bad", "NotHonoured")
    listed = bus.events.list_targets_by_rule(Rule=name, EventBusName=bus.name)["Targets"]
    assert [target["Id"] for target in listed] == ["good"]
    code, message = refused(bus.events.put_targets, Rule=name, EventBusName=bus.name, Targets=[
        {"Id": "x", "Arn": inbox.arn, "EcsParameters": {"TaskDefinitionArn": "arn:aws:ecs:x"}}])
    assert code == "NotHonoured" and "EcsParameters" in message
    gone = bus.events.remove_targets(Rule=name, EventBusName=bus.name, Ids=["good", "none"])
    assert gone["FailedEntries"] == [{
        "TargetId": "none", "ErrorCode": "ResourceNotFoundException",
        "ErrorMessage": f"Rule '{name}' does not have a target with the Id 'none'."}]


def test_quotas_hold(bus, inbox, refused, monkeypatch):
    name = bus.rule({"source": ["x"]}, *[inbox.arn] * 5)
    more = "LimitExceededException", "The requested resource exceeds the maximum number allowed."
    assert refused(bus.events.put_targets, Rule=name, EventBusName=bus.name,
                   Targets=[{"Id": "sixth", "Arn": inbox.arn}]) == more
    monkeypatch.setattr(limits, "RULES_PER_BUS", 2)
    bus.rule({"source": ["x"]})
    assert refused(bus.events.put_rule, Name="third", EventBusName=bus.name, EventPattern='{"a":[1]}') == more
    bus.events.put_rule(Name=name, EventBusName=bus.name, EventPattern='{"a":[1]}')


@pytest.mark.parametrize(("given", "code", "message"), [
    ({"EventPattern": '{"source": "x"}'}, "InvalidEventPatternException",
     'Event pattern is not valid. Reason: "source" must be an object or an array\n at [Source: (String)'
     '"{"source": "x"}"; line: 1, column: 13]'),
    ({}, "ValidationException", "Parameter ScheduleExpression is not valid. Reason: Either EventPattern or "
                                "ScheduleExpression must be provided."),
    ({"ScheduleExpression": "rate(1 minute)"}, "ValidationException",
     "ScheduleExpression is supported only on the default event bus."),
])
def test_a_rule_that_can_not_be_meant_is_refused(bus, refused, given, code, message):
    assert refused(bus.events.put_rule, Name="r", EventBusName=bus.name, **given) == (code, message)


def test_patterns_are_tested(cloudlet, refused):
    events = cloudlet.client("events")
    event = {"id": "1", "account": "1", "source": "shop", "time": "2024-01-01T00:00:00Z", "region": "r",
             "resources": [], "detail-type": "t", "detail": {"n": 3}}

    def test(pattern, event=event):
        return events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]

    assert test('{"detail": {"n": [3]}}') is True and test('{"detail": {"n": [4]}}') is False
    for wrong in ("text", '["a"]', '{"testEvent": "value"}'):
        assert refused(events.test_event_pattern, EventPattern='{"a": [1]}', Event=wrong) == (
            "ValidationException", "Parameter Event is not valid.")
    code, message = refused(events.test_event_pattern, EventPattern='{"a": []}', Event=json.dumps(event))
    assert (code, message.splitlines()[0]) == (
        "InvalidEventPatternException", "Event pattern is not valid. Reason: Empty arrays are not allowed")


def test_tags_are_kept(bus, refused):
    for arn in (bus.arn, bus.events.put_rule(Name="r", EventBusName=bus.name,
                                             EventPattern='{"a":[1]}')["RuleArn"]):
        bus.events.tag_resource(ResourceARN=arn, Tags=[
            {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        bus.events.untag_resource(ResourceARN=arn, TagKeys=["a", "none"])
        assert bus.events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    missing = "arn:aws:events:us-east-1:000000000000:rule/none"
    assert refused(bus.events.list_tags_for_resource, ResourceARN=missing) == (
        "ResourceNotFoundException", "Rule none does not exist on EventBus default.")


def test_permissions_are_statements_of_a_policy(bus, refused):
    put = {"EventBusName": bus.name, "Action": "events:PutEvents"}
    bus.events.put_permission(**put, Principal="111111111111", StatementId="one")
    bus.events.put_permission(**put, Principal="*", StatementId="two")
    bus.events.put_permission(**put, Principal="222222222222", StatementId="one")

    def statements():
        return json.loads(bus.events.describe_event_bus(Name=bus.name).get("Policy", "{}")).get("Statement")

    assert statements() == [
        {"Sid": "two", "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents",
         "Resource": bus.arn},
        {"Sid": "one", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
         "Action": "events:PutEvents", "Resource": bus.arn}]
    bus.events.remove_permission(EventBusName=bus.name, StatementId="two")
    assert [one["Sid"] for one in statements()] == ["one"]
    assert refused(bus.events.remove_permission, EventBusName=bus.name, StatementId="two") == (
        "ResourceNotFoundException", "Statement with the provided id does not exist.")
    bus.events.remove_permission(EventBusName=bus.name, RemoveAllPermissions=True)
    assert statements() is None
    assert refused(bus.events.put_permission, EventBusName=bus.name, Policy="{")[0] == "ValidationException"
    assert refused(bus.events.put_permission, **put, Principal="*", StatementId="x", Condition={
        "Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"})[0] == "NotHonoured"

"""Deliveries that go elsewhere, come late, or not at all."""

import json

from .conftest import Bus, Inbox

REASONS = ("RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "EXHAUSTED_RETRY_CONDITION",
           "RETRY_ATTEMPTS")


def reasons(message):
    """What a dead letter says of why it is one."""
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def test_what_nobody_may_take_is_a_dead_letter_at_once(cloudlet, bus, inbox):
    closed = Inbox(cloudlet)
    closed.sqs.set_queue_attributes(QueueUrl=closed.url, Attributes={"Policy": ""})
    gone = "arn:aws:sqs:us-east-1:000000000000:gone"
    name = bus.rule({"source": ["shop"]}, *[
        {"Arn": arn, "DeadLetterConfig": {"Arn": inbox.arn}, "Input": "{}"} for arn in (closed.arn, gone)])
    put = bus.put({"n": 1})
    messages = inbox.messages()
    assert [json.loads(message["Body"])["id"] for message in messages] == [put["EventId"]] * 2
    first, second = map(reasons, messages)
    rule = f"arn:aws:events:us-east-1:000000000000:rule/{bus.name}/{name}"
    assert (first["RULE_ARN"], first["TARGET_ARN"], first["ERROR_CODE"]) == (
        rule, closed.arn, "NO_PERMISSIONS")
    assert "is not authorized to perform: sqs:SendMessage" in first["ERROR_MESSAGE"]
    assert (second["TARGET_ARN"], second["ERROR_CODE"], second["RETRY_ATTEMPTS"]) == (
        gone, "NO_RESOURCE", "0")
    assert "EXHAUSTED_RETRY_CONDITION" not in first and first.keys() <= set(REASONS)


def test_one_target_that_refuses_does_not_hold_up_the_others(bus, inbox):
    bus.rule({"source": ["shop"]}, "arn:aws:sqs:us-east-1:000000000000:gone", inbox.arn)
    bus.rule({"source": ["shop"]}, inbox.arn)
    put = bus.put({"n": 1})
    assert [event["id"] for event in inbox.events()] == [put["EventId"]] * 2


def test_a_fifo_queue_gets_its_group(cloudlet, bus):
    inbox = Inbox(cloudlet, FifoQueue="true", ContentBasedDeduplication="true")
    bus.rule({"source": ["shop"]}, {"Arn": inbox.arn, "SqsParameters": {"MessageGroupId": "g"}})
    bus.put({"n": 1})
    message, = inbox.messages()
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_a_bus_sends_on_to_another_but_not_to_a_third(cloudlet, bus, inbox):
    second, third = Bus(cloudlet), Bus(cloudlet)
    bus.rule({"source": ["shop"]}, second.arn)
    second.rule({"source": ["shop"]}, inbox.arn, third.arn)
    third.rule({"source": ["shop"]}, inbox.arn)
    put = bus.put({"n": 1})
    assert [(event["id"], event["detail"]) for event in inbox.events()] == [(put["EventId"], {"n": 1})]


def test_a_bus_of_another_account_must_let_events_in(cloudlet, inbox):
    theirs = cloudlet.client("events", key="222222222222")
    arn = theirs.describe_event_bus()["Arn"]
    assert arn == "arn:aws:events:us-east-1:222222222222:event-bus/default"
    theirs.put_rule(Name="r", EventPattern='{"source": ["shop"]}')
    theirs.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": inbox.arn}])
    mine = cloudlet.client("events")
    entry = {"Source": "shop", "DetailType": "t", "Detail": '{"direct": 1}', "EventBusName": arn}
    answer = mine.put_events(Entries=[entry])["Entries"][0]
    assert answer["ErrorCode"] == "AccessDeniedException"
    assert answer["ErrorMessage"].endswith(
        f"is not authorized to perform: events:PutEvents on resource: {arn} because no resource-based policy "
        "allows the events:PutEvents action")
    theirs.put_permission(Action="events:PutEvents", Principal="000000000000", StatementId="friend")
    assert "EventId" in mine.put_events(Entries=[entry])["Entries"][0]
    event, = inbox.events()
    assert (event["account"], event["detail"]) == ("000000000000", {"direct": 1})


def test_a_rule_with_a_role_reaches_another_account_and_region(cloudlet, inbox):
    iam = cloudlet.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    theirs = cloudlet.client("events", key="333333333333", region="eu-west-1")
    theirs.create_event_bus(Name="far")
    arn = "arn:aws:events:eu-west-1:333333333333:event-bus/far"
    theirs.put_permission(EventBusName="far", Action="events:PutEvents", Principal="000000000000",
                          StatementId="x")
    theirs.put_rule(Name="r", EventBusName="far", EventPattern='{"source": ["shop"]}')
    theirs.put_targets(Rule="r", EventBusName="far", Targets=[{"Id": "t", "Arn": inbox.arn}])
    bus, dead = Bus(cloudlet), Inbox(cloudlet)
    bus.rule({"source": ["shop"]}, {"Arn": arn, "RoleArn": role, "DeadLetterConfig": {"Arn": dead.arn}})
    bus.put({"n": 1})
    message, = dead.messages()
    assert reasons(message)["ERROR_CODE"] == "NO_PERMISSIONS"
    iam.put_role_policy(RoleName="sender", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "events:PutEvents",
                                                "Resource": arn}]}))
    put = bus.put({"n": 2})
    event, = inbox.events()
    assert (event["account"], event["region"], event["detail"]) == ("000000000000", "us-east-1", {"n": 2})
    assert event["id"] != put["EventId"]
    theirs_alone = json.dumps(trust).replace("events.", "s3.")
    iam.update_assume_role_policy(RoleName="sender", PolicyDocument=theirs_alone)
    bus.put({"n": 3})
    message, = dead.messages()
    assert reasons(message)["ERROR_CODE"] == "FAILED_TO_ASSUME_ROLE"


def test_a_policy_may_deny_by_source(cloudlet, bus, inbox):
    bus.rule({"source": [{"prefix": ""}]}, inbox.arn)
    bus.events.put_permission(EventBusName=bus.name, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "events:PutEvents", "Resource": bus.arn,
        "Condition": {"StringEquals": {"events:source": "bank"}}}]}))
    assert bus.put({"n": 1}, source="bank")["ErrorCode"] == "AccessDeniedException"
    assert "EventId" in bus.put({"n": 2})
    assert [event["detail"] for event in inbox.events()] == [{"n": 2}]


def test_an_acknowledged_event_is_there_after_a_restart(fresh):
    running = fresh()
    bus, inbox = Bus(running), Inbox(running)
    bus.rule({"source": ["shop"]}, inbox.arn)
    put = bus.put({"n": 1})
    running.stop()
    running = fresh()
    bus.events, inbox.sqs = running.client("events"), running.client("sqs")
    inbox.url = inbox.sqs.get_queue_url(QueueName=inbox.name)["QueueUrl"]
    again = bus.put({"n": 2})
    assert [event["id"] for event in inbox.events()] == [put["EventId"], again["EventId"]]

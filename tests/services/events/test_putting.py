"""Events from PutEvents to queues."""

import json
from datetime import UTC, datetime

import pytest


def test_an_event_comes_as_it_was_put(bus, inbox):
    bus.rule({"source": ["shop"]}, inbox.arn)
    at = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)
    put = bus.put('{"total":  1.50, "lines": [{"sku": "a"}]}', Time=at, Resources=["arn:aws:x:::y"])
    message, = inbox.messages()
    assert message["Body"].replace(put["EventId"], "ID") == (
        '{"version":"0","id":"ID","detail-type":"Order Placed","source":"shop","account":"000000000000",'
        '"time":"2024-02-29T12:30:15Z","region":"us-east-1","resources":["arn:aws:x:::y"],'
        '"detail":{"total":1.50,"lines":[{"sku":"a"}]}}')


def test_only_matching_events_come(bus, inbox):
    bus.rule({"detail": {"total": [{"numeric": [">", 100]}]}, "source": [{"prefix": "sh"}]}, inbox.arn)
    bus.put({"total": 100})
    bus.put({"total": 101})
    bus.put({"total": 102}, source="bank")
    assert [event["detail"] for event in inbox.events()] == [{"total": 101}]


@pytest.mark.parametrize(("entry", "code", "message"), [
    ({"Source": None}, "InvalidArgument",
     "Parameter Source is not valid. Reason: Source is a required argument."),
    ({"DetailType": None}, "InvalidArgument",
     "Parameter DetailType is not valid. Reason: DetailType is a required argument."),
    ({"Detail": None}, "InvalidArgument",
     "Parameter Detail is not valid. Reason: Detail is a required argument."),
    ({"Detail": "text"}, "MalformedDetail", "Detail is malformed."),
    ({"Detail": '"text"'}, "MalformedDetail", "Detail is malformed."),
    ({"Detail": "[1]"}, "MalformedDetail", "Detail is malformed."),
    ({"Detail": '{"a": 1'}, "MalformedDetail", "Detail is malformed."),
    ({"Detail": '{"a":' * 2000 + "1" + "}" * 2000}, "MalformedDetail", "Detail is malformed."),
    ({"Source": "aws.s3"}, "NotAuthorizedForSourceException", "Not authorized for the source."),
])
def test_each_entry_fails_for_itself(bus, inbox, entry, code, message):
    bus.rule({"source": [{"prefix": ""}]}, inbox.arn)
    good = {"Source": "shop", "DetailType": "t", "Detail": "{}", "EventBusName": bus.name}
    bad = {key: value for key, value in (good | entry).items() if value is not None}
    answer = bus.events.put_events(Entries=[good, bad, good])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][1] == {"ErrorCode": code, "ErrorMessage": message}
    assert [event["id"] for event in inbox.events()] == [answer["Entries"][n]["EventId"] for n in (0, 2)]


def test_too_much_is_refused_as_a_whole(bus, inbox, refused):
    bus.rule({"source": ["shop"]}, inbox.arn)
    entry = {"Source": "shop", "DetailType": "t", "Detail": "{}", "EventBusName": bus.name}
    code, message = refused(bus.events.put_events, Entries=[entry] * 11)
    assert code == "ValidationException"
    assert message.startswith("1 validation error detected: Value '[PutEventsRequestEntry(time=null, "
                              "source=shop, resources=null, detailType=t, detail={}, eventBusName=")
    assert message.endswith("failed to satisfy constraint: Member must have length less than or equal to 10")
    half = json.dumps({"x": "y" * (1 << 19)})
    assert refused(bus.events.put_events, Entries=[entry | {"Detail": half}] * 2) == (
        "ValidationException", "Total size of the entries in the request is over the limit.")
    assert inbox.messages() == []


def test_an_event_for_a_bus_that_is_not_there_is_taken_and_lost(cloudlet):
    answer = cloudlet.client("events").put_events(Entries=[
        {"Source": "shop", "DetailType": "t", "Detail": "{}", "EventBusName": "nowhere"}])
    assert answer["FailedEntryCount"] == 0 and answer["Entries"][0]["EventId"]


def test_what_is_not_there_is_refused_by_name(cloudlet, refused):
    events = cloudlet.client("events")
    entry = {"Source": "shop", "DetailType": "t", "Detail": "{}"}
    assert refused(events.create_event_bus, Name="x", KmsKeyIdentifier="alias/mine")[0] == "NotHonoured"
    assert refused(events.create_event_bus, Name="x", LogConfig={"Level": "ERROR"})[0] == "NotHonoured"
    assert refused(events.create_event_bus, Name="aws.partner/a/b", EventSourceName="aws.partner/a/b")[0] == (
        "NotHonoured")
    assert refused(events.list_event_sources)[0] == "NotHonoured"
    assert refused(events.list_endpoints)[0] == "NotHonoured"
    assert refused(events.describe_event_bus, Name="aws.partner/example/x")[0] == "NotHonoured"
    found = events.put_events(Entries=[entry | {"EventBusName": "default"}])
    assert found["FailedEntryCount"] == 0


def test_a_trace_travels_along(bus, inbox):
    bus.rule({"source": ["shop"]}, inbox.arn)
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    bus.put({}, TraceHeader=header)
    message, = inbox.messages()
    assert message["Attributes"]["AWSTraceHeader"] == header

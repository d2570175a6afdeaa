"""What targets get: constants, parts, and what templates make of an event, as AWS was seen to do it."""

import json

import pytest

DETAIL = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"},
          "listsingle": ["HIGH"], "listmulti": ["ACTIVE", "INACTIVE"], "valid": True, "quote": 'say "hi"',
          "items": [{"id": 1}, {"id": 2}]}
PATHS = {"userId": "$.detail.payload.acc_id", "payload": "$.detail.payload",
         "missing": "$.detail.awsAccountId",
         "listsingle": "$.detail.listsingle", "listmulti": "$.detail.listmulti", "valid": "$.detail.valid",
         "quote": "$.detail.quote", "ids": "$.detail.items[*].id", "second": "$.detail.items[1].id",
         "kind": "$.detail-type"}


@pytest.mark.parametrize(("given", "body"), [
    ({"Input": '{"fixed": [1, 2]}'}, '{"fixed": [1, 2]}'),
    ({"InputPath": "$.detail.payload"}, '{"acc_id":"0a787ecb-4015","sf_id":"baz"}'),
    ({"InputPath": "$.detail.payload.sf_id"}, '"baz"'),
    ({"InputPath": "$.detail.items[0]"}, '{"id":1}'),
    ({"InputPath": "$.detail.nothing"}, "null"),
])
def test_constants_and_parts(bus, inbox, given, body):
    bus.rule({"source": ["shop"]}, {"Arn": inbox.arn} | given)
    bus.put(DETAIL)
    assert inbox.bodies() == [body]


@pytest.mark.parametrize(("template", "body"), [
    ('{"method": "PUT", "path": "users/<userId>", "body": <payload>}',
     '{"method":"PUT","path":"users/0a787ecb-4015","body":{"acc_id":"0a787ecb-4015","sf_id":"baz"}}'),
    ('"Payload of <payload> with path users-service/users/<userId> and <userId>"',
     '"Payload of {acc_id:0a787ecb-4015,sf_id:baz} with path users-service/users/0a787ecb-4015 and '
     '0a787ecb-4015"'),
    ('{"id" : <userId>}', '{"id":"0a787ecb-4015"}'),
    ('{"id" : "<userId>"}', '{"id":"0a787ecb-4015"}'),
    ('{"bod": [<userId>, "hardcoded"]}', '{"bod":["0a787ecb-4015","hardcoded"]}'),
    ('{"nested": {"level1": {"level2": "users/<userId>"} }}',
     '{"nested":{"level1":{"level2":"users/0a787ecb-4015"}}}'),
    ('"<listsingle> single"', '"[HIGH] single"'),
    ('"<listmulti> multiple"', '"[ACTIVE,INACTIVE] multiple"'),
    ('{"singlelistitem": <listsingle>}', '{"singlelistitem":["HIGH"]}'),
    ('"Command is <valid>!"', '"Command is true!"'),
    ('{"a": <missing>, "b": "<missing>"}', '{"a":"","b":""}'),
    ('"<missing> is not there"', '" is not there"'),
    ('"<userId>"\n"<kind> again"', '"0a787ecb-4015"\n"Order Placed again"'),
    ('"{[/special <kind>"', '"{[/special Order Placed"'),
    ('{"ids": <ids>, "second": <second>}', '{"ids":[1,2],"second":2}'),
    ('{"quoted": <quote>}', '{"quoted":"say \\"hi\\""}'),
    ("<payload>", '{"acc_id":"0a787ecb-4015","sf_id":"baz"}'),
])
def test_templates(bus, inbox, template, body):
    bus.rule({"source": ["shop"]}, {"Arn": inbox.arn, "InputTransformer": {
        "InputPathsMap": PATHS, "InputTemplate": template}})
    bus.put(DETAIL)
    assert inbox.bodies() == [body]


@pytest.mark.parametrize("template", [
    '{"not_valid": "users/<payload>"}', '{"list": "<listsingle>"}', "<listsingle> single",
    '{"quoted": "<quote>"}',
    '"<quote>"'])
def test_what_becomes_no_json_is_not_delivered(cloudlet, bus, inbox, template):
    dead = type(inbox)(cloudlet)
    bus.rule({"source": ["shop"]}, {"Arn": inbox.arn, "DeadLetterConfig": {"Arn": dead.arn},
                                    "InputTransformer": {
        "InputPathsMap": PATHS, "InputTemplate": template}})
    put = bus.put(DETAIL)
    assert inbox.bodies() == []
    message, = dead.messages()
    assert json.loads(message["Body"])["id"] == put["EventId"]
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_JSON"


def test_predefined_variables(bus, inbox):
    template = ('{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", '
                '"head": <aws.events.event>, "all": <aws.events.event.json>, '
                '"at": <aws.events.event.ingestion-time>}')
    bus.rule({"source": ["shop"]}, {"Arn": inbox.arn, "InputTransformer": {"InputTemplate": template}},
             name="mine")
    put = bus.put({"n": 1})
    found, = inbox.events()
    assert (found["arn"], found["name"]) == (f"arn:aws:events:us-east-1:000000000000:rule/{bus.name}/mine",
                                             "mine")
    assert list(found["head"]) == [
        "id", "account", "detailType", "time", "source", "region", "resources", "version"]
    assert found["all"]["detail"] == {"n": 1} and found["all"]["id"] == found["head"]["id"] == put["EventId"]
    assert found["at"] == found["all"]["time"]

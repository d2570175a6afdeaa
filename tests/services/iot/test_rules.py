"""Topic rules: what they select, where they send it, and what happens when that fails."""

import base64
import io
import itertools
import json
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

OPTIONS = {"mqtt": 0}
ROLE = "arn:aws:iam::000000000000:role/iot"
_numbers = itertools.count(1)


def name() -> str:
    """A name that no other test has."""
    return f"test{next(_numbers)}"


@pytest.fixture
def iot(cloudlet):
    return cloudlet.client("iot")


@pytest.fixture
def data(cloudlet):
    return cloudlet.client("iot-data")


def create(iot, sql: str, *actions: dict, version: str = "2016-03-23", **more) -> str:
    """A rule; its name."""
    rule = name()
    iot.create_topic_rule(ruleName=rule, topicRulePayload={
        "sql": sql, "actions": list(actions), "awsIotSqlVersion": version, **more})
    return rule


def error_of(call, **arguments) -> tuple[str, str]:
    """The code and the message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def eventually(look):
    """What ``look`` gives once it gives something: what a rule asks for is carried out by itself."""
    deadline = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return found


def test_a_rule_sends_what_it_selects_to_a_queue(iot, data, listener):
    topic, queue = name(), listener(name())
    create(iot, f"SELECT (temperature - 32) * 5 / 9 AS celsius, topic(2) AS room FROM '{topic}/+' "
                "WHERE temperature > 40", queue.action())
    data.publish(topic=f"{topic}/kitchen", payload=json.dumps({"temperature": 30}))
    data.publish(topic=f"{topic}/kitchen", payload=json.dumps({"temperature": 50}))
    assert json.loads(queue.read()[0]) == {"celsius": 10, "room": "kitchen"}
    assert queue.is_empty()


def test_a_device_sets_off_a_rule_over_mqtt(iot, device, listener):
    topic, queue, client = name(), listener(name()), name()
    create(iot, f"SELECT *, clientid() AS device FROM '{topic}'", queue.action())
    device(client).publish(topic, json.dumps({"on": True}))
    assert json.loads(queue.read()[0]) == {"on": True, "device": client}


def test_a_message_as_it_came_can_be_sent_in_base64(iot, data, listener):
    topic, queue = name(), listener(name())
    create(iot, f"SELECT * FROM '{topic}'", queue.action(useBase64=True))
    data.publish(topic=topic, payload=b"\x00\xff")
    assert base64.b64decode(queue.read()[0]) == b"\x00\xff"


def test_basic_ingest_reaches_its_rule_and_nobody_else(iot, data, device, listener):
    queue, hearer = listener(name()), device(name())
    hearer.subscribe("#")
    rule = create(iot, "SELECT topic() AS topic, topic(1) AS first FROM 'nobody'", queue.action())
    data.publish(topic=f"$aws/rules/{rule}/building/floor", payload=b"{}")
    data.publish(topic="building/end", payload=b"end")
    assert json.loads(queue.read()[0]) == {"topic": "building/floor", "first": "building"}
    assert hearer.next().payload == b"end"


def test_rules_can_be_switched_replaced_listed_and_deleted(iot, data, listener):
    topic, queue = name(), listener(name())
    rule = create(iot, f"SELECT 1 AS one FROM '{topic}'", queue.action(), description="first")
    iot.disable_topic_rule(ruleName=rule)
    data.publish(topic=topic, payload=b"{}")
    iot.enable_topic_rule(ruleName=rule)
    iot.replace_topic_rule(ruleName=rule, topicRulePayload={
        "sql": f"SELECT 2 AS two FROM '{topic}/#'", "actions": [queue.action()],
        "awsIotSqlVersion": "2016-03-23"})
    data.publish(topic=f"{topic}/x", payload=b"{}")
    assert queue.read() == ['{"two":2}']
    shown = iot.get_topic_rule(ruleName=rule)
    assert shown["ruleArn"] == f"arn:aws:iot:us-east-1:000000000000:rule/{rule}"
    assert shown["rule"]["sql"] == f"SELECT 2 AS two FROM '{topic}/#'"
    assert shown["rule"]["actions"] == [queue.action()] and "description" not in shown["rule"]
    listed = iot.list_topic_rules(topic=f"{topic}/x")["rules"]
    assert [(one["ruleName"], one["topicPattern"]) for one in listed] == [(rule, f"{topic}/#")]
    iot.delete_topic_rule(ruleName=rule)
    assert error_of(iot.get_topic_rule, ruleName=rule) == (
        "UnauthorizedException", f"Access to topic rule '{rule}' was denied")


def test_rules_have_tags(iot):
    rule = name()
    iot.create_topic_rule(ruleName=rule, tags="team=home&floor=2", topicRulePayload={
        "sql": "SELECT * FROM 'x'", "actions": []})
    arn = f"arn:aws:iot:us-east-1:000000000000:rule/{rule}"
    iot.tag_resource(resourceArn=arn, tags=[{"Key": "floor", "Value": "3"}])
    iot.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "floor", "Value": "3"}]


@pytest.mark.parametrize(("sql", "why"), [
    ("SELECT FROM 'x'", "Expected an expression"),
    ("SELECT a FROM x", "Expected a topic filter in quotes"),
    ("SELECT a FROM 'x' WHERE", "Expected an expression, but found the end"),
    ("SELECT nonsense(a) AS b FROM 'x'", "There is no function 'nonsense'"),
    ("SELECT abs(a, b) AS c FROM 'x'", "takes 1 arguments, not 2"),
    ("SELECT 1 + 1 FROM 'x'", "needs a name"),
    ("SELECT a FROM 'x/#/y'", "is not a topic filter"),
    ("SELECT a; DROP", "Unexpected character ';'"),
    ("SELECT " + "(" * 100 + "a" + ")" * 100 + " AS b FROM 'x'", "nested more than"),
])
def test_sql_that_is_none_is_refused_when_the_rule_is_made(iot, sql, why):
    code, message = error_of(iot.create_topic_rule, ruleName=name(), topicRulePayload={
        "sql": sql, "actions": [], "awsIotSqlVersion": "2016-03-23"})
    assert code == "SqlParseException" and why in message


def test_what_is_not_here_is_refused_by_name(iot):
    def refusal(sql: str, *actions: dict) -> tuple[str, str]:
        return error_of(iot.create_topic_rule, ruleName=name(), topicRulePayload={
            "sql": sql, "actions": list(actions), "awsIotSqlVersion": "2016-03-23"})

    code, message = refusal("SELECT get_thing_shadow('lamp', 'role') AS s FROM 'x'")
    assert code == "NotHonoured" and "get_thing_shadow" in message
    code, message = refusal("SELECT * FROM 'x'", {"http": {"url": "https://example.com"}})
    assert code == "NotHonoured" and "http" in message
    code, message = refusal("SELECT * FROM '$aws/events/presence/connected/+'")
    assert code == "NotHonoured" and "$aws/events" in message
    assert error_of(iot.create_thing, thingName="lamp")[0] == "NotHonoured"


def test_a_rule_has_one_name(iot):
    rule = create(iot, "SELECT * FROM 'x'")
    payload = {"sql": "SELECT * FROM 'x'", "actions": []}
    assert error_of(iot.create_topic_rule, ruleName=rule, topicRulePayload=payload)[0] == \
        "ResourceAlreadyExistsException"
    assert error_of(iot.create_topic_rule, ruleName="no-hyphens", topicRulePayload=payload)[0] == \
        "InvalidRequestException"


def test_a_message_becomes_an_item_of_a_table(cloudlet, iot, data):
    dynamodb, topic, table = cloudlet.client("dynamodb"), name(), name()
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "device", "AttributeType": "S"},
                              {"AttributeName": "at", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "device", "KeyType": "HASH"},
                   {"AttributeName": "at", "KeyType": "RANGE"}])
    create(iot, f"SELECT temperature FROM '{topic}/+'", {"dynamoDB": {
        "tableName": table, "roleArn": ROLE, "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "at", "rangeKeyValue": "${at}", "rangeKeyType": "NUMBER"}})
    create(iot, f"SELECT topic(2) AS device, 0 AS at, * FROM '{topic}/v2'", {"dynamoDBv2": {
        "putItem": {"tableName": table}, "roleArn": ROLE}})
    data.publish(topic=f"{topic}/lamp", payload=json.dumps({"temperature": 21.5, "at": 7}))
    data.publish(topic=f"{topic}/v2", payload=json.dumps({"on": [True, None]}))

    def item(device: str, at: str) -> dict:
        key = {"device": {"S": device}, "at": {"N": at}}
        return eventually(lambda: dynamodb.get_item(TableName=table, Key=key).get("Item"))

    assert item("lamp", "7")["payload"] == {"M": {"temperature": {"N": "21.5"}}}
    assert item("v2", "0")["on"] == {"L": [{"BOOL": True}, {"NULL": True}]}


def test_a_message_becomes_an_object_a_record_a_line_and_a_notification(cloudlet, iot, data, listener):
    topic, bucket, queue = name(), name(), listener(name())
    s3, kinesis, logs, sns = (cloudlet.client(one) for one in ("s3", "kinesis", "logs", "sns"))
    s3.create_bucket(Bucket=bucket)
    kinesis.create_stream(StreamName=topic, ShardCount=1)
    logs.create_log_group(logGroupName=topic)
    arn = sns.create_topic(Name=topic)["TopicArn"]
    queue.let("sns.amazonaws.com")
    sns.subscribe(TopicArn=arn, Protocol="sqs", Attributes={"RawMessageDelivery": "true"}, Endpoint=queue.arn)
    create(iot, f"SELECT * FROM '{topic}'",
           {"s3": {"bucketName": bucket, "key": "${topic()}/${id}", "roleArn": ROLE}},
           {"kinesis": {"streamName": topic, "partitionKey": "${id}", "roleArn": ROLE}},
           {"cloudwatchLogs": {"logGroupName": topic, "roleArn": ROLE}},
           {"sns": {"targetArn": arn, "roleArn": ROLE, "messageFormat": "RAW"}})
    data.publish(topic=topic, payload=b'{"id": "a"}')
    assert queue.read() == ['{"id": "a"}']
    shard = kinesis.get_shard_iterator(StreamName=topic, ShardId="shardId-000000000000",
                                       ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    record = kinesis.get_records(ShardIterator=shard)["Records"][0]
    assert (record["Data"], record["PartitionKey"]) == (b'{"id": "a"}', "a")
    assert logs.filter_log_events(logGroupName=topic)["events"][0]["message"] == '{"id": "a"}'
    found = eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"))
    assert [one["Key"] for one in found] == [f"{topic}/a"]


def test_a_message_goes_on_under_another_topic(iot, data, device):
    topic, hearer = name(), device(name())
    hearer.subscribe(f"{topic}/loud")
    create(iot, f"SELECT upper(word) AS word FROM '{topic}'", {"republish": {
        "topic": "${topic()}/loud", "roleArn": ROLE, "qos": 1,
        "headers": {"contentType": "application/json",
                    "userProperties": [{"key": "from", "value": "${topic()}"}]}}})
    data.publish(topic=topic, payload=b'{"word": "hello"}')
    message = hearer.next()
    assert message.payload == b'{"word":"HELLO"}'
    assert (message.properties.ContentType, message.properties.UserProperty) == (
        "application/json", [("from", topic)])


def test_what_fails_is_told_to_the_error_action_once_with_all_failures(iot, data, device, listener):
    topic, errors, client = name(), listener(name()), name()
    rule = create(
        iot, f"SELECT * FROM '{topic}'",
        {"sqs": {"queueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/nowhere", "roleArn": ROLE}},
        {"s3": {"bucketName": "no-such-bucket-anywhere", "key": "x", "roleArn": ROLE}},
        errorAction=errors.action())
    device(client).publish(topic, b"{}")
    told = json.loads(errors.read()[0])
    assert (told["ruleName"], told["topic"], told["clientId"]) == (rule, topic, client)
    assert base64.b64decode(told["base64OriginalPayload"]) == b"{}"
    assert sorted((one["failedAction"], one["failedResource"]) for one in told["failures"]) == [
        ("S3Action", "no-such-bucket-anywhere"),
        ("SqsAction", "https://sqs.us-east-1.amazonaws.com/000000000000/nowhere")]
    assert "bucket" in str(told["failures"])
    assert errors.is_empty()


def test_a_role_must_let_iot_in(cloudlet, iot, data, listener):
    topic, queue, errors, role = name(), listener(name()), listener(name()), name()
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = cloudlet.client("iam").create_role(
        RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    create(iot, f"SELECT * FROM '{topic}'", queue.action(roleArn=arn), errorAction=errors.action())
    data.publish(topic=topic, payload=b"{}")
    assert "sts:AssumeRole" in json.loads(errors.read()[0])["failures"][0]["errorMessage"]
    assert queue.is_empty()


def test_a_function_gets_what_a_rule_selects_if_its_policy_lets_iot(cloudlet, iot, data, listener):
    topic, errors, function, functions = name(), listener(name()), name(), cloudlet.client("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): print('got', event['n'])")
    arn = functions.create_function(
        FunctionName=function, Runtime="python3.11", Role=ROLE, Handler="app.handler",
        Code={"ZipFile": code.getvalue()})["FunctionArn"]
    rule = create(iot, f"SELECT n FROM '{topic}'", {"lambda": {"functionArn": arn}},
                  errorAction=errors.action())
    data.publish(topic=topic, payload=b'{"n": 1}')
    assert "lambda:InvokeFunction" in json.loads(errors.read()[0])["failures"][0]["errorMessage"]
    functions.add_permission(FunctionName=function, StatementId="iot", Action="lambda:InvokeFunction",
                             Principal="iot.amazonaws.com",
                             SourceArn=f"arn:aws:iot:us-east-1:000000000000:rule/{rule}")
    data.publish(topic=topic, payload=b'{"n": 2}')
    logs = cloudlet.client("logs")

    def written() -> list[str]:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        except ClientError:
            return []
        return [one["message"].strip() for one in found if one["message"].startswith("got")]

    assert eventually(written) == ["got 2"]


def test_properties_of_mqtt_5_can_be_selected(iot, device, listener):
    topic, queue = name(), listener(name())
    create(iot, "SELECT get_mqtt_property('content_type') AS kind, get_user_properties('room') AS rooms, "
                f"get_user_properties('none') AS none FROM '{topic}'", queue.action())
    device(name()).publish(topic, b"{}", ContentType="json", UserProperty=[("room", "a"), ("room", "b")])
    assert json.loads(queue.read()[0]) == {"kind": "json", "rooms": ["a", "b"]}


def test_the_endpoint_is_this_cloudlet(cloudlet, iot):
    shown = iot.describe_endpoint(endpointType="iot:Data-ATS")
    assert shown["endpointAddress"] == f"127.0.0.1:{cloudlet.port}"
    assert error_of(iot.describe_endpoint, endpointType="iot:Jobs")[0] == "NotHonoured"

"""Filter policies: what they let through, and AWS's words for those that are none."""

import json

import pytest


def publish(sns, topic, body="x", **attributes):
    kinds = {str: "String", int: "Number", float: "Number", list: "String.Array", bytes: "Binary"}
    sns.publish(TopicArn=topic, Message=body, MessageAttributes={
        name: {"DataType": kinds[type(value)], **({"BinaryValue": value} if isinstance(value, bytes) else {
            "StringValue": json.dumps(value) if isinstance(value, list) else str(value)})}
        for name, value in attributes.items()})


@pytest.mark.parametrize(("policy", "let_in", "kept_out"), [
    ({"k": ["a", "b"]}, [{"k": "a"}, {"k": ["z", "b"]}], [{"k": "c"}, {}, {"K": "a"}]),
    ({"k": [{"prefix": "or"}]}, [{"k": "order"}], [{"k": "bor"}]),
    ({"k": [{"suffix": "er"}]}, [{"k": "order"}], [{"k": "erx"}]),
    ({"k": [{"equals-ignore-case": "Abc"}]}, [{"k": "aBC"}], [{"k": "abcd"}]),
    ({"k": [{"wildcard": "a*c"}]}, [{"k": "abbc"}], [{"k": "abd"}]),
    ({"k": [{"anything-but": ["a", "b"]}]}, [{"k": "c"}, {"k": ["a", "c"]}], [{"k": "a"}, {}]),
    ({"k": [{"anything-but": {"prefix": "or"}}]}, [{"k": "x"}], [{"k": "order"}]),
    ({"k": [{"anything-but": {"suffix": "er"}}]}, [{"k": "x"}], [{"k": "order"}]),
    ({"k": [{"anything-but": {"wildcard": "a*c"}}]}, [{"k": "x"}], [{"k": "abc"}]),
    ({"k": [{"numeric": [">", 0, "<=", 100]}]}, [{"k": 100}, {"k": 0.5}],
     [{"k": 0}, {"k": 101}, {"k": "50"}]),
    ({"k": [{"numeric": ["=", 301.5]}]}, [{"k": 301.5}, {"k": 3.015e2}], [{"k": 301}]),
    ({"k": [100]}, [{"k": 100}], [{"k": "100"}]),
    ({"k": [{"exists": True}]}, [{"k": "x"}], [{"j": "x"}]),
    ({"k": [{"exists": False}]}, [{"j": "x"}, {}], [{"k": "x"}]),
    ({"k": [{"cidr": "10.0.0.0/24"}]}, [{"k": "10.0.0.255"}], [{"k": "10.0.1.0"}]),
    ({"$or": [{"a": ["1"]}, {"b": ["2"]}]}, [{"a": "1"}, {"b": "2"}], [{"a": "2"}]),
    ({"a": ["1"], "b": ["2"]}, [{"a": "1", "b": "2"}], [{"a": "1"}]),
    ({"k": [{"exists": True}]}, [{"k": "x"}], [{"k": b"x"}])])
def test_attributes_are_filtered(cloudlet, sns, make, listen, policy, let_in, kept_out):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic, FilterPolicy=json.dumps(policy))
    for number, attributes in enumerate(kept_out + let_in):
        publish(sns, topic, str(number), **attributes)
    assert heard.heard() == [str(number) for number in range(len(kept_out), len(kept_out) + len(let_in))]


@pytest.mark.parametrize(("policy", "let_in", "kept_out"), [
    ({"object": {"key": [{"prefix": "auto-"}, "hardcodedvalue"], "nested_key": [{"exists": False}]},
      "test": [{"exists": False}]},
     [{"object": {"key": "auto-test"}}, {"object": {"key": "hardcodedvalue"}}],
     [{"object": {"key": "test-auto"}}, {"object": {"key": "auto-test"}, "test": "just-exists"},
      {"object": {"key": "auto-test", "nested_key": "just-exists"}}, {"object": {"test": "auto-test"}},
      {"test": "auto-test"}, "text", ["a"], 5]),
    ({"headers": {"route-to": ["queue1"]}},
     [{"headers": {"route-to": ["queue1", "queue2"]}}, {"headers": {"route-to": ["queue1"]}}],
     [{"headers": {"route-to": ["queue3"]}}]),
    ({"object.nested": ["string.value"]},
     [{"object": {"nested": "string.value"}}, {"object.nested": "string.value"}],
     [{"object": {"nested": "x"}}]),
    ({"$or": [{"metricName": ["CPU"]}, {"namespace": ["EC2"]}], "detail": {
        "scope": ["Service"], "$or": [{"source": ["cw"]}, {"type": ["alarm"]}]}},
     [{"metricName": "CPU", "detail": {"scope": "Service", "source": "cw"}},
      {"namespace": "EC2", "detail": {"scope": "Service", "type": "alarm"}}],
     [{"metricName": "CPU", "detail": {"scope": "Service"}},
      {"detail": {"scope": "Service", "source": "cw"}}])])
def test_bodies_are_filtered(cloudlet, sns, make, listen, policy, let_in, kept_out):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic, FilterPolicy=json.dumps(policy), FilterPolicyScope="MessageBody")
    for body in kept_out + let_in:
        publish(sns, topic, json.dumps(body))
    publish(sns, topic, "no json at all")
    assert [json.loads(message) for message in heard.heard()] == let_in


def test_a_batch_is_filtered_one_by_one(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    heard, all_of_it = listen(cloudlet, topic, FilterPolicy='{"k": ["a"]}'), listen(cloudlet, topic)
    sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
        {"Id": k, "Message": k, "MessageAttributes": {"k": {"DataType": "String", "StringValue": k}}}
        for k in "abc"])
    assert heard.heard() == ["a"] and all_of_it.heard() == ["a", "b", "c"]


def test_a_filter_is_shown_changed_and_taken_away(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)

    def shown(name, value):
        sns.set_subscription_attributes(SubscriptionArn=heard.subscription, AttributeName=name,
                                        AttributeValue=value)
        found = sns.get_subscription_attributes(SubscriptionArn=heard.subscription)["Attributes"]
        return found.get("FilterPolicy"), found.get("FilterPolicyScope")

    assert shown("FilterPolicyScope", "MessageBody") == (None, None)
    assert shown("FilterPolicy", '{"a": {"b": ["c"]}}') == ('{"a": {"b": ["c"]}}', "MessageBody")
    assert shown("FilterPolicy", "{}") == (None, None)
    publish(sns, topic)
    assert heard.heard() == ["x"]


WHERE = '\n at [Source: (String)"{}"; line: 1, column: {}]'


# as AWS answered, recorded by LocalStack's tests (test_sns_filter_policy.snapshot.json)
@pytest.mark.parametrize(("policy", "message", "column"), [
    ({"key": [["value"]]}, "Match value must be String, number, true, false, or null", 10),
    ({"key": [{"wrong-operator": True}]}, "Unrecognized match type wrong-operator", 31),
    ({"key": [{"suffix": "value", "prefix": "value2"}]}, "Only one key allowed in match expression", 37),
    ({"key": []}, "Empty arrays are not allowed", 10),
    ({"key": [{"suffix": 100}]}, "suffix match pattern must be a string", 22),
    ({"key": {"suffix": "value"}}, '"suffix" must be an object or an array', 19),
    ({"key": [{"cidr": "bad-filter"}]}, "Malformed CIDR, one '/' required", None),
    ({"key": [{"cidr": "bad-filter/24"}]}, "Nonstandard IP address: bad-filter", None),
    ({"key": [{"cidr": "10.0.0.0/xx"}]}, "Malformed CIDR, mask bits must be an integer", None),
    ({"key": [{"numeric": []}]}, "Invalid member in numeric match: ]", 22),
    ({"key": [{"numeric": ["operator"]}]}, "Unrecognized numeric range operator: operator", 32),
    ({"key": [{"numeric": ["=", "000"]}]}, "Value of equals must be numeric", 26),
    ({"key": [{"numeric": [">", 3, "<", 1]}]}, "Bottom must be less than top", 33),
    ({"key": [{"numeric": ["<", 100, ">", 10]}]}, "Too many elements in numeric expression", 30),
    ({"key": [{"exists": "no"}]}, "exists match pattern must be either true or false.", 20),
    ({"key": [{"anything-but": {"exists": False}}]}, "Unsupported anything-but pattern: exists", 40),
    ({"key": [f"value{n}" for n in range(151)]}, "Filter policy is too complex", None),
    ({"key1": [str(n) for n in range(100)], "key2": [str(n) for n in range(51)]},
     "Filter policy is too complex", None),
    ({f"key{n}": ["value"] for n in range(6)}, "Filter policy can not have more than 5 keys", None),
    ({"source": ["a", "b", "c", "d"], "$or": [
        {"metricName": [str(n) for n in range(6)]},
        {"metricType": ["a", "b", "c", "d"], "$or": [{"metricId": [1, 2, 3, 4]},
                                                     {"spaceId": [1, 2, 3, 4]}]}]},
     "Filter policy is too complex", None)])
def test_a_filter_that_is_none_is_refused_in_awss_words(cloudlet, sns, make, refused, policy, message,
                                                        column):
    text = json.dumps(policy, separators=(",", ":"))
    scope = "MessageBody" if isinstance(policy.get("key"), dict) else "MessageAttributes"
    place = WHERE.format(text, column) if column else ""
    assert refused(sns.subscribe, TopicArn=make(cloudlet), Protocol="sms", Endpoint="+123123123",
                   Attributes={"FilterPolicy": text, "FilterPolicyScope": scope}) == (
        "InvalidParameter", f"Invalid parameter: Attributes Reason: FilterPolicy: {message}{place}")


def test_nesting_counts_and_is_for_bodies_only(cloudlet, sns, make, listen, refused):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)

    def set_to(name, value):
        return refused(sns.set_subscription_attributes, SubscriptionArn=heard.subscription,
                       AttributeName=name,
                       AttributeValue=value if isinstance(value, str) else json.dumps(value))

    nested = {"key_a": {"key_b": {"key_c": ["1", "2", "3", "4"]}},
              "key_d": {"key_e": ["1", "2", "3"]}}  # 3x4x2x3 = 72
    assert set_to("FilterPolicy", nested) == (
        "InvalidParameter",
        "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy")
    sns.set_subscription_attributes(SubscriptionArn=heard.subscription, AttributeName="FilterPolicyScope",
                                    AttributeValue="MessageBody")
    sns.set_subscription_attributes(SubscriptionArn=heard.subscription, AttributeName="FilterPolicy",
                                    AttributeValue=json.dumps(nested))
    nested["key_d"]["key_e"] = [str(n) for n in range(7)]  # 3x4x2x7 = 168
    assert set_to("FilterPolicy", nested)[1] == (
        "Invalid parameter: FilterPolicy: Filter policy is too complex")
    assert set_to("FilterPolicyScope", "MessageAttributes")[1] == (
        "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy")
    assert set_to("FilterPolicy", "{i")[1].startswith(
        "Invalid parameter: FilterPolicy: failed to parse JSON. ")


def test_a_policy_of_a_hundred_and_fifty_combinations_is_taken(cloudlet, sns, make):
    policy = {"source": ["a", "b", "c"], "$or": [
        {"metricName": [str(n) for n in range(6)]},
        {"metricType": ["a", "b", "c", "d"], "$or": [{"metricId": [1, 2, 3, 4]},
                                                     {"spaceId": [1, 2, 3, 4, 5, 6, 7]}]}]}
    assert sns.subscribe(TopicArn=make(cloudlet), Protocol="sms", Endpoint="+123123123",
                         Attributes={"FilterPolicy": json.dumps(policy)})["SubscriptionArn"]

"""Faults and throttles that a test asks for."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def faults(cloudlet):
    """Put rules in force; they are taken back at the end."""
    yield lambda *rules: cloudlet.control("faults", {"rules": list(rules)})
    cloudlet.control("faults", {"rules": []})


def test_an_operation_fails_as_it_is_told_and_others_do_not(cloudlet, faults):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="faulty")["QueueUrl"]
    faults({"service": "sqs", "operation": "SendMessage", "error": "InternalError", "status": 500})
    with pytest.raises(ClientError) as refused:
        sqs.send_message(QueueUrl=url, MessageBody="x")
    assert refused.value.response["Error"]["Code"] == "InternalError"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_a_throttle_lets_so_many_pass_a_second_of_the_clock(cloudlet, faults):
    sts = cloudlet.client("sts")
    cloudlet.control("clock", {"freeze": True})
    try:
        faults({"service": "sts", "per_second": 3})
        passed = 0
        for _ in range(5):
            try:
                sts.get_caller_identity()
                passed += 1
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ThrottlingException"
        assert passed == 3
        cloudlet.advance(1)
        sts.get_caller_identity()
    finally:
        cloudlet.control("clock", {"resume": True})


def test_a_rule_that_makes_no_sense_is_refused(cloudlet):
    body = json.dumps({"rules": [{"service": "sqs", "eror": "X"}]}).encode()
    request = urllib.request.Request(f"{cloudlet.url}/_cloudlet/faults", data=body,
                                     headers={"x-cloudlet-token": cloudlet.cloudlet.token})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as answer:
        assert answer.status == 400
        assert "eror" in json.load(answer)["message"]

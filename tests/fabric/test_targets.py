"""Deliveries that are refused: undone, tried again while that may help, and given up as their sender says."""

import asyncio
import itertools
import json

import msgspec
import pytest

from cloudlet.errors import AwsError, ServiceUnavailable
from cloudlet.fabric.targets import DeadLetter, Delivery, Parcel, Retries, send, settle
from cloudlet.identity import root
from cloudlet.kernel import Service

# a queue takes from services only what its policy lets them send
OPEN = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}})

BOX = "arn:aws:polly:us-east-1:000000000000:box"
_names = itertools.count(1)


class Wrong(AwsError):
    """It will never do."""


@pytest.fixture
def running(fresh):
    """A cloudlet with one more service, whose target writes to a queue and then does as it is told."""
    cloudlet = fresh()
    toy = Service("polly")
    toy.answers, toy.told = [], []

    @toy.target
    def deliver(call, arn, delivery):
        call.invoke("sqs", "SendMessage", QueueUrl=toy.queue, MessageBody=delivery.id)
        answer = toy.answers.pop(0) if toy.answers else None
        if answer is not None:
            raise answer

    @toy.task
    def hear(call, **said):
        toy.told.append(said)

    @toy.task
    async def carry(call, *, parcel):
        answer = toy.answers.pop(0) if toy.answers else None
        one = msgspec.convert(parcel, type=Parcel)
        await call.transact(lambda inner: settle(inner, one, answer))

    services = cloudlet.cloudlet.kernel.services
    services.__dict__["names"] = (*services.names, "polly")
    services._loaded["polly"] = toy
    cloudlet.toy = toy
    toy.queue = cloudlet.client("sqs").create_queue(QueueName="toys", Attributes={"Policy": OPEN})["QueueUrl"]
    return cloudlet


def sent(running, **more):
    """Send a parcel to the toy, in a transaction of its own."""
    delivery = Delivery(f"d{next(_names)}", b"hello", "polly", source_account="000000000000")
    call = running.cloudlet.kernel.conversation(root("000000000000"), "polly")
    parcel = Parcel(more.pop("arn", BOX), delivery, tell="hear", note={"what": "it"}, **more)
    asyncio.run_coroutine_threadsafe(call.transact(lambda inner: send(inner, parcel)), running._loop).result()
    return delivery


def received(running, url, seconds=0):
    sqs = running.client("sqs")
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=seconds,
                                MessageAttributeNames=["All"]).get("Messages", [])
    for one in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return found


def grave(running):
    url = running.client("sqs").create_queue(QueueName="grave", Attributes={"Policy": OPEN})["QueueUrl"]
    return url, "arn:aws:sqs:us-east-1:000000000000:grave"


def test_what_is_taken_at_once_is_told_in_the_same_transaction(running):
    delivery = sent(running)
    assert [one["Body"] for one in received(running, running.toy.queue)] == [delivery.id]
    assert running.toy.told == [{"what": "it", "tries": 1, "error": ""}]


def test_what_is_refused_leaves_nothing_and_is_tried_again_when_its_pause_is_over(running):
    running.toy.answers = [ServiceUnavailable("not now"), ServiceUnavailable("not now")]
    delivery = sent(running, retries=Retries(pauses_ms=(60_000, 600_000)))
    assert received(running, running.toy.queue) == [] and running.toy.told == []
    running.advance(59)
    assert received(running, running.toy.queue) == []
    running.advance(2)
    for _ in range(1000):
        if not running.toy.answers:
            break
        running.control("health")
    running.advance(601)
    assert [one["Body"] for one in received(running, running.toy.queue, 5)] == [delivery.id]
    assert running.toy.told == [{"what": "it", "tries": 3, "error": ""}]


def test_what_no_other_try_can_mend_goes_to_the_dead_letter_target_at_once(running):
    running.toy.answers = [Wrong("no")]
    url, arn = grave(running)
    sent(running, dead_letter=DeadLetter(arn, Delivery("x", b"dead", "polly"), explain=True))
    letter, = received(running, url)
    said = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert letter["Body"] == "dead"
    assert said == {"ERROR_CODE": "Wrong", "ERROR_MESSAGE": "no", "RETRY_ATTEMPTS": "0"}
    assert running.toy.told == [{"what": "it", "tries": 1, "error": "Wrong: no"}]


def test_a_pause_may_be_a_random_part_of_the_whole(running):
    running.toy.answers = [ServiceUnavailable("not now")]
    delivery = sent(running, retries=Retries(pauses_ms=(100_000,), jitter=True))
    running.advance(49)
    assert received(running, running.toy.queue) == []
    running.advance(51)
    assert [one["Body"] for one in received(running, running.toy.queue, 5)] == [delivery.id]


def test_a_dead_letter_may_say_the_kind_of_failure(running):
    running.toy.answers = [Wrong("no")]
    url, arn = grave(running)
    letter = DeadLetter(arn, Delivery("x", b"dead", "polly"), explain=True, by_kind=True)
    sent(running, dead_letter=letter)
    assert received(running, url)[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "SDK_CLIENT_ERROR"


def test_a_carrier_takes_a_delivery_where_no_transaction_reaches(running):
    running.toy.answers = [ServiceUnavailable("not now"), Wrong("no")]
    url, arn = grave(running)
    sent(running, carrier="polly:carry", retries=Retries(pauses_ms=(0,)),
         dead_letter=DeadLetter(arn, Delivery("x", b"dead", "polly")))
    assert [one["Body"] for one in received(running, url, 5)] == ["dead"]
    assert running.toy.told == [{"what": "it", "tries": 2, "error": "Wrong: no"}]


@pytest.mark.parametrize(("retries", "condition", "attempts"), [
    (Retries(attempts=1, pauses_ms=(0,)), "MaximumRetryAttempts", "1"),
    (Retries(age_ms=500, pauses_ms=(1000,)), "MaximumEventAgeInSeconds", "0")])
def test_what_is_tried_in_vain_says_what_ended_it(running, retries, condition, attempts):
    running.toy.answers = [ServiceUnavailable("not now")] * 3
    url, arn = grave(running)
    sent(running, retries=retries, dead_letter=DeadLetter(arn, Delivery("x", b"dead", "polly"), explain=True))
    letter, = received(running, url, 5)
    said = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (said["EXHAUSTED_RETRY_CONDITION"], said["RETRY_ATTEMPTS"]) == (condition, attempts)


@pytest.mark.parametrize("arn", ["arn:aws:nowhere:us-east-1:000000000000:x", "no arn",
                                 "arn:aws:sqs:us-east-1:000000000000:missing"])
def test_a_target_that_is_not_there_is_no_error_of_the_sender(running, arn):
    sent(running, arn=arn)
    assert running.toy.told[0]["error"] and running.toy.told[0]["tries"] == 1


def test_a_delivery_that_waits_survives_a_restart(running, fresh):
    running.toy.answers = [ServiceUnavailable("not now")]
    sent(running, retries=Retries(attempts=1, pauses_ms=(3_600_000,)))
    running.stop()
    again = fresh()
    services = again.cloudlet.kernel.services
    services.__dict__["names"] = (*services.names, "polly")
    services._loaded["polly"] = running.toy
    again.advance(3601)
    assert len(received(again, running.toy.queue.replace(running.url, again.url), 5)) == 1

"""The saga's tests: `pytest examples/orders-saga`, with cloudlet installed."""

import json
import urllib.error
import urllib.request
from datetime import timedelta

import pytest

ORDER = {"id": "o1", "sku": "kettle", "quantity": 1, "cents": 3900}


class Flow:
    """The state machine, and what it wrote into the ledger."""

    def __init__(self, cloudlet):
        self.cloudlet, self.outputs = cloudlet, cloudlet.deploy(".")
        self.states = cloudlet.client("stepfunctions")

    def start(self, **order):
        answer = self.states.start_execution(stateMachineArn=self.outputs["Flow"],
                                             input=json.dumps({**ORDER, **order}))
        return answer["executionArn"]

    def end_of(self, execution, within=timedelta(hours=1)):
        def ended():
            found = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return self.cloudlet.eventually(ended, within=within)

    def ledger(self):
        items = self.cloudlet.resource("dynamodb").Table(self.outputs["Ledger"]).scan()["Items"]
        return {item["step"] for item in items}


@pytest.fixture
def flow(cloudlet):
    return Flow(cloudlet)


def links(cloudlet):
    return cloudlet.eventually(lambda: cloudlet.sent("Approvers"))[0].json


def test_an_order_is_reserved_paid_and_shipped(flow):
    ended = flow.end_of(flow.start())
    assert json.loads(ended["output"]) == {"id": "o1", "status": "shipped"}
    assert flow.ledger() == {"reserve", "pay", "ship"}


def test_what_was_done_is_undone_when_nobody_can_ship(flow):
    ended = flow.end_of(flow.start(to="the moon"))
    assert (ended["status"], ended["error"]) == ("FAILED", "OrderRejected")
    assert flow.ledger() == {"reserve", "pay", "refund", "release"}


def test_nothing_is_undone_that_was_not_done(flow):
    assert flow.end_of(flow.start(quantity=11))["status"] == "FAILED"
    assert flow.ledger() == set()


def test_a_bank_that_is_away_is_asked_again_after_a_minute_and_after_two(cloudlet, flow):
    began = cloudlet.clock.now
    assert flow.end_of(flow.start(card="slow"))["status"] == "SUCCEEDED"
    assert cloudlet.clock.now - began >= timedelta(minutes=3)


def test_a_person_approves_an_expensive_order_by_a_link_once(cloudlet, flow):
    execution = flow.start(cents=90_000)
    link = links(cloudlet)["approve"]
    cloudlet.clock.advance(days=1)
    with urllib.request.urlopen(link) as answer:
        assert answer.status == 200
    assert flow.end_of(execution)["status"] == "SUCCEEDED"
    with pytest.raises(urllib.error.HTTPError) as gone:
        urllib.request.urlopen(link)
    with gone.value as answer:
        assert answer.status == 410


def test_an_order_that_a_person_declines_is_released(cloudlet, flow):
    execution = flow.start(cents=90_000)
    with urllib.request.urlopen(links(cloudlet)["decline"]):
        pass
    assert flow.end_of(execution)["status"] == "FAILED"
    assert flow.ledger() == {"reserve", "release"}


def test_an_order_that_nobody_answers_for_is_given_up_after_three_days(cloudlet, flow):
    execution = flow.start(cents=90_000)
    links(cloudlet)
    cloudlet.clock.advance(days=3)
    assert flow.end_of(execution)["status"] == "FAILED"
    assert flow.ledger() == {"reserve", "release"}

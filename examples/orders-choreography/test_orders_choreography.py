"""The choreography's tests: `pytest examples/orders-choreography`, with cloudlet installed."""

import json

import pytest

ORDER = {"id": "o1", "sku": "kettle", "quantity": 1, "cents": 3900}


@pytest.fixture
def place(cloudlet):
    """Places an order and gives, once all is quiet, the steps that the ledger has."""
    outputs = cloudlet.deploy(".")

    def order(**more):
        cloudlet.client("events").put_events(Entries=[{
            "EventBusName": outputs["Bus"], "Source": "shop.orders", "DetailType": "OrderPlaced",
            "Detail": json.dumps({**ORDER, **more})}])
        cloudlet.clock.rest()
        ledger = cloudlet.resource("dynamodb").Table(outputs["Ledger"])
        return {item["step"] for item in ledger.scan()["Items"]}

    return order


def test_an_order_is_reserved_paid_and_shipped(place):
    assert place() == {"reserve", "pay", "ship"}


def test_what_was_done_is_undone_when_nobody_can_ship(place):
    assert place(to="the moon") == {"reserve", "pay", "refund", "release"}


def test_what_was_reserved_is_released_when_the_card_is_refused(place):
    assert place(card="refused") == {"reserve", "release"}


def test_nothing_is_undone_that_was_not_done(place):
    assert place(quantity=11) == set()


def test_an_event_that_comes_twice_does_no_harm(cloudlet, place):
    cloudlet.faults.duplicate("PayFunction")
    assert place() == {"reserve", "pay", "ship"}

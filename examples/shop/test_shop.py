"""The shop's tests, as its developers would write them: `pytest examples/shop`, with cloudlet installed."""

import json
import urllib.error
import urllib.request
from datetime import timedelta

import pytest


class Shop:
    """The shop as its customers see it."""

    def __init__(self, cloudlet):
        self.outputs = cloudlet.deploy(".", parameters={"Shipping": "no"})
        self.url = cloudlet.url("Api")

    def ask(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def order(self, sku, quantity, **headers):
        return self.ask("POST", "/orders", {"sku": sku, "quantity": quantity}, **headers)

    def stock(self, sku):
        return self.ask("GET", f"/products/{sku}")["stock"]


@pytest.fixture
def shop(cloudlet):
    found = Shop(cloudlet)
    found.ask("PUT", "/products/kettle", {"name": "Kettle", "cents": 3900, "stock": 10})
    return found


def test_an_order_is_packed(cloudlet, shop):
    order = shop.order("kettle", 2)
    cloudlet.eventually(lambda: shop.ask("GET", f"/orders/{order['id']}")["status"] == "packed")
    assert shop.stock("kettle") == 8


def test_an_order_that_is_sent_twice_is_one_order_until_its_key_is_forgotten(cloudlet, shop):
    key = {"idempotency-key": "f81d4fae"}
    first = shop.order("kettle", 1, **key)
    assert shop.order("kettle", 1, **key)["id"] == first["id"]
    assert [one.json["id"] for one in cloudlet.sent("OrderQueue")] == [first["id"]]


def test_an_order_whose_message_comes_twice_is_packed_once(cloudlet, shop):
    cloudlet.faults.duplicate("OrderQueue")
    shop.order("kettle", 3)
    cloudlet.eventually(lambda: len(cloudlet.invocations("WorkerFunction")) >= 2)
    assert shop.stock("kettle") == 7


def test_an_order_waits_while_the_table_is_throttled(cloudlet, shop):
    with cloudlet.faults.error("ShopTable", service="dynamodb", operation="TransactWriteItems",
                               code="ThrottlingException", status=400):
        order = shop.order("kettle", 1)
        cloudlet.clock.rest()
        assert shop.ask("GET", f"/orders/{order['id']}")["status"] == "placed"
    cloudlet.eventually(lambda: shop.stock("kettle") == 9)


def test_an_order_that_nobody_can_fulfil_is_put_aside_after_three_attempts(cloudlet, shop):
    began = cloudlet.clock.now
    order = shop.order("kettle", 11)
    sqs = cloudlet.client("sqs")
    grave = shop.outputs["Graveyard"]
    dead = cloudlet.eventually(lambda: sqs.receive_message(QueueUrl=grave).get("Messages"))
    assert json.loads(dead[0]["Body"])["id"] == order["id"]
    assert len(cloudlet.invocations("WorkerFunction")) == 3
    assert cloudlet.clock.now - began > timedelta(minutes=2)


def test_what_is_not_sold_can_not_be_ordered(cloudlet, shop):
    with pytest.raises(urllib.error.HTTPError) as refused:
        shop.order("teapot", 1)
    with refused.value as answer:
        assert answer.status == 404
    assert cloudlet.sent("OrderQueue") == []

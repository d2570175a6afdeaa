"""The fan-out's tests: `pytest examples/fan-out`, with cloudlet installed."""

import json

import pytest


class Prices:
    """The bucket, as those who upload see it."""

    def __init__(self, cloudlet):
        self.cloudlet, self.outputs = cloudlet, cloudlet.deploy(".")
        self.s3, self.states = cloudlet.client("s3"), cloudlet.client("stepfunctions")

    def upload(self, rows, key="orders/today.csv"):
        body = "sku,quantity\n" + "".join(f"{sku},{quantity}\n" for sku, quantity in rows)
        self.s3.put_object(Bucket=self.outputs["Bucket"], Key=key, Body=body)

    def ended(self):
        """The status of the newest execution, once it has ended."""
        def found():
            newest = self.states.list_executions(stateMachineArn=self.outputs["Machine"])["executions"]
            return newest[0]["status"] if newest and newest[0]["status"] != "RUNNING" else None

        return self.cloudlet.eventually(found)

    def total(self, key="orders/today.json"):
        return json.load(self.s3.get_object(Bucket=self.outputs["Bucket"], Key=key)["Body"])


@pytest.fixture
def prices(cloudlet):
    return Prices(cloudlet)


def test_an_uploaded_file_is_priced_ten_rows_at_a_time(cloudlet, prices):
    prices.upload([("kettle", 1), ("cup", 4)] * 15)
    assert prices.ended() == "SUCCEEDED"
    assert prices.total() == {"rows": 30, "cents": 15 * (3900 + 3600)}
    assert len(cloudlet.invocations("PriceFunction")) == 3


def test_one_batch_in_twenty_may_fail(prices):
    prices.upload([("teapot", 1)] + [("cup", 1)] * 199)
    assert prices.ended() == "SUCCEEDED"
    assert prices.total()["rows"] == 190


def test_a_file_with_too_many_bad_rows_fails(prices):
    prices.upload([("teapot", 1)] * 30)
    assert prices.ended() == "FAILED"


def test_what_is_no_order_is_left_alone(cloudlet, prices):
    prices.upload([("kettle", 1)], key="notes.csv")
    cloudlet.clock.rest()
    assert prices.states.list_executions(stateMachineArn=prices.outputs["Machine"])["executions"] == []

"""The steps of an order. Each hears of an event, does its part and says so, and knows of no other."""

import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
events = boto3.client("events")


def done(step, order, *, said):
    """Write into the ledger, and tell whom it may concern. Done twice, it is done once."""
    table.put_item(Item={"order": order["id"], "step": step})
    say(said, order)


def say(kind, order):
    events.put_events(Entries=[{"EventBusName": os.environ["BUS"], "Source": "shop.orders",
                                "DetailType": kind, "Detail": json.dumps(order)}])


def reserve(event, context):
    order = event["detail"]
    if order["quantity"] > 10:
        say("OrderRejected", order)
    else:
        done("reserve", order, said="OrderReserved")


def pay(event, context):
    order = event["detail"]
    if order.get("card") == "refused":
        say("PaymentFailed", order)
    else:
        done("pay", order, said="OrderPaid")


def ship(event, context):
    order = event["detail"]
    if order.get("to") == "the moon":
        say("ShippingFailed", order)
    else:
        done("ship", order, said="OrderShipped")


def refund(event, context):
    done("refund", event["detail"], said="OrderRefunded")


def release(event, context):
    done("release", event["detail"], said="OrderRejected")

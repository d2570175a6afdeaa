"""The steps of an order. Each writes into the ledger, under its own name: done twice, it is done once."""

import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


class OutOfStock(Exception):
    """Nobody has so many."""


class BankAway(Exception):
    """The bank does not answer; it may in a minute."""


class CardRefused(Exception):
    """The bank says no."""


class NoCarrier(Exception):
    """Nobody drives there."""


def reserve(order):
    if order["quantity"] > 10:
        raise OutOfStock(f"there are no {order['quantity']} of {order['sku']}")


def pay(order):
    if order.get("card") == "refused":
        raise CardRefused("the card was refused")
    if order.get("card") == "slow":  # the bank is away the first two times
        tries = table.update_item(
            Key={"order": order["id"], "step": "bank"}, UpdateExpression="ADD tries :one",
            ExpressionAttributeValues={":one": 1}, ReturnValues="UPDATED_NEW")["Attributes"]["tries"]
        if tries < 3:
            raise BankAway("the bank does not answer")


def ship(order):
    if order.get("to") == "the moon":
        raise NoCarrier("nobody drives to the moon")


def undo(order):
    """Nothing can go wrong here: a step that compensates must succeed."""


STEPS = {"reserve": reserve, "pay": pay, "ship": ship, "refund": undo, "release": undo}


def handler(event, context):
    step, order = event["step"], event["order"]
    STEPS[step](order)
    table.put_item(Item={"order": order["id"], "step": step})
    return {"step": step, "order": order["id"]}

"""The shop's front: products, and orders that are taken exactly once."""

import json
import os
import uuid
from decimal import Decimal

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from boto3.dynamodb.conditions import Key

logger = Logger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
queue = boto3.client("sqs")


def dumps(value):
    """JSON, with the table's numbers as whole ones."""
    return json.dumps(value, default=lambda one: int(one) if isinstance(one, Decimal) else str(one))


app = APIGatewayHttpResolver(serializer=dumps)
once = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])
by_key = IdempotencyConfig(event_key_jmespath="key", expires_after_seconds=3600)


@app.get("/")
def home():
    return {"message": os.environ["GREETING"]}


@app.get("/products")
def products():
    return {"products": table.query(KeyConditionExpression=Key("kind").eq("product"))["Items"]}


@app.get("/products/<sku>")
def product(sku):
    return found("product", sku)


@app.put("/products/<sku>")
def put_product(sku):
    wish = app.current_event.json_body
    item = {"kind": "product", "id": sku} | {name: wish[name] for name in ("name", "cents", "stock")}
    table.put_item(Item=item)
    return Response(201, "application/json", dumps(item))


@app.post("/orders")
def order():
    wish = app.current_event.json_body
    if not isinstance(wish.get("quantity"), int) or wish["quantity"] < 1:
        raise BadRequestError("quantity must be a whole number above 0")
    found("product", wish.get("sku", ""))
    headers = {name.lower(): value for name, value in app.current_event.headers.items()}
    key = headers.get("idempotency-key") or str(uuid.uuid4())
    return Response(202, "application/json", dumps(place(request={"key": key, **wish})))


@app.get("/orders/<id>")
def order_of(id):
    return found("order", id)


@idempotent_function(data_keyword_argument="request", persistence_store=once, config=by_key)
def place(request):
    """Taken once for each key, however often the client asks."""
    item = {"kind": "order", "id": str(uuid.uuid4()), "sku": request["sku"], "quantity": request["quantity"],
            "status": "placed"}
    table.put_item(Item=item)
    queue.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=dumps(item))
    logger.info("order placed", order=item["id"])
    return item


def found(kind, id):
    item = table.get_item(Key={"kind": kind, "id": id or "-"}).get("Item")
    if item is None:
        raise NotFoundError(f"there is no {kind} {id}")
    return item


@logger.inject_lambda_context
def handler(event, context):
    by_key.register_lambda_context(context)
    return app.resolve(event, context)

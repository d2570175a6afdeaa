"""Packs orders. One that can't be packed fails alone; after three attempts it lies with the dead letters."""

import os

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

logger = Logger()
dynamodb = boto3.client("dynamodb")
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def pack(record):
    """Take the goods from the stock and mark the order, both or neither."""
    order, table = record.json_body, os.environ["TABLE"]
    dynamodb.transact_write_items(TransactItems=[
        {"Update": {
            "TableName": table,
            "Key": {"kind": {"S": "product"}, "id": {"S": order["sku"]}},
            "UpdateExpression": "SET stock = stock - :n",
            "ConditionExpression": "stock >= :n",
            "ExpressionAttributeValues": {":n": {"N": str(order["quantity"])}},
        }},
        {"Update": {
            "TableName": table,
            "Key": {"kind": {"S": "order"}, "id": {"S": order["id"]}},
            "UpdateExpression": "SET #status = :packed",
            "ConditionExpression": "#status = :placed",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":packed": {"S": "packed"}, ":placed": {"S": "placed"}},
        }},
    ])
    logger.info("order packed", order=order["id"])


@logger.inject_lambda_context
def handler(event, context):
    return process_partial_response(event=event, record_handler=pack, processor=processor, context=context)

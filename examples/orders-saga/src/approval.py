"""Approval by a person: a message with two links, each with the token that the execution waits for."""

import json
import os
from urllib.parse import urlencode

import boto3


def ask(event, context):
    order, token = event["order"], event["token"]
    links = {answer: f"{os.environ['URL']}?{urlencode({'answer': answer, 'token': token})}"
             for answer in ("approve", "decline")}
    boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Subject=f"Approve order {order['id']}?",
                                Message=json.dumps({"order": order, **links}))


def answer(event, context):
    given, states = event["queryStringParameters"], boto3.client("stepfunctions")
    try:
        if given["answer"] == "approve":
            states.send_task_success(taskToken=given["token"], output='{"approved": true}')
        else:
            states.send_task_failure(taskToken=given["token"], error="Declined", cause="A person said no")
    except (states.exceptions.TaskTimedOut, states.exceptions.TaskDoesNotExist):
        return {"statusCode": 410, "body": "This was answered already, or it took too long.\n"}
    return {"statusCode": 200, "body": "Thank you.\n"}

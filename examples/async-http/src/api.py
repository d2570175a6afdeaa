"""Starts a report, and says how far it is."""

import json
import os

import boto3

states = boto3.client("stepfunctions")
machine = os.environ["MACHINE"]


def handler(event, context):
    if event["routeKey"].startswith("POST"):
        return start(event["requestContext"]["requestId"], event["body"])
    return ask(event["pathParameters"]["id"])


def start(id, body):
    name = "".join(char for char in id if char.isalnum())
    states.start_execution(stateMachineArn=machine, name=name, input=body)
    headers = {"location": f"/reports/{name}", "retry-after": "60"}
    return answer(202, {"id": name, "status": "RUNNING"}, headers)


def ask(id):
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{id}"
    try:
        found = states.describe_execution(executionArn=arn)
    except states.exceptions.ExecutionDoesNotExist:
        return answer(404, {"message": "There is no such report"})
    report = json.loads(found["output"]) if "output" in found else None
    return answer(202 if found["status"] == "RUNNING" else 200, {"status": found["status"], "report": report})


def answer(status, body, headers=None):
    return {"statusCode": status, "body": json.dumps(body),
            "headers": {"content-type": "application/json", **(headers or {})}}

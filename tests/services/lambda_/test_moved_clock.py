"""What runs goes on undisturbed when somebody moves the clock."""

from .conftest import zipped

ROLE = "arn:aws:iam::000000000000:role/any"
COUNT = """
import boto3, time, os
sqs = boto3.client("sqs")
def handler(event, context):
    sqs.send_message(QueueUrl=event, MessageBody="begun")
    while not sqs.receive_message(QueueUrl=event + "-go", WaitTimeSeconds=5).get("Messages"):
        pass
    sqs.send_message(QueueUrl=event, MessageBody="done")
"""


def test_an_event_that_is_being_handled_is_not_handled_again(fresh):
    cloudlet = fresh()
    sqs, client = cloudlet.client("sqs"), cloudlet.client("lambda")
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    go = sqs.create_queue(QueueName="seen-go")["QueueUrl"]
    client.create_function(FunctionName="count", Role=ROLE, Runtime="python3.11", Handler="app.handler",
                           Timeout=30, MemorySize=512, Code={"ZipFile": zipped(app_py=COUNT)})
    client.invoke(FunctionName="count", InvocationType="Event", Payload=f'"{url}"'.encode())

    def next_message():
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=found["ReceiptHandle"])
        return found["Body"]

    assert next_message() == "begun"
    cloudlet.advance(3600)
    sqs.send_message(QueueUrl=go, MessageBody="go")
    assert next_message() == "done"
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)

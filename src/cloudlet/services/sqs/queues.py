"""Queues."""
import msgspec
from typing import Any
import hashlib
from ...kernel import Call, Conversation
from ...kernel.place import Place
from ...store import Agenda, Table
from .service import sqs

class Queue(msgspec.Struct):
    name: str

class Message(msgspec.Struct):
    body: str

queues = Table("sqs.queues", Queue)
messages = Agenda("sqs.messages", Message)

@sqs.operation
def create_queue(call: Call, queue_name: str) -> dict[str, Any]:
    queues.put(call, queue_name, record=Queue(queue_name))
    return {"QueueUrl": f"{call.use(Place).endpoint}/{call.account}/{queue_name}"}

@sqs.operation
def send_message(call: Call, queue_url: str, message_body: str) -> dict[str, Any]:
    name = queue_url.rsplit("/")[-1]
    queues.get(call, name)
    messages.add(call, name, at_ms=call.now_ms, id=call.id, work=Message(message_body))
    call.tx.ring("sqs/" + name)
    return {"MessageId": call.id, "MD5OfMessageBody": hashlib.md5(message_body.encode()).hexdigest()}

@sqs.operation
async def receive_message(call: Conversation, queue_url: str, wait_time_seconds: int = 0) -> dict[str, Any]:
    name = queue_url.rsplit("/")[-1]
    got = await call.until(lambda c: messages.take(c, name, now_ms=c.now_ms, limit=1, until_ms=c.now_ms + 30000) or None,
        "sqs/" + name, deadline_ms=call.now_ms + wait_time_seconds * 1000, next_ms=lambda c: messages.earliest_ms(c, name))
    return {"Messages": [{"Body": d.work.body, "MessageId": d.id, "ReceiptHandle": "x"} for d in got or ()]}

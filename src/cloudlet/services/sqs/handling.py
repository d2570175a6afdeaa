"""What is done with a message once it was received: deleted, or hidden for another while."""

from typing import Any

from ...kernel import Call
from . import batches, limits, receipt
from .errors import invalid
from .lanes import lane
from .queue import Queue, lookup
from .receiving import check_visibility
from .service import sqs


@sqs.operation
def delete_message(call: Call, queue_url: str, receipt_handle: str) -> None:
    """Delete a message for good."""
    call, queue = lookup(call, queue_url, "DeleteMessage")
    delete(call, queue, receipt_handle)


@sqs.operation
def delete_message_batch(call: Call, queue_url: str, entries: list[batches.Entry]) -> dict[str, Any]:
    """Delete up to ten messages; each may fail for itself."""
    call, queue = lookup(call, queue_url, "DeleteMessage")
    batches.check(entries, "DeleteMessageBatchRequestEntry", "ReceiptHandle")
    return batches.each(entries, lambda entry: delete(call, queue, entry["ReceiptHandle"]))


@sqs.operation
def change_message_visibility(call: Call, queue_url: str, receipt_handle: str,
                              visibility_timeout: int) -> None:
    """Let a message in flight come back sooner or later than it would."""
    call, queue = lookup(call, queue_url, "ChangeMessageVisibility")
    _change(call, queue, receipt_handle, visibility_timeout)


@sqs.operation
def change_message_visibility_batch(call: Call, queue_url: str,
                                    entries: list[batches.Entry]) -> dict[str, Any]:
    """Let up to ten messages come back sooner or later; each may fail for itself."""
    call, queue = lookup(call, queue_url, "ChangeMessageVisibility")
    batches.check(entries, "ChangeMessageVisibilityBatchRequestEntry", "ReceiptHandle")
    return batches.each(entries, lambda entry: _change(
        call, queue, entry["ReceiptHandle"], entry.get("VisibilityTimeout") or 0))


def delete(call: Call, queue: Queue, handle: str) -> None:
    """Delete the message of a receipt handle."""
    lane(queue).delete(call, queue, receipt.read(queue.id, handle), handle)
    if queue.fifo:
        call.tx.ring(queue.arn)  # the next of its group can be had


def _change(call: Call, queue: Queue, handle: str, visibility_s: int) -> None:
    check_visibility(visibility_s)
    found = receipt.read(queue.id, handle)
    # the timeouts of one receipt add up to twelve hours at most, counted from the receive
    if call.now_ms + visibility_s * 1000 > found.received_ms + limits.VISIBILITY_S * 1000:
        raise invalid(visibility_s, "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond "
                                                         f"the limit [{limits.VISIBILITY_S} seconds]")
    lane(queue).hide(call, queue, found, handle, visibility_s * 1000)
    call.tx.ring(queue.arn)

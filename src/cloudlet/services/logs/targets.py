"""How a rule delivers to a log group: each sender has a stream of its own there."""

import hashlib

import msgspec

from ...fabric.targets import Delivery
from ...kernel import Call
from .events import put_log_events
from .groups import need
from .records import streams
from .service import logs
from .streams import create_log_stream


class _Line(msgspec.Struct):
    """An event that an input transformer made for a log: its moment and its text."""

    message: str
    timestamp: int | str | None = None


@logs.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Append what is delivered, in the transaction of whoever delivers.

    Parameters: ``Transformed``, if an input transformer made it: then it may be an object with ``timestamp``
    and ``message``, as EventBridge has it.
    """
    group = need(call, identifier=arn)
    stream = _stream(delivery.source_arn or delivery.source)
    if streams.get(call, group.number, stream) is None:
        create_log_stream(call, group.name, stream)
    text, at_ms = delivery.body.decode("utf-8", "replace"), call.now_ms
    if delivery.parameters.get("Transformed"):
        try:
            line = msgspec.json.decode(delivery.body, type=_Line)
            text = line.message
            at_ms = int(line.timestamp) if line.timestamp else at_ms
        except ValueError:
            pass  # it is any other text
    put_log_events(call, group.name, stream, [{"timestamp": at_ms, "message": text or " "}])


def _stream(sender: str) -> str:
    digest = hashlib.sha256(sender.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"

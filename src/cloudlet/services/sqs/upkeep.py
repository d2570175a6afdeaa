"""What happens to queues when nobody asks: messages grow too old, and left homes are cleared.

Messages past their retention are dropped by whoever touches the queue; a timer does it for queues that
nobody touches. Both are done in small transactions, so that a deep queue holds nobody up.
"""

from ...fabric import timers
from ...kernel import Call, Conversation
from . import memory, tally
from .lanes import Lane, lane
from .queue import Queue, queues, save
from .service import sqs

_AT_ONCE = 200


@sqs.task
async def sweep(call: Conversation, name: str, home: str) -> None:
    """Drop what is too old, and come again when the oldest of the rest will be."""
    while await call.transact(lambda inner: _sweep_some(inner, name, home)):
        pass


@sqs.task
async def clear(call: Conversation, home: str, fifo: bool, queue_id: str) -> None:
    """Forget what lies in a home that its queue has left; ``queue_id`` of one that is gone altogether."""
    left = Queue("", queue_id, home, "", 0, 0, fifo=fifo)
    while await call.transact(lambda inner: _clear_some(inner, lane(left), left)):
        pass
    await call.transact(lambda inner: tally.forget(inner, home))


def watch(call: Call, queue: Queue) -> None:
    """See to it that the queue's messages are dropped when they are too old."""
    queue.swept = True
    save(call, queue)
    timers.schedule(call, sweep, at_ms=call.now_ms + queue.retention_s * 1000, id=f"sqs/sweep/{queue.home}",
                    name=queue.name, home=queue.home)


def sweep_now(call: Call, queue: Queue) -> None:
    """Messages are kept less long than they were: look at once which are too old."""
    timers.schedule(call, sweep, at_ms=call.now_ms, id=f"sqs/sweep/{queue.home}/{call.now_ms}",
                    name=queue.name, home=queue.home)


def leave(call: Call, queue: Queue, *, for_good: bool) -> None:
    """The queue has left its home, or is deleted: clear it in the background."""
    timers.schedule(call, clear, at_ms=call.now_ms, id=f"sqs/clear/{queue.home}", home=queue.home,
                    fifo=queue.fifo, queue_id=queue.id if for_good else "")


def _sweep_some(call: Call, name: str, home: str) -> bool:
    queue = queues.get(call, name)
    if queue is None or queue.home != home:
        return False
    if lane(queue).settle(call, queue, _AT_ONCE) == _AT_ONCE:
        return True
    oldest_ms = lane(queue).oldest_ms(call, queue)
    if oldest_ms is None:
        queue.swept = False
        save(call, queue)
    else:
        at_ms = max(oldest_ms + queue.retention_s * 1000, call.now_ms + 1000)
        timers.schedule(call, sweep, at_ms=at_ms, id=f"sqs/sweep/{home}/{at_ms}", name=name, home=home)
    return False


def _clear_some(call: Call, where: Lane, left: Queue) -> bool:
    more = where.clear(call, left.home, _AT_ONCE)
    return memory.forget(call, left.id, _AT_ONCE) or more if left.id else more

"""What must hold of queues, for ``cloudlet fsck``: each counts its messages by kind."""

from collections import Counter
from functools import partial

from ...store import Scope
from ...store.integrity import Examination, View
from . import fair, fifo, standard, tally
from .queue import Queue, queues
from .tally import Tally


def examine(exam: Examination) -> None:
    """Count the messages of every queue, and of every tenant."""
    for view in exam.views(queues.name):
        for _, queue in exam.records(view, queues):
            exam.counts["queues"] += 1
            if queue.fifo:
                _examine_fifo(exam, view, queue)
            else:
                _examine_standard(exam, view, queue)


def _examine_fifo(exam: Examination, view: View, queue: Queue) -> None:
    found, last = Counter[str](), 0
    for _, message in exam.records(view, fifo.lines, queue.home):
        found["in flight" if message.hidden_until_ms else "ready"] += 1
        last = max(last, message.sequence)
    kept = tally.total(view, queue.home)
    found["sequence"] = max(last, kept.sequence)  # it says which was the last there ever was
    wanted = Tally(found["ready"], found["in flight"], 0, found["sequence"])
    exam.tally("sqs", queue.arn, _told(kept), found, partial(_count_again, view, queue.home, wanted))


def _examine_standard(exam: Examination, view: View, queue: Queue) -> None:
    aside = Counter(str(key[1]) for key, _ in exam.records(view, fair.aside, queue.home))
    flying, found = Counter[str](), Counter[str]()
    found["ready"] = sum(1 for _ in exam.records(view, fair.ready, queue.home)) + aside.total()
    for _, message in exam.records(view, standard.hidden, queue.home):
        found["in flight" if message.receives else "delayed"] += 1
        if message.receives and message.group:
            flying[message.group] += 1
    wanted = Tally(found["ready"], found["in flight"], found["delayed"])
    exam.tally("sqs", queue.arn, _told(tally.total(view, queue.home)), found,
               partial(_count_again, view, queue.home, wanted))
    for what, table, counted in (("in flight", fair.tenants, flying), ("aside", fair.crowds, aside)):
        said = {str(key[1]): one.messages for key, one in exam.records(view, table, queue.home)}
        if said or counted:
            exam.tally("sqs", f"{queue.arn}, groups with messages {what}", said, counted,
                       partial(fair.count_again, view, table, queue.home, counted))


def _told(kept: Tally) -> dict[str, int]:
    return {"ready": kept.ready, "in flight": kept.in_flight, "delayed": kept.delayed,
            "sequence": kept.sequence}


def _count_again(scope: Scope, home: str, wanted: Tally) -> None:
    tally.forget(scope, home)
    tally.keep(scope, home, wanted)

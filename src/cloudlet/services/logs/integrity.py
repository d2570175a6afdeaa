"""What must hold of log groups, for ``cloudlet fsck``: each counts its bytes and its filters."""

from functools import partial

import msgspec

from ...fabric.timers import pending
from ...store.integrity import Examination, View
from .limits import EVENT_OVERHEAD
from .records import Group, Size, groups, lines, sizes, streams, subscriptions


def examine(exam: Examination) -> None:
    """Count the bytes and the subscriptions of every group."""
    clearing = {(timer.account, timer.region, timer.arguments["group"]) for timer in pending(exam.everywhere)
                if (timer.service, timer.task) == ("logs", "clear_events")}
    for view in exam.views(groups.name):
        for (name,), group in exam.records(view, groups):
            exam.counts["log groups"] += 1
            filters = sum(1 for _ in exam.records(view, subscriptions, group.number))
            right = msgspec.structs.replace(group, subscriptions=filters)
            exam.tally("logs", f"{view.account} {view.region} {name!s}", {
                "subscriptions": group.subscriptions}, {"subscriptions": filters},
                partial(groups.put, view, name, record=right))
            if (view.account, view.region, group.number) not in clearing:  # those bytes are yet to go
                _examine_size(exam, view, group)


def _examine_size(exam: Examination, view: View, group: Group) -> None:
    found = sum(len(line.message.encode()) + EVENT_OVERHEAD
                for _, stream in exam.records(view, streams, group.number)
                for _, line in exam.records(view, lines, stream.number))
    said = sum(size.bytes for _, size in sizes.items(view, group.number))
    exam.tally("logs", f"{view.account} {view.region} {group.name}", {"bytes": said}, {"bytes": found},
               partial(_say, view, group.number, found))


def _say(view: View, group: int, size: int) -> None:
    for key, _ in list(sizes.items(view, group)):
        sizes.delete(view, *key)
    sizes.put(view, group, 0, record=Size(size))

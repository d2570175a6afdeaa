"""What must hold of topics, for ``cloudlet fsck``: each counts those who listen."""

from collections import Counter
from functools import partial

from ...store.integrity import Examination
from .records import Counts, counts, subscriptions, topics


def examine(exam: Examination) -> None:
    """Count the subscriptions of every topic."""
    for view in exam.views(topics.name):
        for (name,), _ in exam.records(view, topics):
            exam.counts["topics"] += 1
            found = Counter[str]()
            for _, one in exam.records(view, subscriptions, name):
                found["confirmed" if one.confirmed else "pending"] += 1
                found["filters"] += bool(one.filter)
            kept = counts.get(view, name) or Counts()
            wanted = Counts(found["confirmed"], found["pending"], kept.deleted, found["filters"])
            exam.tally("sns", f"{view.account} {view.region} {name!s}", {
                "confirmed": kept.confirmed, "pending": kept.pending, "filters": kept.filters}, found,
                partial(counts.put, view, name, record=wanted))
    for view in exam.views(subscriptions.name):
        for key, one in exam.records(view, subscriptions):
            if topics.get(view, key[0]) is None:
                exam.found("sns", "leftover", one.arn, "a subscription to a topic that is not there",
                           "put it into quarantine", exam.taking(view, subscriptions, key))

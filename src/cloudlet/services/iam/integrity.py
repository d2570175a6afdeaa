"""What must hold of IAM, for ``cloudlet fsck``: its quotas count the entities that there are."""

from functools import partial

from ...store.integrity import Examination, View
from .records import COUNTED, Counts, counts


def examine(exam: Examination) -> None:
    """Count the entities of every account."""
    accounts = {shelf.account for shelf in exam.shelves
                if shelf.name in {counts.name, *(table.name for table in COUNTED.values())}}
    for view in (View(exam.tx, account) for account in sorted(accounts)):
        found = {noun: sum(1 for _ in exam.records(view, table)) for noun, table in COUNTED.items()}
        kept = counts.get(view, "") or Counts()
        exam.tally("iam", f"account {view.account}", kept.of, found,
                   partial(counts.put, view, "", record=Counts(found)))

"""What must hold of archives, for ``cloudlet fsck``: each says how many events it has, and how large."""

from functools import partial

from ...store.integrity import Examination
from .archives import archives, kept, set_tally, tally_of


def examine(exam: Examination) -> None:
    """Count the events of every archive."""
    for view in exam.views(archives.name):
        for _, archive in exam.records(view, archives):
            sizes = [one.size for _, one in exam.records(view, kept, archive.home)]
            said = tally_of(view, archive.home)
            exam.tally("events", archive.arn, {"events": said.events, "bytes": said.bytes},
                       {"events": len(sizes), "bytes": sum(sizes)},
                       partial(set_tally, view, archive.home, len(sizes), sum(sizes)))

"""What must hold of the fabric's own rows, for ``cloudlet fsck``: whatever is to run can be run."""

from collections.abc import Callable
from functools import partial

from ..kernel import Services
from ..store.integrity import Examination
from ..store.table import SHAPES
from . import standing, timers

Known = Callable[[str, str], bool]


def examine(exam: Examination, services: Services) -> None:
    """Every timer and all standing work names a task that there is."""
    def known(service: str, task: str) -> bool:
        if not service:
            return task in timers.TASKS
        return service in services.names and task in services[service].tasks

    for name in ("timers", "timers.leases"):
        for shelf in (one for one in exam.shelves if one.name == name):
            for key, raw in exam.rows(shelf.prefix):
                exam.counts["timers"] += 1
                _examine(exam, key, SHAPES[name].decode(raw), known)
    for shelf in (one for one in exam.shelves if one.name == "standing"):
        for key, raw in exam.rows(shelf.prefix):
            _examine(exam, key, SHAPES["standing"].decode(raw), known)


def _examine(exam: Examination, key: bytes, work: timers.Timer | standing.Work, known: Known) -> None:
    if not known(work.service, work.task):
        exam.found("timers", "task", f"{work.account} {work.region}",
                   f"it is to run {work.task} of {work.service or 'the fabric'}, which there is not",
                   "put it into quarantine", partial(exam.isolate, key, "no such task"))

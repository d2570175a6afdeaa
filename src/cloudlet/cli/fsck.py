"""``cloudlet fsck``: is what a cloudlet has kept whole, and if not, what is wrong and what to do.

A cloudlet that runs is looked at as it is at one moment, through a second reader of its file or its
PostgreSQL. Repairs need it stopped: they are made in one transaction, and then everything is looked at again.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ..deploy import enclosures
from ..fabric import integrity as fabric
from ..kernel import Services
from ..store import Blobs, StoreError, Transaction
from ..store.integrity import Examination, Finding, quarantine
from ..store.sqlite import SqliteStore, reading
from ..store.sqlite_copies import FILE, damages
from . import paper
from .remote import DATA_FOLDER
from .reset import holder_of

if TYPE_CHECKING:
    from types import ModuleType

_ROUNDS = 4  # what a repair sets free is found in the next round
_BROKEN = "go back to a snapshot, or let `sqlite3 store.sqlite .recover` save what can be read"


class Report(msgspec.Struct):
    """What an examination found."""

    data: str
    running: bool
    findings: list[Finding]
    counts: dict[str, int]
    quarantined: int

    @property
    def left(self) -> list[Finding]:
        """What is still wrong."""
        return [one for one in self.findings if not one.repaired]


@click.command("fsck")
@click.argument("path", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="The data folder (or a snapshot), if not PATH/.cloudlet.")
@click.option("--postgres", default="", metavar="DSN",
              help="The state is in this PostgreSQL; the bodies in the data folder.")
@click.option("--repair", is_flag=True, help="Repair what can be repaired. The cloudlet must be stopped.")
@click.option("--quick", is_flag=True, help="Compare the sizes of bodies, and do not read them.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(path: Path, data: Path | None, postgres: str, repair: bool, quick: bool, as_json: bool) -> None:
    """Hold what a cloudlet has kept against itself: rows, indexes, references, the bytes of every body.

    Nothing is changed without --repair. Exits with 1 if something is wrong.
    """
    folder = (data or path / DATA_FOLDER).resolve()
    if not (folder / ("blobs" if postgres else FILE)).exists():
        raise paper.fail(f"{folder} is not a cloudlet's data.", "Name the folder with --data; "
                         "if the state is in PostgreSQL, name that with --postgres.")
    try:
        if postgres:
            report = examine_postgres(postgres, folder, repair=repair, deep=not quick)
        else:
            report = examine(folder, repair=repair, deep=not quick)
    except StoreError as error:
        raise paper.fail(str(error)) from None
    if as_json:
        paper.document({**msgspec.structs.asdict(report), "findings": [
            {name: value for name, value in msgspec.structs.asdict(one).items() if name != "repair"}
            for one in report.findings]})
    else:
        _show(report, repair=repair)
    if report.left:
        sys.exit(1)


def examine(folder: Path, *, repair: bool = False, deep: bool = True) -> Report:
    """Look at everything in a data folder, and repair it if that is wished for."""
    holder = holder_of(folder)
    if holder and repair:
        raise StoreError(f"A cloudlet is running on {folder} (process {holder}). Repairs need it stopped.")
    snapshot = (folder / "snapshot.json").exists()
    if snapshot and repair:
        raise StoreError(f"{folder} is a snapshot, which is never changed. Repair what was restored from it.")
    services, blobs = Services(), Blobs(folder / "blobs", clear=repair)
    broken = [Finding("store", "file", str(folder / FILE), text, _BROKEN)
              for text in damages(folder, immutable=snapshot)]
    if broken:
        return Report(str(folder), bool(holder), broken, {}, 0)

    def look() -> Report:
        with reading(folder, immutable=snapshot) as tx:
            return _report(folder, _examined(tx, blobs, services, deep, settled=not holder), bool(holder))

    if not repair:
        with _held(folder, holder or snapshot):
            return _looked(look, bool(holder))
    store = SqliteStore(folder)
    try:
        with asyncio.Runner() as runner:
            return _repaired(folder, blobs, services, deep, lambda work: runner.run(store.transact(work)))
    finally:
        store.close()


def examine_postgres(dsn: str, folder: Path, *, repair: bool = False, deep: bool = True) -> Report:
    """Look at everything in a PostgreSQL and at the bodies in a data folder, and repair it if wished for."""
    driver = _driver()
    services, blobs = Services(), Blobs(folder / "blobs", clear=repair, shared=True)
    with driver.quiet(dsn) as quiet:
        if repair and not quiet:
            raise StoreError("A cloudlet is running on this PostgreSQL. Repairs need all of them stopped.")

        def look() -> Report:
            with driver.reading(dsn) as tx:
                return _report(folder, _examined(tx, blobs, services, deep, settled=quiet), not quiet)

        if repair:
            return _repaired(folder, blobs, services, deep, lambda work: driver.change(dsn, work))
        return _looked(look, not quiet)


def _driver() -> "ModuleType":
    try:
        from ..store import postgres  # an optional dependency: cloudlet[postgres]
    except ImportError:
        raise StoreError("PostgreSQL needs psycopg: pip install 'cloudlet[postgres]'.") from None
    return postgres


def _looked(look: Callable[[], Report], in_use: bool) -> Report:
    """What is found; where others are at work, what went away while we looked is not missing."""
    found = look()
    if in_use and found.findings:
        again = {_key(one) for one in look().findings}
        found.findings = [one for one in found.findings if _key(one) in again]
    return found


def _repaired(folder: Path, blobs: Blobs, services: Services, deep: bool,
              change: Callable[[Callable[[Transaction], Examination]], Examination]) -> Report:
    """Examine and repair until nothing is found that can be repaired."""
    kept = 0

    def work(tx: Transaction) -> Examination:
        nonlocal kept
        exam = _examined(tx, blobs, services, deep, settled=True)
        for finding in exam.findings:
            if finding.repair:
                finding.repair()
        kept = quarantine.last(exam.everywhere)
        return exam

    done = dict[tuple[str, ...], Finding]()
    for _ in range(_ROUNDS):
        exam = change(work)
        for remove in exam.afterwards:
            remove()
        again = {_key(one) for one in exam.findings}
        done = {key: one for key, one in done.items() if key not in again}
        done |= {_key(one): one for one in exam.findings if one.repair}
        if not any(one.repair for one in exam.findings):
            break
    left = [one for one in exam.findings if _key(one) not in done]
    findings = [msgspec.structs.replace(one, repaired=True) for one in done.values()] + left
    return Report(str(folder), False, findings, dict(exam.counts), kept)


def _examined(tx: Transaction, blobs: Blobs, services: Services, deep: bool, *, settled: bool) -> Examination:
    modules = list(services.parts("integrity"))  # first: the shapes of all services are known then
    exam = Examination(tx, blobs, deep=deep, settled=settled, now_ms=int(time.time() * 1000))
    exam.examine_shapes()
    fabric.examine(exam, services)
    for module in modules:
        module.examine(exam)
    enclosures.examine(exam)
    exam.examine_bodies()
    return exam


def _report(folder: Path, exam: Examination, in_use: bool) -> Report:
    return Report(str(folder), in_use, exam.findings, dict(exam.counts), quarantine.last(exam.everywhere))


def _key(one: Finding) -> tuple[str, ...]:
    return one.area, one.kind, one.where, one.what


@contextmanager
def _held(folder: Path, in_use: object) -> Iterator[None]:
    """Keep others from starting on the folder meanwhile, unless one is at work there."""
    store = None if in_use else SqliteStore(folder)
    try:
        yield
    finally:
        if store:
            store.close()


def _show(report: Report, *, repair: bool) -> None:
    counted = ", ".join(f"{count:,} {what}" for what, count in sorted(report.counts.items()))
    paper.say(f"{report.data}: {counted or 'could not be read'}")
    for one in report.findings:
        mark = paper.good("repaired") if one.repaired else paper.bad("wrong   ")
        paper.say(f"  {mark}  {one.area}: {one.what}")
        paper.say(f"            {one.where}", dim=True)
        if one.remedy:
            paper.say(f"            {'done' if one.repaired else 'to do'}: {one.remedy}", dim=True)
    if report.quarantined:
        paper.say(f"{report.quarantined} rows are in quarantine: kept, and served to nobody.")
    if not report.findings:
        paper.say(paper.good("Everything is as it should be."))
    elif report.left and not repair:
        paper.say(f"{len(report.left)} findings. " + (
            "Stop the cloudlet, then `cloudlet fsck --repair`." if report.running
            else "`cloudlet fsck --repair` repairs what can be repaired."))

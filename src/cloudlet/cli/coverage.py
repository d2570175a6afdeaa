"""``cloudlet coverage``: what is honoured, refused and harmless, read from the code itself.

This command and the generated part of every page under ``docs/services`` come from the same walk
(:mod:`.contracts`).
"""

from pathlib import Path

import click
import msgspec

from ..kernel import Services
from . import pages, paper
from .contracts import Coverage, everything


@click.command("coverage")
@click.argument("service", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--write", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Bring the generated part of the pages in DIR up to date (make docs).")
def command(service: tuple[str, ...], as_json: bool, write: Path | None) -> None:
    """Which operations and members are honoured, which refused, and which change nothing."""
    services = Services()
    unknown = [name for name in service if name not in services.names]
    if unknown:
        raise paper.fail(f"cloudlet has no service {unknown[0]!r}.",
                         f"It has: {', '.join(sorted(services.names))}.")
    found = list(everything(services, service))
    if write:
        for one in found:
            if pages.write(write, one):
                paper.say(f"wrote {write / one.service}.md")
    elif as_json:
        paper.document([msgspec.to_builtins(one) for one in found])
    elif service:
        for one in found:
            _show(one)
    else:
        _summary(found)


def _summary(found: list[Coverage]) -> None:
    rows = []
    for one in sorted(found, key=lambda one: one.service):
        refused = sum(len(op.refused) for op in one.operations)
        honoured = sum(len(op.honoured) for op in one.operations)
        rows.append((one.service, f"{len(one.operations)} of {one.known}", str(honoured), str(refused),
                     str(len(one.resources) or "")))
    paper.table(("service", "operations", "members honoured", "refused", "template types"), rows)
    paper.say()
    paper.say(paper.faint("A member that is refused fails the request that uses it, by name. "
                          "`cloudlet coverage SERVICE` names them all."))


def _show(one: Coverage) -> None:
    paper.say(f"{paper.bold(one.service)}  {one.title}, {len(one.operations)} of {one.known} operations")
    paper.say()
    paper.table(("operation", "honoured", "refused"),
                [(op.name, ", ".join(op.honoured) or "(takes nothing)", ", ".join(op.refused))
                 for op in one.operations])
    harmless = {(member, why) for op in one.operations for member, why in op.harmless.items()}
    if harmless:
        paper.say()
        paper.table(("changes nothing here", "because"), sorted(harmless))
    for label, names in (("template types", one.resources), ("not served", one.missing)):
        if names:
            paper.say()
            paper.say(f"  {paper.faint(label)}  {', '.join(names)}")
    paper.say()

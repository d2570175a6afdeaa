"""Templates that lie among the blobs: a deployment refers to them, so that they are there when they are read.

A nested template is read while the stack that holds it is made, and the former one once more if that must be
undone. So a stack keeps what its last two deployments enclosed, and lets go of what was before.
"""

from collections.abc import Iterable
from functools import partial

import msgspec

from ..fabric import leftovers
from ..identity import Principal
from ..kernel import Call, Kernel
from ..store import Blobs, Table
from ..store.integrity import Examination, View


class Enclosures(msgspec.Struct):
    """The bodies of a stack's last deployment, and of the one before."""

    last: list[str]
    former: list[str] = []


enclosures = Table("deploy.enclosures", Enclosures)  # (stack name,)


def owner_of(region: str, stack: str) -> str:
    """How a stack's deployments are called as those who need files."""
    return f"deployment/{region}/{stack}"


async def refer(kernel: Kernel, principal: Principal, region: str, stack: str, names: Iterable[str]) -> None:
    """Let a stack's deployment need these bodies."""
    wanted = sorted(names)

    def write(call: Call) -> None:
        known = enclosures.get(call, stack) or Enclosures([])
        if known.last == wanted:
            return
        owner, blobs = owner_of(region, stack), call.use(Blobs)
        for name in wanted:
            blobs.refer(call, name, owner)
        for name in {*known.former} - {*known.last, *wanted}:
            leftovers.release(call, name, owner)
        enclosures.put(call, stack, record=Enclosures(wanted, known.last))

    await kernel.conversation(principal, "cloudformation", region=region).transact(write)


def examine(exam: Examination) -> None:
    """For ``cloudlet fsck``: what deployments need is there."""
    for view in exam.views(enclosures.name):
        for (stack,), kept in exam.records(view, enclosures):
            for name in {*kept.last, *kept.former}:
                owner = owner_of(view.region, str(stack))
                if not exam.need("deployment", name, owner, str(stack)):
                    exam.found("deployment", "body", str(stack), f"its template {name} is missing",
                               "forget it; the next deployment brings it again",
                               partial(_forget, exam, view, str(stack), name))
    exam.answer_for(lambda owner: owner.startswith("deployment/"))


def _forget(exam: Examination, view: View, stack: str, name: str) -> None:
    kept = enclosures.get(view, stack) or Enclosures([])
    enclosures.put(view, stack, record=Enclosures([one for one in kept.last if one != name],
                                                  [one for one in kept.former if one != name]))
    exam.forget_reference(name, owner_of(view.region, stack))

"""Revisions with their machines compiled. A revision never changes, so what was compiled once is kept."""

from collections import OrderedDict

import msgspec

from ... import workflow
from ...kernel import Call
from .records import Config, base_of, revisions

_MOST = 256
_kept: OrderedDict[str, "Ready"] = OrderedDict()  # by the revision's id, which no two cloudlets share


class Ready(msgspec.Struct, frozen=True):
    """What running an execution takes."""

    machine: workflow.Machine
    name: str
    role_arn: str
    logging: Config
    traced: bool


def ready(call: Call, machine: str, revision: str) -> Ready:
    """The revision of a state machine, compiled."""
    found = _kept.get(revision)
    if found is not None:
        _kept.move_to_end(revision)
        return found
    record = revisions.get(call, base_of(machine), revision)
    assert record is not None, revision
    found = Ready(workflow.compile_machine(record.definition), record.id, record.role_arn, record.logging,
                  bool(record.tracing.get("enabled")))
    _kept[revision] = found
    if len(_kept) > _MOST:
        _kept.popitem(last=False)
    return found

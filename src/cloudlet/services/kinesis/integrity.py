"""What must hold of Kinesis, for ``cloudlet fsck``: the quotas count the shards that are open."""

from functools import partial

from ...fabric.shards import Stream
from ...store import Table
from ...store.integrity import Examination, View
from ...store.table import SHAPES
from .account import put_tally, tally_of, weigh


def examine(exam: Examination) -> None:
    """Count the open shards of every account and region."""
    kept: Table[Stream] = SHAPES["kinesis.streams"]  # type: ignore[assignment]
    places = {(shelf.account, shelf.region) for shelf in exam.shelves
              if shelf.name in ("kinesis.streams", "kinesis.tallies")}
    for view in (View(exam.tx, *place) for place in sorted(places)):
        weights = [weigh(stream) for _, stream in exam.records(view, kept)]
        shards, on_demand = (sum(one) for one in zip((0, 0), *weights, strict=True))
        said = tally_of(view)
        exam.tally("kinesis", f"{view.account} {view.region}",
                   {"shards": said.shards, "on demand": said.on_demand},
                   {"shards": shards, "on demand": on_demand}, partial(put_tally, view, shards, on_demand))

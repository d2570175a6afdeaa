"""Pictures, through matplotlib (``pip install 'cloudlet[plots]'``)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from . import paper

_INK, _TIME, _PRICE, _PALE = "#1b1f24", "#2f6fde", "#e07b39", "#d8dee6"


class Tried(Protocol):
    """A size that was tried."""

    memory_mb: int
    duration_ms: float
    price_per_million: float
    failure: str


def tuning(sizes: Sequence[Tried], kinds: Mapping[int, list[str]], function: str, file: Path) -> None:
    """Time and price over memory, with the sizes worth choosing named, into a PNG."""
    try:
        from matplotlib.figure import Figure  # an optional dependency: cloudlet[plots]
    except ImportError:
        raise paper.fail("Pictures need matplotlib.", "Install it: pip install 'cloudlet[plots]'") from None
    good = [one for one in sizes if not one.failure]
    places = range(len(good))
    figure: Any = Figure(figsize=(8, 4.5), layout="constrained")
    time = figure.add_subplot()
    price = time.twinx()
    time.plot(places, [one.duration_ms for one in good], color=_TIME, marker="o", linewidth=2)
    price.plot(places, [one.price_per_million for one in good], color=_PRICE, marker="s", linewidth=2)
    labels = ["\n".join([f"{one.memory_mb} MB", *kinds[one.memory_mb]]) for one in good]
    time.set_xticks(list(places), labels)
    time.set_title(f"{function}: time and price by memory", color=_INK, loc="left", pad=14)
    time.set_ylabel("milliseconds (median)", color=_TIME)
    price.set_ylabel("dollars per million invocations", color=_PRICE)
    for axes in (time, price):
        axes.set_ylim(bottom=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    time.grid(axis="y", color=_PALE)
    time.set_axisbelow(True)
    figure.savefig(file, dpi=150)

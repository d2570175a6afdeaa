"""``cloudlet tune``: how much memory a function should have.

On AWS processor time comes with memory: 1,769 MB buy one processor. The function runs here with just the
share that each size has there, so that durations keep their proportions; what they are in milliseconds
depends on the machine.
"""

import base64
import re
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import click
import msgspec

from . import paper
from .invoke import event_from
from .names import function_name
from .remote import Remote, endpoint_option, find

_SIZES = "128,256,512,1024,1769,3008"
_GB_SECOND, _REQUEST = 0.0000166667, 0.0000002  # dollars, x86 in us-east-1: aws.amazon.com/lambda/pricing
_REPORT = re.compile(r"\tDuration: ([\d.]+) ms.*\tMax Memory Used: (\d+) MB")
_BAR = 32  # characters


class Size(msgspec.Struct, rename="camel"):
    """How a function did with so much memory."""

    memory_mb: int
    duration_ms: float  # the median
    used_mb: int
    price_per_million: float  # dollars, requests included
    failure: str = ""


@click.command("tune")
@click.argument("name")
@click.option("-e", "--event", default="", metavar="FILE|-", help="The event, as JSON.")
@click.option("--sizes", default=_SIZES, show_default=True, metavar="MB,MB", help="The memory sizes to try.")
@click.option("--runs", default=10, show_default=True, type=click.IntRange(1, 1000),
              help="Warm invocations at each size.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Draw a picture into this file.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@endpoint_option
def command(name: str, event: str, sizes: str, runs: int, png: Path | None, as_json: bool,
            endpoint: str | None) -> None:
    """Run the function NAME at several memory sizes, and show time and price of each.

    The function's configuration stays as it is. Meanwhile everybody's invocations run at the size that is
    being tried.
    """
    remote, payload = find(endpoint), event_from(event)
    path = f"/2015-03-31/functions/{quote(function_name(remote, name), safe='')}"
    told = remote.rest("lambda", "GET", f"{path}/configuration")
    function = told["FunctionName"]
    tried = []
    try:
        for memory_mb in _parsed(sizes):
            answer = remote.control("trials", {"function": function, "memoryMb": memory_mb})
            if not answer["holdsCpu"]:
                raise paper.fail("Processor time can't be limited here, so all sizes would be as fast.",
                                 "`cloudlet doctor` says why, and what to do.")
            tried.append(_try(remote, f"{path}/invocations", payload, memory_mb, runs))
            if not as_json:
                paper.say(f"{memory_mb} MB: {tried[-1].failure or f'{tried[-1].duration_ms:.1f} ms'}",
                          dim=True, err=True)
    finally:
        remote.control("trials", {"function": function})
    _show(tried, told, as_json, png)


def _try(remote: Remote, path: str, payload: bytes, memory_mb: int, runs: int) -> Size:
    """One cold invocation, which does not count, and the warm ones that do."""
    durations, used = [], 0
    for _ in range(runs + 1):
        status, headers, body = remote.signed("lambda", "POST", path, {"x-amz-log-type": "Tail"}, payload)
        if status >= 400 or "x-amz-function-error" in headers:
            return Size(memory_mb, 0.0, 0, 0.0, body.decode(errors="replace")[:200])
        log = base64.b64decode(headers["x-amz-log-result"]).decode(errors="replace")
        match = _REPORT.search(log)
        if match is None:
            raise paper.fail("The function's log has no REPORT line to read: is its log format JSON?")
        durations.append(float(match[1]))
        used = max(used, int(match[2]))
    billed_ms = [-(-duration // 1) for duration in durations[1:]]
    price = sum(billed_ms) / len(billed_ms) / 1000 * memory_mb / 1024 * _GB_SECOND + _REQUEST
    return Size(memory_mb, median(durations[1:]), used, price * 1_000_000)


def choices(sizes: list[Size]) -> dict[str, Size]:
    """The cheapest, the fastest, and the one that is best when time and price count alike.

    >>> slow, quick = Size(128, 800.0, 60, 2.0), Size(1024, 100.0, 60, 2.1)
    >>> {kind: one.memory_mb for kind, one in choices([slow, quick]).items()}
    {'cheapest': 128, 'fastest': 1024, 'balanced': 1024}
    """
    good = [one for one in sizes if not one.failure]
    if not good:
        return {}
    return {"cheapest": min(good, key=lambda one: one.price_per_million),
            "fastest": min(good, key=lambda one: one.duration_ms),
            "balanced": min(good, key=lambda one: one.duration_ms * one.price_per_million)}


def _show(sizes: list[Size], told: dict[str, Any], as_json: bool, png: Path | None) -> None:
    chosen = choices(sizes)
    kinds = {size.memory_mb: [kind for kind, one in chosen.items() if one is size] for size in sizes}
    if png and chosen:
        from .plots import tuning  # matplotlib takes longer to import than the rest together
        tuning(sizes, kinds, told["FunctionName"], png)
    if as_json:
        paper.document({"function": told["FunctionName"], "configuredMb": told["MemorySize"],
                        "sizes": msgspec.to_builtins(sizes),
                        **{kind: one.memory_mb for kind, one in chosen.items()}})
        return
    longest = max((one.duration_ms for one in sizes), default=0.0) or 1.0
    dearest = max((one.price_per_million for one in sizes), default=0.0) or 1.0
    rows = []
    for one in sizes:
        marks = ", ".join(kinds[one.memory_mb])
        if one.memory_mb == told["MemorySize"]:
            marks = f"{marks} (configured)".strip()
        rows.append((f"{one.memory_mb} MB", one.failure or f"{one.duration_ms:.1f} ms",
                     _bar(one.duration_ms / longest), "" if one.failure else f"${one.price_per_million:.2f}",
                     _bar(one.price_per_million / dearest), f"{one.used_mb} MB", marks))
    paper.table(("memory", "time", "", "per million", "", "used", ""), rows)
    if png and chosen:
        paper.say(f"the picture is in {png}", dim=True)


def _bar(share: float) -> str:
    return "█" * round(share * _BAR / 2) if share else ""


def _parsed(sizes: str) -> list[int]:
    try:
        found = sorted({int(size) for size in sizes.split(",")})
    except ValueError:
        raise click.UsageError(f"--sizes {sizes}: name sizes in MB, such as {_SIZES}.") from None
    if not all(128 <= size <= 10_240 for size in found):
        raise click.UsageError("--sizes: a function has 128 to 10,240 MB.")
    return found

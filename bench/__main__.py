"""``python -m bench``: every figure in one run, against the bare limit of the HTTP stack and the budgets."""

import argparse
import json
import os
import statistics
import sys
import time
import urllib.request
from functools import partial
from typing import Any

from .cases import CASES, GROWTHS, Case, function
from .cloud import Cloud, Recorded, answers, moto, scratch, started
from .events import events
from .figures import Bench, Row
from .functions import functions
from .load import WRK, Load, press
from .objects import objects
from .tables import tables
from .workflows import workflows

_CLIENTS = 32
_QUEUES = 200
_WATCH_S = 8.0


def bare(bench: Bench) -> None:
    """The limit: the same stack with nothing to do."""
    with bench.section("The bare HTTP stack", "one client          32 clients"), started("bare") as cloud:
        request = Recorded(
            "POST",
            "/",
            {"x-amz-target": "AmazonSQS.SendMessage"},
            b'{"QueueUrl":"http://127.0.0.1:4566/000000000000/q","MessageBody":"hello world"}',
        )
        one = press(cloud, [request], 1, bench.seconds)
        many = press(cloud, [request], _CLIENTS, bench.seconds)
        bench.bare_us = one.p50_us
        bench.add("POST, a constant answer", _line(one, many, 1.0), **_values(one, many))


def operations(bench: Bench, cloud: Cloud, there: set[str], prefix: str = "", peers: bool = False) -> None:
    """Every case under load."""
    with bench.section(f"{prefix or 'cloudlet'}", "one client          32 clients"):
        for case in CASES:
            if case.peers or not peers:
                measure = partial(_operation, bench, cloud, case, prefix)
                bench.attempt(prefix + case.name, case.services, there, measure)


def _operation(bench: Bench, cloud: Cloud, case: Case, prefix: str) -> None:
    if case.three and not WRK:
        raise RuntimeError("this one needs wrk")
    requests = case.prepare(cloud)
    one = press(cloud, requests, 1, bench.seconds, three=case.three)
    many = None if case.three else press(cloud, requests, _CLIENTS, bench.seconds)
    ratio = one.p50_us / bench.bare_us if bench.bare_us else 0.0
    verdicts = "" if prefix else _verdicts(case, one, many, ratio)
    text = _line(one, many, ratio) + verdicts
    bench.add(prefix + case.name, text, ratio=round(ratio, 2), **_values(one, many))


def _verdicts(case: Case, one: Load, many: Load | None, ratio: float) -> str:
    if one.bad or (many and many.bad):
        return ""
    found = []
    if case.budget and ratio:
        found.append(f"{'within' if ratio <= case.budget else 'OVER'} {case.budget:g}x")
    if case.budget_ms:
        found.append(f"{'within' if one.p50_us <= case.budget_ms * 1000 else 'OVER'} {case.budget_ms:g} ms")
    if case.per_s and many:
        found.append(f"{'at least' if many.per_s >= case.per_s else 'UNDER'} {case.per_s:,}/s")
    return "  " + ", ".join(found)


def growth(bench: Bench, cloud: Cloud, there: set[str]) -> None:
    """What must cost the same however much there is."""
    with bench.section("However much there is", "small      large"):
        for case in GROWTHS:

            def measure(case: Any = case) -> None:
                small, large = case.sizes[0], min(case.sizes[1], bench.large)
                few = press(cloud, case.grow(cloud, small), 1, bench.seconds)
                lots = press(cloud, case.grow(cloud, large), 1, bench.seconds)
                bad = "".join(f"  {load.bad} FAILED" for load in (few, lots) if load.bad)
                bench.add(
                    f"{case.name} {small:,} and {large:,}",
                    f"{few.p50_us:6.0f} µs  {lots.p50_us:6.0f} µs  {lots.p50_us / few.p50_us:5.2f}x{bad}",
                    small_us=few.p50_us,
                    large_us=lots.p50_us,
                    sizes=[small, large],
                )

            bench.attempt(case.name, case.services, there, measure)


def footprint(bench: Bench, there: set[str]) -> None:
    """Starting, and doing nothing."""
    with bench.section("Starting and idling"):

        def starting() -> None:
            taken = []
            for _ in range(5):
                with scratch() as folder:
                    begun = time.perf_counter()
                    with started(str(folder)) as cloud:
                        answers(cloud.url + "/_cloudlet/health", 10)
                        taken.append((time.perf_counter() - begun) * 1000)
                        memory = cloud.memory_mb()
            middle = statistics.median(taken)
            bench.add(
                "from the command to the first answer",
                f"{middle:6.0f} ms  {'within' if middle <= 300 else 'OVER'} 300 ms",
                median_ms=middle,
            )
            bench.add(
                "memory, just started",
                f"{memory:6.1f} MB  {'within' if memory <= 60 else 'OVER'} 60 MB",
                memory_mb=memory,
            )

        def idling() -> None:
            with scratch() as folder, started(str(folder)) as cloud:
                mapped = _mapped_queues(cloud, "lambda" in there)
                time.sleep(2)
                before = cloud.cpu_s()
                time.sleep(_WATCH_S)
                share = (cloud.cpu_s() - before) / _WATCH_S * 100
                what = f"{_QUEUES} queues, {'mapped to functions' if mapped else 'not mapped: no lambda'}"
                bench.add(
                    f"CPU when idle, {what}",
                    f"{share:6.2f} %   {'within' if share < 0.5 else 'OVER'} 0.5 %",
                    cpu_percent=share,
                    mapped=mapped,
                )
                bench.add("memory with them", f"{cloud.memory_mb():6.1f} MB", memory_mb=cloud.memory_mb())

        bench.attempt("starting", (), there, starting)
        bench.attempt("idling", ("sqs",), there, idling)


def _mapped_queues(cloud: Cloud, functions: bool) -> bool:
    sqs = cloud.client("sqs")
    if functions:
        function(cloud, "idle")
    for n in range(_QUEUES):
        sqs.create_queue(QueueName=f"idle-{n}")
        if functions:
            cloud.client("lambda").create_event_source_mapping(
                EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:idle-{n}", FunctionName="idle"
            )
    return functions


def _line(one: Load, many: Load | None, ratio: float) -> str:
    text = f"{one.p50_us:7.0f} µs {ratio:6.2f}x"
    if many:
        text += f"   {many.per_s:8,.0f}/s {many.cpu_us:6.0f} µs CPU"
    bad = one.bad + (many.bad if many else 0)
    return text + (f"  {bad:,} FAILED" if bad else "")


def _values(one: Load, many: Load | None) -> Row:
    found: Row = {"p50_us": one.p50_us, "p99_us": one.p99_us, "failed_requests": one.bad}
    if many:
        found |= {
            "per_s": many.per_s,
            "cpu_us": many.cpu_us,
            "p99_us_at_32": many.p99_us,
            "failed_requests": one.bad + many.bad,
        }
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--only", default="", metavar="TEXT", help="only what has TEXT in its name")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each load lasts (2)")
    parser.add_argument("--large", type=int, default=1_000_000, help="the most items and messages to fill in")
    parser.add_argument("--no-peers", action="store_true", help="leave moto out, even if it is installed")
    options = parser.parse_args()
    bench = Bench(options.seconds, options.only, options.large, options.json)
    begun = time.monotonic()
    if not WRK:
        print(
            "wrk is not installed: a client in Python stands in, and its own cost is in every figure. "
            "(apt install wrk)",
            file=sys.stderr,
        )
    busy, cpus = os.getloadavg()[0], os.cpu_count() or 1
    if busy > cpus * 0.6:
        bench.say(f"This machine is busy (load {busy:.1f} on {cpus} CPUs): trust CPU per request, not times.")
    bare(bench)
    with scratch() as folder, started(str(folder / "data")) as cloud:
        there = _services(cloud)
        operations(bench, cloud, there)
        functions(bench, cloud, there)
        objects(bench, cloud, there)
        workflows(bench, cloud, there)
        events(bench, cloud, there)
        growth(bench, cloud, there)
        tables(bench, cloud, there)
    footprint(bench, there)
    if not options.no_peers:
        with moto() as peer:
            if peer:
                operations(bench, peer, {"sqs", "dynamodb", "s3"}, "moto: ", peers=True)
            else:
                bench.say("\nmoto is not installed beside this (pip install 'moto[server]'): no figures.")
    bench.say(f"\nTook {time.monotonic() - begun:.0f} s, on {os.cpu_count()} CPUs.")
    if options.json:
        print(json.dumps({"cpus": os.cpu_count(), "wrk": bool(WRK), "figures": bench.rows}, indent=2))


def _services(cloud: Cloud) -> set[str]:
    with urllib.request.urlopen(cloud.url + "/_cloudlet/health") as answer:
        return set(json.load(answer)["services"])


if __name__ == "__main__":
    main()

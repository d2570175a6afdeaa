"""What workflows cost: a transition, an execution from start to end, Maps, a long history, many that wait."""

import json
import time
from typing import Any
from urllib.request import Request, urlopen

from .cases import PYTHON, ROLE, function
from .cloud import Cloud, Recorded, recorded
from .figures import Bench
from .load import fill, press

_CLIENTS = 32
_STATES = 10
_ITEMS = 10_000
_ROUNDS = 400  # of a loop, in the long history
_WAITING = 10_000
_WATCH_S = 5.0
_PATIENCE_S = 120.0
Definition = dict[str, Any]


def workflows(bench: Bench, cloud: Cloud, there: set[str]) -> None:
    """Every figure of state machines."""
    with bench.section("Workflows"):
        for name, services, measure in (
            ("StartExecution to SUCCEEDED", ("stepfunctions",), _passes),
            ("a persisted transition", ("stepfunctions",), _transition),
            ("an Express execution", ("stepfunctions", "lambda"), _express),
            ("a Map of many items", ("stepfunctions",), _map),
            ("a long history", ("stepfunctions",), _history),
            ("executions that wait", ("stepfunctions",), _waiting),
        ):
            bench.attempt(name, services, there, lambda measure=measure: measure(bench, cloud))


def _passes(bench: Bench, cloud: Cloud) -> None:
    """Ten Pass states: when StartExecution answers, the execution has succeeded."""
    load = press(cloud, [_start(cloud, "passes", _chain(_STATES))], _CLIENTS, bench.seconds)
    bench.add(f"StartExecution to SUCCEEDED, {_STATES} states, {_CLIENTS} clients",
              f"{load.per_s:8,.0f}/s  {load.cpu_us:6.0f} µs CPU  "
              f"{'at least' if load.per_s >= 400 else 'UNDER'} 400/s", per_s=load.per_s, cpu_us=load.cpu_us)


def _transition(bench: Bench, cloud: Cloud) -> None:
    """What one state more costs in an execution, committed with its history."""
    few = press(cloud, [_start(cloud, "few", _chain(_STATES))], _CLIENTS, bench.seconds)
    many = press(cloud, [_start(cloud, "many", _chain(6 * _STATES))], _CLIENTS, bench.seconds)
    cpu_us = (many.cpu_us - few.cpu_us) / (5 * _STATES)
    verdict = "within" if cpu_us <= 100 else "OVER"
    bench.add("a persisted transition", f"{cpu_us:6.0f} µs CPU  {verdict} 100 µs", cpu_us=cpu_us)


def _express(bench: Bench, cloud: Cloud) -> None:
    """One function, asked by Invoke and by an Express state machine around it."""
    function(cloud, "in-express", PYTHON)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:in-express"
    machine = _machine(cloud, "express", {"StartAt": "S", "States": {"S": {
        "Type": "Task", "Resource": arn, "End": True}}}, kind="EXPRESS")
    invoke = recorded(cloud.client("lambda"), "invoke", FunctionName="in-express", Payload=b"{}")
    execute = recorded(cloud.client("stepfunctions"), "start_sync_execution", stateMachineArn=machine,
                       input="{}")
    bare, whole = (press(cloud, [request], 1, bench.seconds) for request in (invoke, execute))
    ratio = whole.p50_us / bare.p50_us
    bench.add("StartSyncExecution with one function",
              f"{whole.p50_us / 1000:6.2f} ms  {ratio:5.2f}x of Invoke  "
              f"{'within' if ratio <= 1.5 else 'OVER'} 1.5x", p50_us=whole.p50_us, ratio=round(ratio, 2))


def _map(bench: Bench, cloud: Cloud) -> None:
    """Inline Maps, whose items are joined at the end: what ten times as many cost in time and in memory.

    A Standard execution of so many items would have more events than a history may, so they are Express.
    """
    machine = _machine(cloud, "map", {"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": True, "ResultSelector": {"n.$": "States.ArrayLength($)"}, "ItemProcessor": {
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}}}}, kind="EXPRESS")
    few_s, few_us, few_mb = _mapped(cloud, machine, _ITEMS // 10)
    many_s, many_us, many_mb = _mapped(cloud, machine, _ITEMS)
    bench.add(f"a Map of {_ITEMS // 10:,} and of {_ITEMS:,} items, inline",
              f"{few_s:6.2f} s  {many_s:6.2f} s  {few_us:6.0f} µs  {many_us:6.0f} µs CPU an item, "
              f"{few_mb:.1f} MB and {many_mb:.1f} MB more", few_us=few_us, many_us=many_us, few_mb=few_mb,
              many_mb=many_mb)


def _mapped(cloud: Cloud, machine: str, items: int) -> tuple[float, float, float]:
    """Seconds that a Map of so many items takes, µs of CPU for each, and MB that the process grows by."""
    start = recorded(cloud.client("stepfunctions"), "start_sync_execution", stateMachineArn=machine,
                     input=json.dumps(list(range(items))))
    before_mb, cpu_s, begun = cloud.memory_mb(), cloud.cpu_s(), time.monotonic()
    with urlopen(Request(cloud.url + start.path, start.body, start.headers)) as answer:
        found = json.load(answer)
    if found["status"] != "SUCCEEDED":
        raise RuntimeError(f"it ended as {found['status']}: {found.get('cause')}")
    return (time.monotonic() - begun, (cloud.cpu_s() - cpu_s) / items * 1e6,
            max(cloud.memory_mb() - before_mb, 0))


def _history(bench: Bench, cloud: Cloud) -> None:
    """A loop, at the beginning of its history and at the end."""
    loop = {"StartAt": "Add", "States": {
        "Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)", "most.$": "$.most"},
                "Next": "More?"},
        "More?": {"Type": "Choice", "Default": "Done", "Choices": [
            {"Variable": "$.n", "NumericLessThanPath": "$.most", "Next": "Add"}]},
        "Done": {"Type": "Succeed"}}}
    machine = _machine(cloud, "loop", loop)
    _run(cloud, machine, {"n": 0, "most": _ROUNDS})
    _, short_s = _run(cloud, machine, {"n": 0, "most": _ROUNDS})
    _, long_s = _run(cloud, machine, {"n": 0, "most": 10 * _ROUNDS})
    short_us, long_us = short_s / (2 * _ROUNDS) * 1e6, long_s / (20 * _ROUNDS) * 1e6
    bench.add(f"a transition of {2 * _ROUNDS:,} and of {20 * _ROUNDS:,}",
              f"{short_us:6.0f} µs  {long_us:6.0f} µs CPU  {long_us / short_us:5.2f}x", short_us=short_us,
              long_us=long_us)


def _waiting(bench: Bench, cloud: Cloud) -> None:
    """Executions in flight that have nothing to do for a day."""
    before_mb = cloud.memory_mb()
    start = _start(cloud, "waiting", {"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 86_400, "End": True}}})
    fill(cloud, [start] * _WAITING)
    before = cloud.cpu_s()
    time.sleep(_WATCH_S)
    share = (cloud.cpu_s() - before) / _WATCH_S * 100
    more_mb = cloud.memory_mb() - before_mb
    bench.add(f"{_WAITING:,} executions that wait", f"{share:6.2f} % CPU, {more_mb:.1f} MB  "
              f"{'within' if share < 0.5 and more_mb < 500 else 'OVER'} no CPU and 500 MB",
              cpu_percent=share, memory_mb=more_mb)


def _chain(length: int) -> Definition:
    states = {f"S{n}": {"Type": "Pass", **({"Next": f"S{n + 1}"} if n < length else {"End": True})}
              for n in range(1, length + 1)}
    return {"StartAt": "S1", "States": states}


def _machine(cloud: Cloud, name: str, definition: Definition, *, kind: str = "STANDARD") -> str:
    found: str = cloud.client("stepfunctions").create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=ROLE, type=kind)["stateMachineArn"]
    return found


def _start(cloud: Cloud, name: str, definition: Definition) -> Recorded:
    return recorded(cloud.client("stepfunctions"), "start_execution", input="{}",
                    stateMachineArn=_machine(cloud, name, definition))


def _run(cloud: Cloud, machine: str, given: Any) -> tuple[float, float]:
    """Seconds that an execution takes, and of the server's CPU."""
    client, cpu_s, begun = cloud.client("stepfunctions"), cloud.cpu_s(), time.monotonic()
    arn = client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    while (found := client.describe_execution(executionArn=arn, includedData="METADATA_ONLY"))[
            "status"] == "RUNNING":
        if time.monotonic() - begun > _PATIENCE_S:
            raise RuntimeError("it never ended")
        time.sleep(0.02)
    if found["status"] != "SUCCEEDED":
        raise RuntimeError(f"it ended as {found['status']}")
    return time.monotonic() - begun, cloud.cpu_s() - cpu_s

"""What events cost: fan-out, the bus, streams, a hundred thousand things due in one minute, and waiting."""

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from .cases import BODY, PYTHON, function, grow_rules, send
from .cloud import Cloud, Recorded, recorded, scratch, started
from .figures import Bench
from .load import exchanged, fill, press, wire
from .serve import TOKEN

_QUEUES = 100  # behind the topic
_SHARDS = 200  # as many as no load from here fills
_DUE = 100_000  # in one minute
_IDLE = 1_000  # of each kind
_WATCH_S = 8.0
_ALL = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]})
_ACCOUNT = "us-east-1:000000000000"
_ROLE = "arn:aws:iam::000000000000:role/bench"


def events(bench: Bench, cloud: Cloud, there: set[str]) -> None:
    """Every figure of events."""
    with bench.section("Events", "ratio to SendMessage"):
        bench.attempt(
            "Publish to 100 queues", ("sns", "sqs"), there, lambda: _against_send(bench, cloud, "fan-out")
        )
        bench.attempt(
            "PutEvents to a queue", ("events", "sqs"), there, lambda: _against_send(bench, cloud, "bus")
        )
    with bench.section("Streams, and what is due"):
        bench.attempt("PutRecords, 10 of 1 KB", ("kinesis",), there, lambda: _streams(bench, cloud))
        bench.attempt("delayed messages in one minute", ("sqs",), there, lambda: _alone(bench, _delayed))
        bench.attempt(
            "schedules in one minute", ("scheduler", "sqs"), there, lambda: _alone(bench, _schedules)
        )
        bench.attempt("idle mappings, rules and schedules", ("lambda", "sqs", "events", "scheduler"), there,
                      lambda: _alone(bench, _idle))


def _against_send(bench: Bench, cloud: Cloud, what: str) -> None:
    """One after the other, for machines are shared and change."""
    sending = send(cloud)
    if what == "fan-out":
        asked = _fan_out(cloud)
        one = press(cloud, sending, 1, bench.seconds)
        other = press(cloud, asked, 1, bench.seconds)
        ratio, bad = other.p50_us / one.p50_us, other.bad
        bench.add(f"Publish to {_QUEUES} queues, one client",
                  f"{other.p50_us:7.0f} µs {ratio:6.2f}x  {_verdict(ratio <= 20, 'at most 20x', bad)}",
                  ratio=ratio, p50_us=other.p50_us, failed_requests=bad)
        return
    asked = grow_rules(cloud, 1, "one-rule")
    one, other = press(cloud, sending, 32, bench.seconds), press(cloud, asked, 32, bench.seconds)
    share = other.per_s / one.per_s
    verdict = _verdict(share >= 1 / 3, "at least a third", other.bad)
    bench.add("PutEvents, a rule, a queue, 32 clients", f"{other.per_s:7,.0f}/s {share:6.2f}x  {verdict}",
              ratio=share, per_s=other.per_s, failed_requests=other.bad)


def _fan_out(cloud: Cloud) -> list[Recorded]:
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name="fan")["TopicArn"]
    for n in range(_QUEUES):
        sqs.create_queue(QueueName=f"fan-{n}", Attributes={"Policy": _ALL})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{_ACCOUNT}:fan-{n}")
    return [recorded(sns, "publish", TopicArn=topic, Message=BODY)]


def _streams(bench: Bench, cloud: Cloud) -> None:
    """Records of 1 KB into a stream with few, and into one with many of a tenth of that."""
    kinesis, found = cloud.client("kinesis"), []
    sizes = 1000, min(bench.large, 1_000_000)
    for size in sizes:
        name = f"stream{size}"
        kinesis.create_stream(StreamName=name, ShardCount=_SHARDS)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
        fill(cloud, [_put(kinesis, name, n, 500, 100) for n in range(16)] * (size // 8000), threads=2)
        found.append(press(cloud, [_put(kinesis, name, n, 10, 1024) for n in range(64)], 32, bench.seconds))
    few, many = (10 / (one.cpu_us / 1e6) for one in found)
    bad = sum(one.bad for one in found)
    verdict = _verdict(min(few, many) >= 2000, "at least 2,000", bad)
    bench.add(f"PutRecords, 10 of 1 KB, with {sizes[0]:,} and {sizes[1]:,} there",
              f"{few:7,.0f} and {many:,.0f} records a second of CPU, {many / few:.2f}x  {verdict}",
              few_per_cpu_s=few, many_per_cpu_s=many, per_s=found[1].per_s * 10, failed_requests=bad)


def _put(kinesis: Any, stream: str, n: int, count: int, size: int) -> Recorded:
    return recorded(kinesis, "put_records", StreamName=stream, Records=[
        {"PartitionKey": f"{n}-{k}", "Data": b"x" * size} for k in range(count)])


def _alone(bench: Bench, measure: Any) -> None:
    """With a cloudlet of its own: others would move with its clock, or not be idle."""
    with scratch() as folder, started(str(folder / "data")) as cloud:
        measure(bench, cloud, min(_DUE, bench.large))


def _delayed(bench: Bench, cloud: Cloud, count: int) -> None:
    """Messages that come up one second after the other: each second must bring its own, and all of them."""
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="delayed", Attributes={"VisibilityTimeout": "43200"})["QueueUrl"]
    _clock(cloud, freeze=True)
    fill(cloud, [recorded(sqs, "send_message_batch", QueueUrl=url, Entries=[
        {"Id": str(n), "MessageBody": str((start + n) % 60), "DelaySeconds": 600 + (start + n) % 60}
        for n in range(10)]) for start in range(0, count, 10)])
    _clock(cloud, advance=599)
    begun, came = time.monotonic(), 0
    for second in range(60):
        _clock(cloud, advance=1)
        bodies = list(_taken(cloud, url))
        wrong = [body for body in bodies if int(body) != second]
        came += len(bodies)
        if wrong:
            raise RuntimeError(f"{len(wrong)} messages came in second {second} that were not due then")
    took = time.monotonic() - begun
    _due(bench, f"{count:,} delayed messages due in one minute", came, count, took)


def _schedules(bench: Bench, cloud: Cloud, count: int) -> None:
    """Schedules with a target that keeps the order in which they came."""
    scheduler, sqs = cloud.client("scheduler"), cloud.client("sqs")
    url = sqs.create_queue(QueueName="due", Attributes={"VisibilityTimeout": "43200", "Policy": _ALL})[
        "QueueUrl"]
    _clock(cloud, freeze=True)
    one = recorded(scheduler, "create_schedule", Name="NAME", ScheduleExpression="at(2099-01-01T00:00:00)",
                   FlexibleTimeWindow={"Mode": "OFF"}, Target={
                       "Arn": f"arn:aws:sqs:{_ACCOUNT}:due", "RoleArn": _ROLE, "Input": "INPUT"})
    seconds = [n * 7 % 60 for n in range(count)]
    fill(cloud, [one._replace(
        path=one.path.replace("NAME", f"s{n}"),
        body=one.body.replace(b"00:00:00", b"00:00:%02d" % second).replace(b"INPUT", b"%d" % second))
        for n, second in enumerate(seconds)])
    begun = time.monotonic()
    _clock(cloud, set=4_070_908_800 + 60, patience=600)  # 2099-01-01T00:01:00Z
    took = time.monotonic() - begun
    bodies = [int(body) for body in _taken(cloud, url)]
    if bodies != sorted(bodies):
        raise RuntimeError("they did not fire in order")
    _due(bench, f"{count:,} schedules due in one minute", len(bodies), count, took)


def _due(bench: Bench, name: str, came: int, count: int, took_s: float) -> None:
    verdict = "all, in order" if came == count else f"{count - came:,} MISSED"
    bench.add(name, f"{verdict}, in {took_s:.1f} s: {came / took_s:,.0f}/s  "
              f"{_verdict(took_s <= 60, 'within the minute', 0)}", came=came, count=count, took_s=took_s)


def _idle(bench: Bench, cloud: Cloud, _: int) -> None:
    function(cloud, "idle", PYTHON)
    sqs, events = cloud.client("sqs"), cloud.client("events")
    lambdas, scheduler = cloud.client("lambda"), cloud.client("scheduler")
    for n in range(_IDLE):
        sqs.create_queue(QueueName=f"idle-{n}")
        lambdas.create_event_source_mapping(
            EventSourceArn=f"arn:aws:sqs:{_ACCOUNT}:idle-{n}", FunctionName="idle")
        events.put_rule(Name=f"idle-{n}", EventPattern='{"source": ["nobody"]}')
        scheduler.create_schedule(
            Name=f"idle-{n}", ScheduleExpression="rate(1 days)", StartDate=time.time() + 86_400,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"arn:aws:sqs:{_ACCOUNT}:idle-{n}", "RoleArn": _ROLE})
    time.sleep(2)
    before = cloud.cpu_s()
    time.sleep(_WATCH_S)
    share = (cloud.cpu_s() - before) / _WATCH_S * 100
    bench.add(f"{_IDLE:,} mappings, rules and schedules, idle",
              f"{share:6.2f} % CPU  {_verdict(share < 0.5, 'below 0.5 %', 0)}, {cloud.memory_mb():.1f} MB",
              cpu_percent=share, memory_mb=cloud.memory_mb())


def _taken(cloud: Cloud, url: str) -> Iterator[str]:
    """The bodies of all messages that can be had now, which stay hidden."""
    raw = wire(recorded(cloud.client("sqs"), "receive_message", QueueUrl=url, MaxNumberOfMessages=10))
    with socket.create_connection(("127.0.0.1", cloud.port)) as connection:
        while True:
            connection.sendall(raw)
            status, body = exchanged(connection)
            if status != 200:
                raise RuntimeError(f"receiving was answered with {status}")
            messages = json.loads(body).get("Messages")
            if not messages:
                return
            for message in messages:
                yield message["Body"]


def _clock(cloud: Cloud, **command: Any) -> None:
    """Move the cloudlet's clock."""
    request = urllib.request.Request(cloud.url + "/_cloudlet/clock", json.dumps(command).encode(),
                                     {"x-cloudlet-token": TOKEN})
    urllib.request.urlopen(request, timeout=900).close()


def _verdict(holds: bool, budget: str, bad: int) -> str:
    return f"{budget if holds else 'MISSED: ' + budget}" + (f"  {bad:,} FAILED" if bad else "")

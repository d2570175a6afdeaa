"""What functions cost: starting in each way there is, being fed from a queue, and just being there."""

import socket
import statistics
import time
from collections.abc import Callable
from typing import Any

from .cases import BOTO, CLIENT, NODE, PYTHON, ROLE, function, packed
from .cloud import Cloud, Recorded, recorded
from .figures import Bench
from .load import exchange, fill, wire

_COLD = (  # name, code, runtime, budget in ms
    ("trivial Python", PYTHON, "python3.11", 15),
    ("Python that imports boto3", BOTO, "python3.11", 25),
    ("Python that makes a boto3 client", CLIENT, "python3.11", None),
    ("Node.js", NODE, "nodejs20.x", 60),
)
_RESTORED = "python3.13"  # SnapStart is for Python 3.12 and newer
_TIMES = 7
_PAUSE_S = 0.2  # starts come one at a time; what one leaves to do is done before the next
_PATIENCE_S = 60.0
_MESSAGES = 10_000
_DEPLOYED = 1_000
_WATCH_S = 5.0
_SINK = """
import time
def handler(event, context):
    print("AT", time.time(), "N", event["Records"][0]["body"])
"""


def functions(bench: Bench, cloud: Cloud, there: set[str]) -> None:
    """Every figure of functions but throughput, which the operations have."""
    with bench.section("Functions, the first call", "median     worst"):
        for name, code, runtime, budget_ms in _COLD:
            bench.attempt(f"Invoke, cold, {name}", ("lambda",), there,
                          lambda case=(name, code, runtime, budget_ms): _cold(bench, cloud, *case))
        bench.attempt("Invoke, restored by SnapStart", ("lambda",), there, lambda: _restored(bench, cloud))
        bench.attempt("Invoke, first on a provisioned worker", ("lambda",), there,
                      lambda: _provisioned(bench, cloud))
    with bench.section("Functions, fed and idle"):
        bench.attempt(
            "SendMessage to handler, idle", ("lambda", "sqs"), there, lambda: _latency(bench, cloud)
        )
        bench.attempt("a mapping drains a queue", ("lambda", "sqs"), there, lambda: _drain(bench, cloud))
        bench.attempt("deployed functions, idle", ("lambda",), there, lambda: _deployed(bench, cloud))


def _cold(bench: Bench, cloud: Cloud, name: str, code: str, runtime: str, budget_ms: int | None) -> None:
    def call(n: int) -> Recorded:
        title = f"cold-{runtime.replace('.', '-')}-{len(code)}-{n}"
        function(cloud, title, code, runtime)
        return recorded(cloud.client("lambda"), "invoke", FunctionName=title, Payload=b"{}")

    _told(bench, f"Invoke, cold, {name}", _each(cloud, call), budget_ms)


def _restored(bench: Bench, cloud: Cloud) -> None:
    """Each call is of another function, whose snapshot was taken when it was published."""
    client = cloud.client("lambda")

    def call(n: int) -> Recorded:
        name = f"restored-{n}"
        client.create_function(
            FunctionName=name, Role=ROLE, Handler="index.handler", Runtime=_RESTORED, Publish=True,
            MemorySize=1024, Code={"ZipFile": packed(BOTO, _RESTORED)},
            SnapStart={"ApplyOn": "PublishedVersions"})
        _until(
            lambda: client.get_function_configuration(FunctionName=name, Qualifier="1")["State"] == "Active"
        )
        return recorded(client, "invoke", FunctionName=name, Qualifier="1", Payload=b"{}")

    _told(bench, "Invoke, restored by SnapStart", _each(cloud, call), 10)


def _provisioned(bench: Bench, cloud: Cloud) -> None:
    """The first call, in warm calls: it should be one."""
    client = cloud.client("lambda")
    function(cloud, "provisioned", BOTO)
    first, later = [], []
    for n in range(1, _TIMES + 1):
        client.update_function_configuration(FunctionName="provisioned", Timeout=n + 30)
        number = client.publish_version(FunctionName="provisioned")["Version"]
        client.put_provisioned_concurrency_config(FunctionName="provisioned", Qualifier=number,
                                                  ProvisionedConcurrentExecutions=1)
        _until(lambda number=number: client.get_provisioned_concurrency_config(  # type: ignore[misc]
            FunctionName="provisioned", Qualifier=number)["Status"] == "READY")
        request = recorded(client, "invoke", FunctionName="provisioned", Qualifier=number, Payload=b"{}")
        time.sleep(_PAUSE_S)
        first.append(_once(cloud, request))
        later += [_once(cloud, request) for _ in range(10)]
    middle, warm = statistics.median(first), statistics.median(later)
    bench.add("Invoke, first on a provisioned worker",
              f"{middle:6.2f} ms  {max(first):6.2f} ms  {middle / warm:5.2f}x of the next ones",
              median_ms=middle, worst_ms=max(first), warm_ms=warm)


def _latency(bench: Bench, cloud: Cloud) -> None:
    """From SendMessage's request being sent to the handler's first line, with nothing else to do."""
    url = _mapped(cloud, "latency", 1)
    sqs, logs, sent = cloud.client("sqs"), cloud.client("logs"), [0.0] * 21
    requests = [wire(recorded(sqs, "send_message", QueueUrl=url, MessageBody=str(n))) for n in range(21)]

    def lines(count: int) -> list[Any]:
        try:
            found = logs.filter_log_events(logGroupName="/aws/lambda/latency", filterPattern="AT")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return found if len(found) >= count else []

    with socket.create_connection(("127.0.0.1", cloud.port), timeout=30) as connection:
        for n, raw in enumerate(requests):
            sent[n] = time.time()
            connection.sendall(raw)
            exchange(connection)
            if n == 0:
                _until(lambda: lines(1))  # the first one started the function
            time.sleep(_PAUSE_S)  # the next one comes when nothing is left to do
    told = [event["message"].split() for event in _until(lambda: lines(21))]
    taken = sorted((float(began) - sent[int(n)]) * 1000 for _, began, _, n in told if int(n))
    middle = statistics.median(taken)
    bench.add("SendMessage to handler, idle", f"{middle:6.2f} ms  {max(taken):6.1f} ms at worst  "
              f"{'within' if middle <= 3 else 'OVER'} 3 ms", median_ms=middle, worst_ms=max(taken))


def _drain(bench: Bench, cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    url = _mapped(cloud, "drain", 10, enabled=False)
    batch = recorded(sqs, "send_message_batch", QueueUrl=url,
                     Entries=[{"Id": str(n), "MessageBody": "hello"} for n in range(10)])
    fill(cloud, [batch] * (_MESSAGES // 10))
    client = cloud.client("lambda")
    mapping = client.list_event_source_mappings(FunctionName="drain")["EventSourceMappings"][0]["UUID"]
    begun = time.monotonic()
    client.update_event_source_mapping(UUID=mapping, Enabled=True)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    _until(lambda: set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())
           == {"0"})
    rate = _MESSAGES / (time.monotonic() - begun)
    bench.add(f"a mapping drains {_MESSAGES:,} messages by tens",
              f"{rate:8,.0f}/s  {'at least' if rate >= 5000 else 'UNDER'} 5,000/s", per_s=rate)


def _deployed(bench: Bench, cloud: Cloud) -> None:
    """Functions that nobody calls."""
    before_mb = cloud.memory_mb()
    code = packed(PYTHON, "python3.11")
    request = [recorded(cloud.client("lambda"), "create_function", FunctionName=f"idle-{n}", Role=ROLE,
                        Handler="index.handler", Runtime="python3.11", Code={"ZipFile": code})
               for n in range(_DEPLOYED)]
    fill(cloud, request)
    time.sleep(1)
    before = cloud.cpu_s()
    time.sleep(_WATCH_S)
    share = (cloud.cpu_s() - before) / _WATCH_S * 100
    more_mb = cloud.memory_mb() - before_mb
    verdict = "within" if share < 0.5 and more_mb < 100 else "OVER"
    bench.add(f"{_DEPLOYED:,} deployed functions, idle",
              f"{share:6.2f} % CPU, {more_mb:.1f} MB  {verdict} no CPU and 100 MB",
              cpu_percent=share, memory_mb=more_mb)


def _mapped(cloud: Cloud, name: str, batch: int, *, enabled: bool = True) -> str:
    """A queue that feeds a function; its URL."""
    function(cloud, name, _SINK if batch == 1 else PYTHON)
    sqs, client = cloud.client("sqs"), cloud.client("lambda")
    url: str = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    client.create_event_source_mapping(EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}",
                                       FunctionName=name, BatchSize=batch, Enabled=enabled)
    return url


def _each(cloud: Cloud, call: Callable[[int], Recorded]) -> list[float]:
    taken = []
    for n in range(_TIMES):
        request = call(n)
        time.sleep(_PAUSE_S)
        taken.append(_once(cloud, request))
    return taken


def _told(bench: Bench, name: str, taken: list[float], budget_ms: int | None) -> None:
    middle = statistics.median(taken)
    verdict = f"{'within' if middle <= budget_ms else 'OVER'} {budget_ms} ms" if budget_ms else ""
    bench.add(name, f"{middle:6.1f} ms  {max(taken):6.1f} ms  {verdict}", median_ms=middle,
              worst_ms=max(taken))


def _until(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := ask()):
        if time.monotonic() > deadline:
            raise RuntimeError("it never came true")
        time.sleep(0.01)
    return found


def _once(cloud: Cloud, request: Recorded) -> float:
    """Milliseconds of one request on a connection that is open already."""
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=30) as connection:
        raw = wire(request)
        begun = time.perf_counter()
        connection.sendall(raw)
        status = exchange(connection)
        taken = (time.perf_counter() - begun) * 1000
    if status != 200:
        raise RuntimeError(f"it was answered with {status}")
    return taken

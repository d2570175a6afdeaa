"""What tables cost: the same for a thousand items as for a million, and next to a partition that is hot."""

import json
import threading
import time
import urllib.request

from .cases import grow_table, item
from .cloud import Cloud, Recorded, recorded
from .figures import Bench
from .load import Load, press

_SMALL = 1_000
_ASKED = 500  # keys that are asked for, over the whole table
_MOST = 1.5  # times what it costs in a small table
_CROWD = 8  # clients of the hot partition


def tables(bench: Bench, cloud: Cloud, there: set[str]) -> None:
    """Every figure of tables but throughput, which the operations have."""
    with bench.section("Tables, however much is in them", "small      large"):
        bench.attempt("tables of", ("dynamodb",), there, lambda: _sizes(bench, cloud))
    with bench.section("Tables, in company"):
        bench.attempt("GetItem beside a hot partition", ("dynamodb",), there, lambda: _hot(bench, cloud))


def _sizes(bench: Bench, cloud: Cloud) -> None:
    """GetItem, PutItem and Query of ten in a small table and a large one, and a scan of that."""
    small = _requests(cloud, _SMALL)
    begun = time.monotonic()
    large = _requests(cloud, bench.large)
    rate = bench.large / (time.monotonic() - begun)
    for what in small:
        few, lots = (press(cloud, found[what], 1, bench.seconds) for found in (small, large))
        ratio = lots.p50_us / few.p50_us
        bad = "".join(f"  {load.bad} FAILED" for load in (few, lots) if load.bad)
        bench.add(f"{what} of {_SMALL:,} and {bench.large:,}",
                  f"{few.p50_us:6.0f} µs  {lots.p50_us:6.0f} µs  {ratio:5.2f}x  "
                  f"{few.cpu_us:.0f} and {lots.cpu_us:.0f} µs CPU  "
                  f"{'within' if ratio <= _MOST else 'OVER'} {_MOST}x{bad}",
                  small_us=few.p50_us, large_us=lots.p50_us, small_cpu_us=few.cpu_us,
                  large_cpu_us=lots.cpu_us)
    bench.add(f"BatchWriteItem, {bench.large:,} items", f"{rate:8,.0f} items/s", per_s=rate)
    _scan(bench, cloud)


def _requests(cloud: Cloud, size: int, name: str = "") -> dict[str, list[Recorded]]:
    """A table of that size, and what is asked of it."""
    name = name or f"items{size}"
    queries, client = grow_table(cloud, size, name), cloud.client("dynamodb")
    asked = [item(n) for n in range(0, size, max(1, size // _ASKED))]
    return {
        "GetItem": [recorded(client, "get_item", TableName=name, Key={key: one[key] for key in ("pk", "sk")})
                    for one in asked],
        "PutItem": [recorded(client, "put_item", TableName=name, Item=one) for one in asked],
        "Query of 10": queries}


def _scan(bench: Bench, cloud: Cloud) -> None:
    """All of the large table in pages of a megabyte: what the server's memory grows by."""
    before_mb = worst_mb = cloud.memory_mb()
    template = recorded(cloud.client("dynamodb"), "scan", TableName=f"items{bench.large}")
    body, count, begun = json.loads(template.body), 0, time.monotonic()
    while True:
        request = urllib.request.Request(cloud.url, json.dumps(body).encode(), template.headers)
        with urllib.request.urlopen(request) as answer:
            page = json.load(answer)
        count += page["Count"]
        worst_mb = max(worst_mb, cloud.memory_mb())
        if "LastEvaluatedKey" not in page:
            break
        body["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    taken_s = time.monotonic() - begun
    bench.add(f"Scan of {count:,}", f"{count / taken_s:8,.0f} items/s  memory +{worst_mb - before_mb:.1f} MB",
              per_s=count / taken_s, grown_mb=worst_mb - before_mb)


def _hot(bench: Bench, cloud: Cloud) -> None:
    """One client's reads of many partitions, while others write as they can: to one partition, or to many."""
    requests, client = _requests(cloud, _SMALL, "company")["GetItem"], cloud.client("dynamodb")
    found: dict[str, Load] = {}
    for where, partitions in (("many partitions", 1_000), ("one partition", 1)):
        crowd = [recorded(client, "put_item", TableName="company",
                          Item=item(0) | {"pk": {"S": f"crowd#{n % partitions}"}, "sk": {"N": str(n)}})
                 for n in range(1_000)]
        busy = threading.Thread(target=press, args=(cloud, crowd, _CROWD, bench.seconds + 1))
        busy.start()
        time.sleep(0.5)
        found[where] = press(cloud, requests, 1, max(1.0, bench.seconds - 0.5))
        busy.join()
    spread, hot = found["many partitions"], found["one partition"]
    bench.add("GetItem beside a hot partition",
              f"{hot.p50_us:6.0f} µs  {hot.p50_us / spread.p50_us:5.2f}x of beside as many writes to many",
              hot_us=hot.p50_us, spread_us=spread.p50_us)

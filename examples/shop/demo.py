"""The demo: start a cloudlet on this shop, be its customers, and show what happened.

`make demo` runs it. Everything it prints with a tick was checked; with --once it ends after the story
and exits with 0 only if all of it was true.
"""

import argparse
import json
import queue
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from rich.text import Text
from story import Stopwatch, chapter, claim, console, eventually, fact, failures, ms, png, png_size, tree

HERE = Path(__file__).parent
CLOUDLET = [sys.executable, "-m", "cloudlet"]


class Shop:
    """The running shop, as its customers and its owner reach it."""

    def __init__(self, endpoint, token, outputs):
        self.endpoint, self.token, self.outputs = endpoint, token, outputs
        self.url = outputs["Url"].rstrip("/")
        self.run = secrets.token_hex(3)  # so that the story is true again when it is told again

    def client(self, service):
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1",
                            aws_access_key_id="000000000000", aws_secret_access_key="cloudlet",
                            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}))

    def http(self, method, path, body=None, **headers):
        """A customer's request: status and document."""
        return self._send(self.url + path, method, body, headers)

    def control(self, path, body=None):
        """The cloudlet's own API."""
        return self._send(f"{self.endpoint}/_cloudlet/{path}", "GET" if body is None else "POST", body,
                          {"x-cloudlet-token": self.token})[1]

    def _send(self, url, method, body, headers):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method),
                                        timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raw = error.read()
            try:
                return error.code, json.loads(raw)
            except ValueError:
                return error.code, raw.decode(errors="replace")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--once", action="store_true", help="end after the story")
    options.add_argument("--port", default="0", help="where to listen (default: any free port)")
    once = (chosen := options.parse_args()).once
    console.print("[bold]cloudlet[/] · a shop on a serverless cloud, in one process")
    state = ["--ephemeral"] if once else []
    # it is written for python3.11 and nodejs20.x; where a neighbour is installed, that stands in and says so
    state += ["--nearest-runtime", *([] if shutil.which("node") else ["--parameter", "Shipping=no"])]
    process = subprocess.Popen([*CLOUDLET, "up", str(HERE), "--json", "--port", chosen.port, *state],
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        events = heard(process)
        shop = opened(events)
        for scene in (products, orders, poison, pictures, javascript, speed):
            scene(shop)
        conclusion(shop)
        if not once:
            stay(events, shop)
    except KeyboardInterrupt:
        console.print()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
    sys.exit(1 if failures else 0)


def heard(process):
    """What `cloudlet up` says, read as it comes so that it never waits for us; None when it ends."""
    events = queue.SimpleQueue()

    def listen():
        for line in process.stdout:
            events.put(json.loads(line))
        events.put(None)

    threading.Thread(target=listen, daemon=True).start()
    return iter(events.get, None)


def opened(events):
    """Follow what `cloudlet up` says until the shop is deployed."""
    chapter("The cloudlet starts and deploys template.yaml")
    if not (HERE / ".cloudlet" / "build").exists():
        fact("[dim]the first deployment installs each function's requirements.txt, which takes a little[/]")
    began, ready, token = time.perf_counter(), None, ""
    for event in events:
        if event["event"] == "ready":
            ready, token = event["endpoint"], event["token"]
            fact(f"listening at [bold]{ready}[/]", ms(time.perf_counter() - began))
        elif event["event"] == "failed":
            console.print(Text(f"  {event['message']}", "red"))
            for one in event.get("failures", ()):
                console.print(Text(f"  {one['logicalId']} ({one['type']}): {one['reason']}"), soft_wrap=True)
            sys.exit(1)
        elif event["event"] == "deployed":
            fact(f"stack [bold]{event['stack']}[/]: {len(event['resources'])} resources",
                 ms(event["seconds"]))
            for notice in event["notices"]:
                fact(f"[yellow]{notice}[/]")
            fact(f"the shop is at [bold]{event['outputs']['Url']}[/]")
            return Shop(ready, token, event["outputs"])
    console.print("  [red]The cloudlet ended before the shop was deployed.[/]")
    sys.exit(1)


def products(shop):
    """Some goods, over HTTP."""
    chapter("The owner stocks the shelves")
    with Stopwatch() as took:
        status, home = shop.http("GET", "/")
    claim(f"GET /  → {status} {json.dumps(home)}", status == 200, f"{took}, cold")
    goods = {"kettle": {"name": "Kettle", "cents": 3900, "stock": 100},
             "teapot": {"name": "The last teapot", "cents": 7900, "stock": 1}}
    for sku, product in goods.items():
        with Stopwatch() as took:
            status, _ = shop.http("PUT", f"/products/{sku}", product)
        claim(f"PUT /products/{sku}  → {status}", status == 201, str(took))
    status, listed = shop.http("GET", "/products")
    names = ", ".join(item["name"] for item in listed.get("products", ())) if status == 200 else listed
    claim(f"GET /products  → {names}", status == 200 and len(listed["products"]) == 2)


def orders(shop):
    """An order, asked for twice, is one order; and its trail."""
    chapter("A customer orders, and her phone sends the order twice")
    wish, key = {"sku": "kettle", "quantity": 2}, f"phone-{shop.run}"
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    with Stopwatch() as took:
        status, first = shop.http("POST", "/orders", wish, idempotency_key=key,
                                  x_amzn_trace_id=f"Root={root}")
    claim(f"POST /orders  → {status}, order {first['id'][:8]}", status == 202, str(took))
    _, again = shop.http("POST", "/orders", wish, idempotency_key=key)
    claim("the same POST again  → the same order, thanks to Powertools' idempotency", again == first)
    with Stopwatch() as took:
        packed = eventually(lambda: shop.http("GET", f"/orders/{first['id']}")[1]["status"] == "packed")
    claim("queue → worker: the order is packed", bool(packed), str(took))
    stock = shop.http("GET", "/products/kettle")[1]["stock"]
    claim(f"the stock went from 100 to {stock}: packed once", stock == 98)
    trail(shop, root)


def trail(shop, root):
    """What one request did, from the socket to the last write."""
    spans = shop.control(f"traces?trace={root}")["spans"]
    fact(f"[dim]its trail, {len(spans)} steps under trace {root}:[/]")
    for depth, span in tree(spans):
        error = f"  [red]{span['error']}[/]" if span["error"] else ""
        fact(f"  {'  ' * depth}[dim]·[/] {span['name']}{error}", f"{span['duration_ms']:.2f} ms")
    names = {span["name"] for span in spans}
    claim("it reaches the queue and the table", {"sqs:SendMessage", "dynamodb:PutItem"} <= names)


def poison(shop):
    """Nobody can pack two of the last teapot."""
    chapter("Somebody orders two of the last teapot")
    _, order = shop.http("POST", "/orders", {"sku": "teapot", "quantity": 2},
                         idempotency_key=f"greedy-{shop.run}")
    sqs, graveyard = shop.client("sqs"), shop.outputs["Graveyard"]
    found, moved = None, 0

    def dead():
        got = sqs.receive_message(QueueUrl=graveyard, WaitTimeSeconds=1).get("Messages", [])
        return next((one for one in got if json.loads(one["Body"])["id"] == order["id"]), None)

    with Stopwatch() as took:
        while not found and moved < 6:
            waits = eventually(lambda: in_flight(sqs, shop.outputs["Queue"]), 3)
            shop.control("clock", {"advance": 61})
            moved += 1
            found = dead() if moved > 2 or not waits else None
    claim(f"the worker fails it each time; {moved} visibility timeouts later it is a dead letter",
          found is not None)
    fact(f"[dim]the clock was moved {moved} times by 61 seconds rather than waited for[/]", str(took))
    status = shop.http("GET", f"/orders/{order['id']}")[1].get("status")
    claim(f"the order still says {status!r}, and the teapot is still there",
          status == "placed" and shop.http("GET", "/products/teapot")[1]["stock"] == 1)


def in_flight(sqs, url):
    """Whether a message has been taken and was not put back: the worker has failed it."""
    names = ["ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessages"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return found[names[0]] != "0" and found[names[1]] == "0"


def pictures(shop):
    """An upload becomes a thumbnail."""
    chapter("The owner uploads a picture")
    s3, bucket, key = shop.client("s3"), shop.outputs["Pictures"], f"uploads/sunset-{shop.run}.png"
    picture = png(1600, 1000)
    with Stopwatch() as took:
        s3.put_object(Bucket=bucket, Key=key, Body=picture, ContentType="image/png")
    fact(f"PUT s3://{bucket}/{key}  1600x1000, {len(picture):,} bytes", str(took))
    table = shop.client("dynamodb")

    def row():
        name = {"kind": {"S": "picture"}, "id": {"S": key}}
        return table.get_item(TableName=shop.outputs["Table"], Key=name).get("Item")

    with Stopwatch() as took:
        item = eventually(row, 20)
    if item is None:
        claim("the thumbnail function wrote a row", False)
        return
    small = s3.get_object(Bucket=bucket, Key=item["thumbnail"]["S"])["Body"].read()
    width, height = png_size(small)
    claim(f"s3://{bucket}/{item['thumbnail']['S']}  {width}x{height}, {len(small):,} bytes",
          (width, height) == (320, 200) and len(small) == int(item["bytes"]["N"]), f"{took}, cold")


def javascript(shop):
    """A function in JavaScript behind the same API."""
    chapter("Shipping is quoted in JavaScript")
    if not shutil.which("node"):
        fact("[yellow]Node.js is not installed, so this part is left out[/]")
        return
    with Stopwatch() as took:
        status, quote = shop.http("GET", "/shipping?country=CH&grams=1200")
    claim(f"GET /shipping?country=CH&grams=1200  → {status} {json.dumps(quote)}",
          (status, quote) == (200, {"country": "CH", "cents": 1650}), f"{took}, cold")
    status, refusal = shop.http("GET", "/shipping?country=AQ")
    claim(f"GET /shipping?country=AQ  → {status} {json.dumps(refusal)}", status == 404)


def speed(shop):
    """What warm requests cost."""
    chapter("And warm, one customer, through HTTP, sandbox and table")
    for label, ask in (("GET /products/kettle (Python, Powertools, GetItem)", "/products/kettle"),
                       ("GET /shipping (Node.js)", "/shipping?country=DE&grams=100")):
        if "Node" in label and not shutil.which("node"):
            continue
        times = []
        for _ in range(100):
            with Stopwatch() as took:
                status, _ = shop.http("GET", ask)
            times.append(took.seconds)
        claim(f"{label}, 100 times", status == 200,
              f"median {ms(statistics.median(times))}, slowest {ms(max(times))}")


def conclusion(shop):
    """Whether it was all true."""
    console.print()
    if failures:
        console.print(f"[red]{len(failures)} of the claims above did not hold.[/]")
    else:
        console.print("[green]All of it happened.[/]")


def stay(events, shop):
    """Stay up, and show what the functions write."""
    chapter("The shop stays open")
    fact(f"curl {shop.url}/products")
    fact(f'eval "$(.venv/bin/cloudlet env --endpoint {shop.endpoint})"   [dim]and any AWS tool works here[/]')
    fact("[dim]change a file under examples/shop and it is live on the next request; Ctrl-C closes[/]")
    console.print()
    for event in events:
        if event["event"] == "log":
            line = Text("  ") + Text(event["function"], "dim")
            console.print(line, event["message"].rstrip(), markup=False, soft_wrap=True)
        elif event["event"] in ("reloaded", "deployed", "failed"):
            console.print(f"  [bold]{event['event']}[/] {event.get('message') or event.get('stack', '')}")


if __name__ == "__main__":
    main()

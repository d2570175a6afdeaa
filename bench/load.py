"""Load: requests as quickly as a server answers them, from a client that is faster than the server.

That client is wrk. Where it is missing, a plain one in Python stands in, and its own cost is in the figures.
"""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from .cloud import Cloud, Recorded, scratch

WRK = shutil.which("wrk")
_CYCLE = """
local n = 0
function request() n = n % #requests + 1; return requests[n] end
"""
# One client that sends, receives and deletes, again and again: what to ask next depends on the answer.
_THREE = """
local step, handle, asked = 0, "", false
function request()
  if not asked then asked = true; return requests[1] end -- wrk asks once only to look at it
  step = step % 3 + 1
  if step == 3 then
    return wrk.format("POST", requests[3][1], requests[3][2], (string.gsub(requests[3][3], "HANDLE",
      function() return handle end)))
  end
  return requests[step]
end
function response(status, headers, body)
  if step == 2 then handle = string.match(body, '"ReceiptHandle":%s*"(.-)"') or "none" end
end
"""
_DONE = """
function done(summary, latency, counts)
  io.write(string.format('\\n{"count":%d,"us":%d,"p50":%f,"p99":%f,"bad":%d,"lost":%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


class Load(NamedTuple):
    """What came of it."""

    per_s: float
    p50_us: float
    p99_us: float
    cpu_us: float  # of the server, a request
    bad: int  # answers that were errors, and requests without an answer


def press(
    cloud: Cloud, requests: Sequence[Recorded], clients: int, seconds: float, *, three: bool = False
) -> Load:
    """Send ``requests`` over and over from ``clients`` connections."""
    cpu = cloud.cpu_s()
    raw = _wrk(cloud, requests, clients, seconds, three) if WRK else _plain(cloud, requests, clients, seconds)
    count = max(raw["count"], 1)
    return Load(
        count / raw["us"] * 1e6,
        raw["p50"],
        raw["p99"],
        (cloud.cpu_s() - cpu) / count * 1e6,
        int(raw["bad"] + raw["lost"]),
    )


def _wrk(
    cloud: Cloud, requests: Sequence[Recorded], clients: int, seconds: float, three: bool
) -> dict[str, float]:
    with scratch() as folder:
        script = folder / "load.lua"
        script.write_bytes(_script(requests, three))
        command = [
            str(WRK),
            "-t1",
            f"-c{clients}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "20s",
            "-s",
            str(script),
            cloud.url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _script(requests: Sequence[Recorded], three: bool) -> bytes:
    lines = [b"requests = {}"]
    prepare = b"function init(args)"
    for n, request in enumerate(requests, 1):
        headers = b", ".join(
            b"[%b] = %b" % (_lua(name.encode()), _lua(value.encode()))
            for name, value in request.headers.items()
        )
        body = _lua(request.body)
        if three and n == 3:
            prepare += b"\n  requests[3] = {%b, {%b}, %b}" % (_lua(request.path.encode()), headers, body)
        else:
            prepare += b"\n  requests[%d] = wrk.format(%b, %b, {%b}, %b)" % (
                n,
                _lua(request.method.encode()),
                _lua(request.path.encode()),
                headers,
                body,
            )
    return b"\n".join([*lines, prepare, b"end", (_THREE if three else _CYCLE).encode(), _DONE.encode()])


def _lua(text: bytes) -> bytes:
    """``text`` as Lua writes it; what repeats itself is written briefly."""
    if len(text) > 1000 and text.count(text[:1]) == len(text):
        return b'string.rep("%b", %d)' % (text[:1], len(text))
    return b'"%b"' % b"".join(
        bytes([c]) if 32 <= c < 127 and c not in b'"\\' else b"\\%03d" % c for c in text
    )


def _plain(cloud: Cloud, requests: Sequence[Recorded], clients: int, seconds: float) -> dict[str, float]:
    """The client in Python; as many threads as connections."""
    taken: list[float] = []
    bad = [0]
    until = time.perf_counter() + seconds

    def run() -> None:
        raw = [wire(request) for request in requests]
        with socket.create_connection(("127.0.0.1", cloud.port)) as connection:
            n = 0
            while (begun := time.perf_counter()) < until:
                connection.sendall(raw[n % len(raw)])
                bad[0] += exchange(connection) >= 400
                taken.append(time.perf_counter() - begun)
                n += 1

    threads = [threading.Thread(target=run) for _ in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()
    return {
        "count": len(taken),
        "us": (time.perf_counter() - begun) * 1e6,
        "bad": bad[0],
        "lost": 0,
        "p50": taken[len(taken) // 2] * 1e6,
        "p99": taken[len(taken) * 99 // 100] * 1e6,
    }


def wire(request: Recorded) -> bytes:
    """A request as bytes."""
    headers = {"Host": "127.0.0.1", **request.headers, "Content-Length": str(len(request.body))}
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + request.body


def exchange(connection: socket.socket) -> int:
    """Read one answer; its status."""
    return exchanged(connection)[0]


def exchanged(connection: socket.socket) -> tuple[int, bytes]:
    """Read one answer: its status and its body (one that comes in chunks as they came)."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(1 << 18)
        if not piece:
            raise ConnectionResetError
        head += piece
    head, _, body = head.partition(b"\r\n\r\n")
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(1 << 18)
    else:
        left = int(lower.partition(b"content-length:")[2].split(b"\r\n")[0] or 0) - len(body)
        while left > 0:
            body += (piece := connection.recv(1 << 18))
            left -= len(piece)
    return int(head.split(b" ", 2)[1]), body


def fill(cloud: Cloud, requests: Sequence[Recorded], threads: int = 4) -> None:
    """Send each request once."""
    waiting = list(reversed(requests))
    failures: list[int] = []

    def run() -> None:
        with socket.create_connection(("127.0.0.1", cloud.port)) as connection:
            while waiting and not failures:
                try:
                    request = waiting.pop()
                except IndexError:
                    return
                connection.sendall(wire(request))
                status = exchange(connection)
                if status >= 400:
                    failures.append(status)

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise RuntimeError(f"filling it was answered with {failures[0]}")


__all__ = ["WRK", "Load", "exchange", "exchanged", "fill", "press", "wire"]

"""What objects cost: large bodies against a plain copy of files by the same HTTP stack, and many small ones.

The plain copy is the limit: a server on our own HTTP stack that writes a body to a file and reads it back,
and does nothing else. It makes no digest, and S3 must: an ETag is an MD5.
"""

import os
import socket
import statistics
import time
from collections.abc import Callable
from typing import Any

from .cloud import Cloud, scratch, started
from .figures import Bench

_LARGE = 4 << 20
_TIMES = 40
_SHARE = 0.6  # of what the plain copy reaches
_SMALL, _SMALL_BYTES = 10_000, 1 << 10
_HUGE_MB = 1024
_MEMORY_MB = 150


def objects(bench: Bench, cloud: Cloud, there: set[str]) -> None:
    """Every figure of objects but throughput of small ones, which the operations have."""
    with bench.section("Objects of 4 MB", "cloudlet     a plain copy"):
        bench.attempt("PutObject and GetObject, 4 MB", ("s3",), there, lambda: _large(bench, cloud))
    with bench.section("Objects, many and huge"):
        bench.attempt("memory with 10,000 small objects and one of 1 GB", ("s3",), there,
                      lambda: _much(bench, cloud))


def _large(bench: Bench, cloud: Cloud) -> None:
    client = cloud.client("s3")
    client.create_bucket(Bucket="plain", ACL="public-read-write")
    client.put_object(Bucket="plain", Key="k", Body=b"")
    with scratch() as folder, started("copy", str(folder)) as copy:
        for name, ask in (("PutObject", _put), ("GetObject", _get)):
            client.put_object_acl(Bucket="plain", Key="k", ACL="public-read")
            ours, limit = _both([(cloud, "/plain/k"), (copy, "/k")], ask)
            share, limit_mb = limit / ours, _rate(limit)
            bench.add(f"{name}, 4 MB", f"{_rate(ours)} MB/s  {limit_mb} MB/s  {share:4.0%}  "
                      f"{'at least' if share >= _SHARE else 'UNDER'} {_SHARE:.0%}", ours_s=ours,
                      limit_s=limit)


def _much(bench: Bench, cloud: Cloud) -> None:
    """As ``aws s3 sync`` does it: small files one after another on a connection, a huge one in parts."""
    client = cloud.client("s3")
    client.create_bucket(Bucket="much", ACL="public-read-write")
    with socket.create_connection(("127.0.0.1", cloud.port)) as line:
        begun, body = time.perf_counter(), b"x" * _SMALL_BYTES
        for n in range(_SMALL):
            head = f"PUT /much/{n:06} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            _exchange(line, head.encode() + body)
        taken, most = time.perf_counter() - begun, cloud.memory_mb()
    bench.add("10,000 objects of 1 KB", f"{_SMALL / taken:6.0f}/s  {most:6.1f} MB", seconds=taken,
              memory_mb=most)
    where = {"Bucket": "much", "Key": "huge"}
    where["UploadId"] = client.create_multipart_upload(**where)["UploadId"]
    parts, piece = [], os.urandom(8 << 20)
    begun = time.perf_counter()
    for n in range(1, _HUGE_MB // 8 + 1):
        parts.append({"PartNumber": n, "ETag": client.upload_part(**where, PartNumber=n, Body=piece)["ETag"]})
        most = max(most, cloud.memory_mb())
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    read = client.get_object(Bucket="much", Key="huge")["Body"]
    for n, _ in enumerate(read.iter_chunks(8 << 20)):
        most = max(most, cloud.memory_mb()) if n % 16 == 0 else most
    taken = time.perf_counter() - begun
    bench.add("1 GB up in parts and down", f"{2 * _HUGE_MB / taken:6.0f} MB/s", seconds=taken)
    verdict = "within" if most <= _MEMORY_MB else "OVER"
    bench.add("memory at most", f"{most:6.1f} MB  {verdict} {_MEMORY_MB} MB", memory_mb=most)


def _rate(seconds: float) -> str:
    return f"{_LARGE / seconds / 1e6:6.0f}"


def _both(places: list[tuple[Cloud, str]], ask: Callable[[socket.socket, str], Any]) -> list[float]:
    """The median of how long one takes at each place; by turns, so that a busy machine is busy for all."""
    lines = [socket.create_connection(("127.0.0.1", cloud.port)) for cloud, _ in places]
    taken: list[list[float]] = [[] for _ in places]
    for _ in range(_TIMES):
        for line, (_, path), times in zip(lines, places, taken, strict=True):
            begun = time.perf_counter()
            ask(line, path)
            times.append(time.perf_counter() - begun)
    for line in lines:
        line.close()
    return [statistics.median(times) for times in taken]


_BODY = os.urandom(_LARGE)


def _put(line: socket.socket, path: str) -> None:
    line.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {_LARGE}\r\n\r\n".encode())
    _exchange(line, _BODY)


def _get(line: socket.socket, path: str) -> None:
    size = _exchange(line, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert size == _LARGE, size


def _exchange(line: socket.socket, request: bytes) -> int:
    """Send a request and read its answer; the size of its body comes back."""
    line.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += line.recv(1 << 16)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head[:200]
    headers = dict(row.lower().split(b": ", 1) for row in head.split(b"\r\n")[1:])
    size = int(headers[b"content-length"])
    left, room = size - len(body), memoryview(bytearray(1 << 20))
    while left:
        left -= line.recv_into(room[: min(left, 1 << 20)])
    return size

"""A server process under measurement: what it costs, and clients for it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

_QUICK = Config(retries={"max_attempts": 0}, read_timeout=60, s3={"addressing_style": "path"})
_PATIENCE_S = 30


class Cloud:
    """One running server."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.url = f"http://127.0.0.1:{port}"
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client for it."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=_QUICK,
            )
        return self._clients[service]

    def cpu_s(self) -> float:
        """Seconds of CPU that the process has used; its children's not."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Memory that is resident, in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


class Recorded(NamedTuple):
    """A request as an SDK would have sent it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class _Stop(Exception):
    """Carries a request out of botocore before it is sent."""

    def __init__(self, request: Recorded) -> None:
        super().__init__()
        self.request = request


def _plain(request: AWSPreparedRequest) -> Recorded:
    body = request.body.read() if hasattr(request.body, "read") else (request.body or b"")
    headers = {
        name: value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
        if name.lower() not in ("content-length", "transfer-encoding", "expect", "host")
    }
    headers["Host"] = request.url.split("/")[2]
    return Recorded(
        request.method,
        "/" + request.url.partition("://")[2].partition("/")[2],
        headers,
        body.encode() if isinstance(body, str) else body,
    )


def recorded(client: Any, operation: str, **params: Any) -> Recorded:
    """What ``client`` would send, headers, signature, checksums and all."""

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise _Stop(_plain(request))

    client.meta.events.register_first("before-send", stop)
    try:
        getattr(client, operation)(**params)
    except _Stop as found:
        return found.request
    finally:
        client.meta.events.unregister("before-send", stop)
    raise AssertionError("nothing was sent")


@contextmanager
def started(*arguments: str) -> Iterator[Cloud]:
    """``python -m bench.serve`` with these arguments."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    killer = threading.Timer(_PATIENCE_S, process.kill)
    killer.start()
    line = process.stdout.readline()
    killer.cancel()
    try:
        if not line:
            raise RuntimeError("the server did not start; run `python -m bench.serve DIR` to see why")
        yield Cloud(process, int(line))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def moto() -> Iterator[Cloud | None]:
    """moto's server, if it is installed beside us."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("moto_server") or shutil.which("moto_server", path=beside)
    if program is None:
        yield None
        return
    port = free_port()
    process = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        answers(f"http://127.0.0.1:{port}/moto-api/data.json", _PATIENCE_S)
        yield Cloud(process, port)
    finally:
        process.kill()
        process.wait()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(url: str, patience_s: float) -> None:
    """Wait until ``url`` answers."""
    until = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                answer.read()
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.002)

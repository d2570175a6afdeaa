"""A real cloudlet for every test that asks for one, and real clients to talk to it."""

import asyncio
import json
import tempfile
import threading
import urllib.request
from pathlib import Path

import boto3
import pytest
import uvloop
from botocore.config import Config
from hypothesis import HealthCheck, settings

from cloudlet.app import Options, running
from cloudlet.scratch import sweep

_QUICK = Config(retries={"max_attempts": 0}, read_timeout=30, s3={"addressing_style": "path"})


settings.register_profile("calm", deadline=None, suppress_health_check=[
    HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
settings.load_profile("calm")  # a busy machine is no failure


class Running:
    """A cloudlet in a thread of its own, on a free port."""

    def __init__(self, data: Path | None = None, **options) -> None:
        self.options = Options(data=data, port=0, **options)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=lambda: uvloop.run(self._main()), name="cloudlet")
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with running(self.options) as self.cloudlet:
                self.port = self.cloudlet.port
                self.url = f"http://127.0.0.1:{self.port}"
                self._ready.set()
                await self._stop.wait()
        except BaseException as error:
            if self._ready.is_set():
                raise
            self._failure = error
            self._ready.set()

    def client(self, service: str, *, region: str = "us-east-1", key: str = "test", secret: str = "test",
               token: str | None = None, config: Config | None = None):
        """A boto3 client for this cloudlet."""
        return boto3.client(service, endpoint_url=self.url, region_name=region, aws_access_key_id=key,
                            aws_secret_access_key=secret, aws_session_token=token,
                            config=_QUICK.merge(config) if config else _QUICK)

    def control(self, path: str, body: dict | None = None) -> dict:
        """The cloudlet's own API."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_cloudlet/{path}", data=data,
                                         headers={"x-cloudlet-token": self.cloudlet.token})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def advance(self, seconds: float, **more: float) -> None:
        """Move the clock ahead; ``patience=0`` waits for nothing that is held up by the test itself."""
        self.control("clock", {"advance": seconds, **more})

    def stop(self) -> None:
        """Shut down gracefully."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


def pytest_sessionfinish():
    """What tests have killed left folders that the next cloudlet would take away; there is none."""
    sweep(Path(tempfile.gettempdir()))


@pytest.fixture(scope="module")
def cloudlet(tmp_path_factory, request):
    """A cloudlet that the tests of a module share, with its ``OPTIONS``; each test uses names of its own."""
    shared = Running(tmp_path_factory.mktemp("data"), **getattr(request.module, "OPTIONS", {}))
    yield shared
    shared.stop()


@pytest.fixture
def fresh(tmp_path):
    """A cloudlet of the test's own, for tests that move the clock or restart."""
    started = []

    def start(at="data", **options):
        started.append(Running(tmp_path / at if at else None, **options))
        return started[-1]

    yield start
    for one in started:
        if one._thread.is_alive():
            one.stop()

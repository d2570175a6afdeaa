"""What pytest sees: the fixture ``cloudlet``, and on a test's failure what happened in it."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .cloudlet import Cloudlet
    from .host import Host

_KEY: "pytest.StashKey[Cloudlet]" = pytest.StashKey()


@pytest.fixture(scope="session")
def cloudlet_host() -> "Iterator[Host]":
    """The thread in which the cloudlets of this session run, one after the other, at one address."""
    from .host import Host  # 400 ms, which sessions without a cloudlet need not spend

    host = Host()
    yield host
    host.stop()


@pytest.fixture
def cloudlet(cloudlet_host: "Host", request: pytest.FixtureRequest,
             monkeypatch: pytest.MonkeyPatch) -> "Iterator[Cloudlet]":
    """A fresh cloudlet, with the environment set so that any AWS SDK in this process speaks to it."""
    from .cloudlet import Cloudlet  # as above
    from .surroundings import point_sdks

    with cloudlet_host.cloudlet() as running:
        point_sdks(monkeypatch, cloudlet_host.endpoint)
        found = Cloudlet(cloudlet_host, running, request.path.parent)
        request.node.stash[_KEY] = found
        yield found


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Generator[None, Any, None]:
    """A test that failed shows what travelled in its cloudlet, and what its functions wrote."""
    result = yield
    found = item.stash.get(_KEY, None)
    report = result.get_result()
    if found is not None and report.failed and call.when != "teardown":
        report.sections += found.story()

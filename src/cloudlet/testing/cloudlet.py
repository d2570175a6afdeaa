"""A cloudlet as a test sees it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import boto3
import msgspec
from botocore.config import Config

from .. import app
from ..arn import is_called
from ..deploy import Application, DeployError, Outcome, deploy, find, urls_of
from ..identity import root
from ..telemetry import Sighting
from .breakage import Faults
from .hands import Hands
from .host import Host
from .stories import Invoked, Sent, invoked_of, sections, sent_of
from .surroundings import ACCOUNT, REGION, SECRET

T = TypeVar("T")
_CONFIG = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
_FIRST_STRIDE, _WITHIN = timedelta(seconds=1), timedelta(hours=1)


class DeploymentFailed(AssertionError):
    """The application could not be deployed; the message says why."""


class Cloudlet:
    """What the fixture ``cloudlet`` gives: clients, deployments, the clock, faults, and what happened."""

    def __init__(self, host: Host, running: app.Cloudlet, beside: Path) -> None:
        self._host, self._running, self._kernel, self._beside = host, running, running.kernel, beside
        self._outcomes: list[Outcome] = []
        self._kept: dict[str, list[Outcome]] = {}  # of snapshots
        self._clients: dict[str, Any] = {}
        self.endpoint, self.account, self.region = host.endpoint, ACCOUNT, REGION
        self.clock = Hands(host, running.clock)
        self.faults = Faults(host, running.kernel, self.name_of)

    def client(self, service: str) -> Any:
        """A boto3 client for this cloudlet. It does not try again what fails, so that tests see errors."""
        if service not in self._clients:
            self._clients[service] = _session().client(service, config=_CONFIG, **self._access)
        return self._clients[service]

    def resource(self, service: str) -> Any:
        """A boto3 resource for this cloudlet."""
        return _session().resource(service, config=_CONFIG, **self._access)

    def deploy(self, template: str | Path = ".", *, parameters: Mapping[str, str] | None = None,
               stack_name: str = "") -> dict[str, str]:
        """Deploy a template, or the folder that has one, and give the stack's outputs.

        A relative path begins beside the test or, if nothing is there, where pytest was started.
        """
        application = self._application(template, dict(parameters or {}), stack_name)
        try:
            outcome = self._host.run(
                deploy(self._kernel, application, principal=root(ACCOUNT), region=REGION)
            )
        except DeployError as error:
            raise DeploymentFailed(str(error)) from None
        if not outcome.ok:
            failures = "".join(f"\n  {one.logical_id} ({one.type}): {one.reason}" for one in outcome.failures)
            raise DeploymentFailed(f"{outcome.stack_name}: {outcome.status}. {outcome.reason}{failures}")
        self._outcomes.append(outcome)
        return outcome.outputs

    def snapshot(self, name: str) -> None:
        """Keep all there is now, to go back to with ``restore`` as often as one likes; the clock with it."""
        self._host.run(self._running.save(name))
        self._kept[name] = list(self._outcomes)

    def restore(self, name: str) -> None:
        """Go back to what ``snapshot`` kept: what runs is broken off, and what came after never was."""
        self._host.run(self._running.restore(name))
        self._outcomes = list(self._kept[name])

    def name_of(self, logical_id: str) -> str:
        """What a deployed resource is called, by its logical id; what is none comes back as it is."""
        found = next((one.physical_id for outcome in reversed(self._outcomes) for one in outcome.resources
                      if one.logical_id == logical_id), logical_id)
        return found.rpartition("/")[2] if "://" in found else found

    def url(self, logical_id: str) -> str:
        """The URL of a deployed HTTP API or function URL, without a slash at its end."""
        found: dict[str, str] = {}
        for outcome in self._outcomes:
            found |= self._host.run(urls_of(self._kernel, root(ACCOUNT), REGION, outcome.resources))
        if logical_id not in found:
            raise KeyError(f"No URL is called {logical_id}. There are: {', '.join(found) or 'none'}.")
        return found[logical_id].rstrip("/")

    def eventually(self, check: Callable[[], T], *, within: timedelta = _WITHIN) -> T:
        """What ``check`` gives as soon as that is true, while time goes by; an AssertionError means not yet.

        Nothing sleeps: what runs is waited for, then the clock goes on to where something falls due. Not all
        that falls due is waited for by somebody (a delayed message is not), so it never goes further at
        once than it has gone already.
        """
        until, stride, moments = self.clock.now + within, _FIRST_STRIDE, 0
        while True:
            self.clock.rest()
            found, error = _attempt(check)
            if found or self.clock.now >= until:
                break
            now, due = self.clock.now, self.clock.next
            ahead = min(now + stride, until, due if due and due > now else until)
            self.clock.advance(ahead - now)
            stride, moments = stride + (ahead - now), moments + 1
        if found:
            return found
        said = error or f"it still gives {found!r}"
        raise AssertionError(f"Not within {within} of the cloudlet's time, tried {moments + 1} times: {said}")

    def sent(self, name: str) -> list[Sent]:
        """The messages that came to a queue, a topic or an event bus, the oldest first."""
        return [sent_of(one) for one in self._seen("sent", to=name)]

    def invocations(self, function: str) -> list[Invoked]:
        """The events on which a function ran, the oldest first."""
        return [invoked_of(one) for one in self._seen("ran", "failed", to=function)]

    def events(self) -> list[Sighting]:
        """All that travelled, the oldest first; the newest few thousand are kept."""
        return self._host.do(lambda: list(self._kernel.sightings.after()))

    def story(self) -> list[tuple[str, str]]:
        """What happened, for a report: titles and texts."""
        return sections(self.events(), self.clock.now)

    @property
    def _access(self) -> dict[str, Any]:
        return {"endpoint_url": self.endpoint, "region_name": REGION, "aws_access_key_id": ACCOUNT,
                "aws_secret_access_key": SECRET}

    def _seen(self, *outcomes: str, to: str) -> list[Sighting]:
        name = self.name_of(to)
        return [one for one in self.events() if one.outcome in outcomes and is_called(one.target, name)]

    def _application(self, template: str | Path, parameters: dict[str, str], stack_name: str) -> Application:
        path = self._beside / template
        path = path if path.exists() else Path(template)
        if not path.exists():
            raise DeploymentFailed(f"There is no {template}, neither in {self._beside} nor in {Path.cwd()}.")
        try:
            application = find(path)
        except DeployError as error:
            raise DeploymentFailed(str(error)) from None
        if application is None:
            raise DeploymentFailed(f"{path} is no template, and no folder that has one.")
        return msgspec.structs.replace(application, parameters={**application.parameters, **parameters},
                                       stack_name=stack_name or application.stack_name)


def _attempt(check: Callable[[], T]) -> tuple[T | None, AssertionError | None]:
    try:
        return check(), None
    except AssertionError as error:
        return None, error


@cache
def _session() -> Any:
    """One for all tests: it keeps the models that clients are made from."""
    return boto3.Session()

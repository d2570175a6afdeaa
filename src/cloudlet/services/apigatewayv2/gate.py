"""What the gateway remembers between requests: APIs as they are published, buckets and verdicts.

An API is read once and kept until a bell says that something changed. The rest is memory only: how many
requests a route may still take, and what authorizers said lately.
"""

import asyncio
from typing import Any

import msgspec

from ...kernel import Call, Conversation, Kernel
from . import limits
from .matching import Router
from .records import (
    BELL,
    Api,
    Authorizer,
    Config,
    Contents,
    Integration,
    Route,
    Stage,
    apis,
    contents_of,
    deployments,
    owners,
    stages,
)

_MOST = 10_000


class Served(msgspec.Struct):
    """A stage, ready to answer."""

    stage: Stage
    router: Router[Route]
    integrations: dict[str, Integration]
    authorizers: dict[str, Authorizer]


class Published(msgspec.Struct):
    """An API, ready to answer."""

    api: Api
    account: str
    region: str
    stages: dict[str, Served]


class Verdict(msgspec.Struct, frozen=True):
    """What an authorizer said. ``policy`` is a document's text; without one ``allowed`` decides."""

    allowed: bool
    context: Config
    policy: str = ""
    principal_id: str = ""


class Bucket(msgspec.Struct):
    """Tokens that are left, and since when."""

    tokens: float
    at_ms: int


class Gate:
    """The memory of one cloudlet's gateway."""

    def __init__(self, kernel: Kernel) -> None:
        self._ear = kernel.store.listen(BELL)
        self._known: dict[str, Published | None] = {}
        self._buckets: dict[tuple[str, str, str], Bucket] = {}
        self._verdicts: dict[tuple[str, ...], tuple[int, Verdict]] = {}
        self.running: set[asyncio.Future[Any]] = set()  # also when their visitor waits no longer
        self.keys: dict[str, tuple[int, Config]] = {}  # by issuer: when they were fetched, and by their ids

    async def find(self, call: Conversation, api_id: str) -> Published | None:
        """The API of that id, wherever it is."""
        if self._ear.rung() or len(self._known) > _MOST:
            self._known.clear()
            self._verdicts.clear()
        if api_id not in self._known:
            self._known[api_id] = await call.transact(lambda call: _read(call, api_id))
        return self._known[api_id]

    def admits(self, api_id: str, stage: Stage, route_key: str, now_ms: int) -> bool:
        """Take a token from the route's bucket, if its settings ask for one and there is one."""
        settings = {**stage.default_route_settings, **stage.route_settings.get(route_key, {})}
        rate, burst = settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")
        if rate is None and burst is None:
            return True
        rate = limits.DEFAULT_RATE if rate is None else float(rate)
        size = float(limits.DEFAULT_BURST if burst is None else burst)
        key = (api_id, stage.stage_name, route_key)
        bucket = self._buckets.setdefault(key, Bucket(size, now_ms))
        bucket.tokens = min(size, bucket.tokens + max(0, now_ms - bucket.at_ms) * rate / 1000)
        bucket.at_ms = now_ms
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def verdict(self, key: tuple[str, ...], now_ms: int) -> Verdict | None:
        """What an authorizer said of this identity, if that is still good."""
        expires_ms, verdict = self._verdicts.get(key, (0, None))
        return verdict if expires_ms > now_ms else None

    def remember(self, key: tuple[str, ...], verdict: Verdict, until_ms: int) -> None:
        """Keep what an authorizer said."""
        if len(self._verdicts) >= _MOST:
            self._verdicts.clear()
        self._verdicts[key] = (until_ms, verdict)


def gate_of(call: Conversation) -> Gate:
    """The gate of this cloudlet; it is built when the first visitor comes."""
    try:
        return call.use(Gate)
    except KeyError:
        gate = Gate(call.kernel)
        call.kernel.provide(gate)
        return gate


def _read(call: Call, api_id: str) -> Published | None:
    owner = owners.get(call, api_id)
    if owner is None:
        return None
    there = call.elsewhere(account=owner.account, region=owner.region)
    api = apis.get(there, api_id)
    if api is None:
        return None
    now = contents_of(there, api_id)
    served: dict[str, Served] = {}
    for _, stage in stages.items(there, api_id):
        contents = now
        if not stage.auto_deploy:
            deployment = deployments.get(there, api_id, stage.deployment_id or "")
            contents = deployment.contents if deployment else Contents([], [], [])
        served[stage.stage_name] = Served(
            stage, Router({route.route_key: route for route in contents.routes}),
            {one.integration_id: one for one in contents.integrations},
            {one.authorizer_id: one for one in contents.authorizers})
    return Published(api, owner.account, owner.region, served)

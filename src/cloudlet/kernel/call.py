"""The one argument every operation takes: what it may know, and all it may touch.

A plain function is a transaction: it gets a :class:`Call` and happens wholly or not at all. An
``async`` function is a :class:`Conversation`: it may wait, so it holds no transaction and opens
short ones. Neither asks the machine for the time, for randomness or for its environment.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..arn import Arn
from ..identity import Principal
from ..ids import Ids
from ..store import StoreError, Transaction
from ..telemetry import Outcome, Sighting, Trace
from .sender import Sender

if TYPE_CHECKING:
    from .kernel import Kernel

T = TypeVar("T")


class Call:
    """A request inside its transaction; also the scope that tables, logs and agendas take."""

    __slots__ = ("account", "as_json", "id", "kernel", "now_ms", "principal", "region", "seen", "sender",
                 "service", "trace", "tx")

    def __init__(self, kernel: "Kernel", tx: Transaction, principal: Principal, service: str, account: str,
                 region: str, id: str, now_ms: int, trace: Trace, seen: list[Sighting],
                 sender: Sender | None = None, *, as_json: bool = False) -> None:
        self.kernel, self.tx, self.principal, self.service = kernel, tx, principal, service
        self.account, self.region, self.id, self.now_ms, self.trace = account, region, id, now_ms, trace
        self.seen = seen  # kept by the kernel, once the transaction is committed
        self.sender = sender
        self.as_json = as_json  # the answer will be JSON: what is JSON already may stand in it as msgspec.Raw

    @property
    def ids(self) -> Ids:
        """Where new identifiers come from."""
        return self.kernel.ids

    def arn(self, resource: str, service: str = "") -> str:
        """The ARN of ``resource`` in the account and region of this call."""
        return str(Arn(service or self.service, self.region, self.account, resource))

    def use(self, kind: type[T]) -> T:
        """The object of that class which the program was composed with, such as the blobs."""
        return self.kernel.use(kind)

    def invoke(self, service: str, operation: str, *, as_principal: Principal | None = None,
               account: str = "", region: str = "", **params: Any) -> dict[str, Any]:
        """Another operation in this same transaction (a ``def`` one), with AWS's own parameters."""
        return self.kernel.nested(self, service, operation, params, as_principal or self.principal,
                                  account or self.account, region or self.region)

    def see(self, outcome: Outcome, target: str, *, source: str = "", event: str = "", why: str = "",
            payload: bytes = b"", parameters: dict[str, Any] | None = None) -> None:
        """Say what became of an event (see :mod:`cloudlet.telemetry.sightings`)."""
        self.seen.append(Sighting(
            outcome, target, source, event, why, payload, parameters or {}, b"", (), self.account,
            self.region, self.now_ms, self.trace.root))

    def elsewhere(self, *, account: str = "", region: str = "", service: str = "",
                  principal: Principal | None = None) -> "Call":
        """The same transaction, seen from another account, region or service."""
        return Call(self.kernel, self.tx, principal or self.principal, service or self.service,
                    account or self.account, region or self.region, self.id, self.now_ms, self.trace,
                    self.seen, self.sender, as_json=self.as_json)


class Conversation:
    """A request that may wait. Decide in short transactions, and wait outside them."""

    __slots__ = ("_generation", "account", "id", "kernel", "principal", "region", "sender", "service",
                 "trace")

    def __init__(self, kernel: "Kernel", principal: Principal, service: str, account: str, region: str,
                 id: str, trace: Trace, sender: Sender | None = None) -> None:
        self.kernel, self.principal, self.service = kernel, principal, service
        self.account, self.region, self.id, self.trace = account, region, id, trace
        self.sender = sender
        self._generation = kernel.generation

    @property
    def now_ms(self) -> int:
        """The moment it is now; it moves while one waits."""
        return self.kernel.clock.now_ms()

    @property
    def ids(self) -> Ids:
        """Where new identifiers come from."""
        return self.kernel.ids

    def arn(self, resource: str, service: str = "") -> str:
        """The ARN of ``resource`` in the account and region of this call."""
        return str(Arn(service or self.service, self.region, self.account, resource))

    def use(self, kind: type[T]) -> T:
        """The object of that class which the program was composed with, such as the blobs."""
        return self.kernel.use(kind)

    async def transact(self, work: Callable[[Call], T]) -> T:
        """Run ``work`` in a transaction and give its result once it is durable."""
        self._check()
        kernel, now_ms = self.kernel, self.now_ms
        return await kernel.transact(
            lambda tx, seen: work(
                Call(
                    kernel,
                    tx,
                    self.principal,
                    self.service,
                    self.account,
                    self.region,
                    self.id,
                    now_ms,
                    self.trace,
                    seen,
                    self.sender,
                )
            )
        )

    def see(self, outcome: Outcome, target: str, *, source: str = "", event: str = "", why: str = "",
            payload: bytes = b"", answer: bytes = b"", log: Sequence[str] = ()) -> None:
        """Say what became of an event; it counts at once."""
        self.kernel.sightings.keep([Sighting(
            outcome, target, source, event, why, payload, {}, answer, log, self.account, self.region,
            self.now_ms, self.trace.root)])

    async def invoke(self, service: str, operation: str, *, as_principal: Principal | None = None,
                     account: str = "", region: str = "", **params: Any) -> dict[str, Any]:
        """Another operation, with AWS's own parameters."""
        self._check()
        return await self.kernel.invoke(
            as_principal or self.principal, service, operation, params, account=account or self.account,
            region=region or self.region, trace=self.trace,
            sender=self.sender if as_principal is None else None)

    def elsewhere(self, *, account: str = "", region: str = "", service: str = "",
                  principal: Principal | None = None) -> "Conversation":
        """The same request, seen from another account, region or service."""
        there = Conversation(self.kernel, principal or self.principal, service or self.service,
                             account or self.account, region or self.region, self.id, self.trace, self.sender)
        there._generation = self._generation
        return there

    def _check(self) -> None:
        """What began in one state of the store has no say in another."""
        if self._generation != self.kernel.generation:
            raise StoreError("The state was replaced while this request was under way. Send it again.")

    async def until(self, attempt: Callable[[Call], T | None], *bells: str, deadline_ms: int,
                    next_ms: Callable[[Call], int | None] | None = None) -> T | None:
        """Try ``attempt`` in a transaction until it gives something, or ``deadline_ms`` passes: then None.

        It is tried again when one of ``bells`` rings, and when the moment comes that ``next_ms`` names.
        """
        ear = self.kernel.store.listen(*bells)
        try:
            while True:
                found, due = await self.transact(
                    lambda call: (
                        found := attempt(call),
                        next_ms(call) if next_ms and found is None else None,
                    )
                )
                if found is not None or self.now_ms >= deadline_ms:
                    return found
                wake_ms = deadline_ms if due is None else min(due, deadline_ms)
                await first_of(ear.wait(), self.kernel.clock.sleep_until(wake_ms))
        finally:
            ear.close()


async def first_of(*waits: Any) -> None:
    """Until the first of ``waits`` is over; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()

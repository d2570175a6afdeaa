"""One door: every request meets its operation here, whoever asked.

The network, an event, a workflow and a deployment all come as ``invoke(principal, service,
operation, params)``. What every request must pass is a list of guards, folded around it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from ..clock import Clock
from ..errors import AwsError, InternalFailure, ServiceUnavailable
from ..identity import Principal
from ..ids import Ids
from ..store import Store, StoreError, Transaction
from ..store.api import FREE_SPACE, FULL
from ..telemetry import Sighting, Sightings, Trace, Tracer
from .call import Call, Conversation
from .faults import Faults
from .sender import Sender
from .service import Operation
from .services import Services

T = TypeVar("T")
log = logging.getLogger(__name__)
Finish = Callable[[AwsError | None], None]


class Invocation(msgspec.Struct):
    """A request at the door, as guards see it."""

    principal: Principal
    service: str
    operation: str
    params: dict[str, Any]
    account: str
    region: str
    id: str
    now_ms: int
    trace: Trace
    # what a guard may ask for; inside another operation's transaction there is no waiting, and no answer
    delay_ms: int = 0  # before it begins, on the cloudlet's clock
    stall_ms: int = 0  # and on the machine's
    lost: AwsError | None = None  # what is answered once the work is done
    spared: bool = False  # from faults: the cloudlet does it for itself
    sender: Sender | None = None
    as_json: bool = False  # see :class:`Call`


class Guard(Protocol):
    """A step every call passes: refuse by raising, or give a function to be told the outcome."""

    def __call__(self, invocation: Invocation, /) -> Finish | None: ...


class Kernel:
    """Runs operations: plain functions in a transaction, async ones outside."""

    def __init__(self, store: Store, services: Services, clock: Clock, ids: Ids, tracer: Tracer) -> None:
        self.store, self.services, self.clock, self.ids, self.tracer = store, services, clock, ids, tracer
        self.sightings, self.faults = Sightings(), Faults()
        self.guards: list[Guard] = []
        self.wishes: dict[str, str] = {}  # of whoever started the cloudlet, for a service: by their option
        self._provided: dict[type, Any] = {}
        self.generation = 0  # of the state: another once it was replaced

    def provide(self, thing: object) -> None:
        """Let operations ``use`` this object, by its class."""
        self._provided[type(thing)] = thing

    def use(self, kind: type[T]) -> T:
        """The object of that class which was provided."""
        found: T = self._provided[kind]
        return found

    async def invoke(self, principal: Principal, service: str, operation: str, params: dict[str, Any], *,
                     account: str = "", region: str = "us-east-1", trace: Trace | None = None,
                     id: str = "", spared: bool = False, sender: Sender | None = None,
                     as_json: bool = False) -> dict[str, Any]:
        """Serve ``operation`` with AWS's own parameters; an :class:`AwsError` says why not.

        No fault rule strikes what is ``spared``: what the cloudlet does for itself. Who is going to write the
        answer ``as_json`` may find parts of it written already, as ``msgspec.Raw``.
        """
        now_ms = self.clock.now_ms()
        call = Invocation(principal, service, operation, params, account or principal.account, region,
                          id or self.ids.uuid(), now_ms, trace or self.tracer.begin(now_ms), spared=spared,
                          sender=sender, as_json=as_json)
        finishes = self._enter(call)
        try:
            if call.delay_ms or call.stall_ms:
                await self._delay(call)
            found, arguments = self._admit(call)
            if found.waits:
                result = await found.function(self._conversation(call), **arguments)
            else:
                result = await self.transact(
                    lambda tx, seen: found.function(self._call(call, tx, seen), **arguments))
        except Exception as error:
            raise self._leave(finishes, error, call) from error
        if call.lost is not None:
            raise self._leave(finishes, call.lost, call)
        self._tell(finishes, None)
        return result or {}

    async def transact(self, work: Callable[[Transaction, list[Sighting]], T]) -> T:
        """Run ``work`` in the store; what it puts into its list was seen, once that is committed."""
        seen: list[Sighting] = []

        def attempt(tx: Transaction) -> T:
            seen.clear()
            return work(tx, seen)

        with self.clock.holding("a transaction"):
            result = await self.store.transact(attempt)
        if seen:
            self.sightings.keep(seen)
        return result

    def nested(self, outer: Call, service: str, operation: str, params: dict[str, Any], principal: Principal,
               account: str, region: str) -> dict[str, Any]:
        """Serve an operation inside the transaction of another."""
        call = Invocation(principal, service, operation, params, account, region, self.ids.uuid(),
                          outer.now_ms, outer.trace,
                          sender=outer.sender if principal is outer.principal else None)
        finishes = self._enter(call)
        try:
            found, arguments = self._admit(call)
            if found.waits:
                raise TypeError(f"{service}:{operation} may wait and can't be part of a transaction")
            result: dict[str, Any] | None = found.function(
                self._call(call, outer.tx, outer.seen), **arguments)
        except AwsError as error:
            raise self._leave(finishes, error, call) from None
        self._tell(finishes, None)
        return result or {}

    def conversation(
        self,
        principal: Principal,
        service: str,
        *,
        account: str = "",
        region: str = "us-east-1",
        trace: Trace | None = None,
        sender: Sender | None = None,
    ) -> Conversation:
        """For what is no operation and may wait: a site, a poller, a task."""
        now_ms = self.clock.now_ms()
        return Conversation(self, principal, service, account or principal.account, region, self.ids.uuid(),
                            trace or self.tracer.begin(now_ms), sender)

    async def _delay(self, call: Invocation) -> None:
        await asyncio.sleep(call.stall_ms / 1000)
        await self.clock.sleep_until(call.now_ms + call.delay_ms)
        call.now_ms = self.clock.now_ms()

    def _admit(self, call: Invocation) -> tuple[Operation, dict[str, Any]]:
        """The operation and its arguments, if the request is one it understands."""
        service = self.services[call.service]
        found = service.find(call.operation)
        arguments = found.arguments(call.params)
        service.check(found.spec, call.params)
        return found, arguments

    def _enter(self, call: Invocation) -> list[Finish]:
        """Pass the guards in order; if one refuses, those before it are told."""
        finishes: list[Finish] = []
        for guard in self.guards:
            try:
                finish = guard(call)
            except AwsError as error:
                self._tell(finishes, error)
                raise
            if finish:
                finishes.append(finish)
        return finishes

    def _leave(self, finishes: Iterable[Finish], error: Exception, call: Invocation) -> AwsError:
        """Tell the guards how it went; what is not AWS's becomes AWS's here, at the edge."""
        outcome: AwsError
        if isinstance(error, AwsError):
            outcome = error
        elif isinstance(error, StoreError):
            outcome = ServiceUnavailable(str(error))
        elif isinstance(error, OSError) and error.errno in FULL:
            outcome = ServiceUnavailable(f"{call.service}:{call.operation} could not write a file: "
                                         f"{error.strerror}. {FREE_SPACE}")
        else:
            log.exception("%s:%s failed (request %s)", call.service, call.operation, call.id, exc_info=error)
            outcome = InternalFailure(f"{call.service}:{call.operation} failed unexpectedly; "
                                      f"the cloudlet's log says why under {call.id}.")
        self._tell(finishes, outcome)
        return outcome

    def _tell(self, finishes: Iterable[Finish], outcome: AwsError | None) -> None:
        for finish in reversed(list(finishes)):
            finish(outcome)

    def _call(self, call: Invocation, tx: Transaction, seen: list[Sighting]) -> Call:
        return Call(self, tx, call.principal, call.service, call.account, call.region, call.id, call.now_ms,
                    call.trace, seen, call.sender, as_json=call.as_json)

    def _conversation(self, call: Invocation) -> Conversation:
        return Conversation(
            self, call.principal, call.service, call.account, call.region, call.id, call.trace, call.sender
        )

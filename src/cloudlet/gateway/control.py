"""The cloudlet's own API, under ``/_cloudlet/``: health, the clock, faults, events, traces, the outbox, and
the key of the account itself."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

import msgspec

from .. import __version__
from ..clock import PATIENCE_S, Clock
from ..fabric import outbox
from ..functions import Pool, Trial
from ..kernel import Kernel, strangers
from ..kernel.credentials import new_root_key, root_key
from ..kernel.faults import Rule, mistake
from ..kernel.permissions import Within
from ..wire.http import Request, Response
from .watching import Watching

_FARTHEST_S = 100_000_000_000  # some 3,000 years: a moment must stay one that Python can name
_NEVER_MS = 1 << 61  # beyond it, somebody waits for a bell alone
_CLOCK = b"\x02\0\x02\0\x02clock\0"  # the key of the clock's offset: ("", "", "clock")


class ClockCommand(msgspec.Struct, forbid_unknown_fields=True):
    """What to do with the clock. ``advance`` is in seconds, ``set`` in seconds since 1970.

    Both let time go by; ``patience`` is for how many seconds to wait for what runs at one moment of it.
    """

    advance: float | None = None
    set: float | None = None
    freeze: bool = False
    resume: bool = False
    patience: Annotated[float, msgspec.Meta(ge=0, le=900)] = PATIENCE_S


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    rules: list[Rule]


class _Attempt(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    function: str
    debug_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    memory_mb: Annotated[int, msgspec.Meta(ge=0, le=10_240)] = 0


class _Hands(msgspec.Struct):
    offset_ms: int
    frozen_ms: int | None


class Control:
    """Answers requests about the cloudlet itself."""

    def __init__(self, kernel: Kernel, clock: Clock) -> None:
        self._kernel, self._clock, self._watching = kernel, clock, Watching(kernel)
        self.more: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {}  # by method and path

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        match request.method, request.path.removeprefix("/_cloudlet/").rstrip("/"):
            case "GET", "health":
                return _json({"status": "running", "version": __version__,
                              "services": list(self._kernel.services.names)})
            case "GET", "clock":
                return self._time()
            case "POST", "clock":
                return await self._move(request)
            case "GET" | "POST" as method, "credentials":
                return await self._credentials(request, renew=method == "POST")
            case "GET", "faults":
                return _json({"rules": self._kernel.faults.rules})
            case "POST", "faults":
                return await self._break(request)
            case "GET", "events":
                return await self._watching.events(request)
            case "POST", "replay":
                return await self._watching.replay(request)
            case "POST", "trials":
                return await self._attempt(request)
            case "GET", "traces":
                root = request.queries().get("trace", "")
                spans = self._kernel.tracer.spans(root)
                return _json({"spans": [msgspec.to_builtins(span) for span in spans]})
            case "GET", "outbox":
                return await self._outbox(request.queries())
        found = self.more.get((request.method, request.path.removeprefix("/_cloudlet/").rstrip("/")))
        if found:
            return await found(request)
        return _json({"message": f"There is no {request.method} {request.path} here."}, 404)

    async def restore_clock(self) -> None:
        """Let the clock go on from where it stood when the cloudlet last stopped."""
        raw = await self._kernel.store.transact(lambda tx: tx.get(_CLOCK))
        hands = msgspec.msgpack.decode(raw, type=_Hands) if raw else _Hands(0, None)
        self._clock.offset_ms, self._clock.frozen_ms = hands.offset_ms, hands.frozen_ms
        self._clock.advance(0)  # whoever waits looks at the clock again

    async def keep_clock(self) -> None:
        """Keep where the clock stands, for whoever goes on from this state."""
        hands = msgspec.msgpack.encode(_Hands(self._clock.offset_ms, self._clock.frozen_ms))
        await self._kernel.store.transact(lambda tx: tx.put(_CLOCK, hands))

    async def _outbox(self, asked: dict[str, str]) -> Response:
        """What was written to people, by ``to`` and ``kind``, ``after`` a number, up to a ``limit``."""
        numbers = {name: asked.get(name, default) for name, default in (("after", "0"), ("limit", "100"))}
        if not all(text.isascii() and text.isdigit() and len(text) < 18 for text in numbers.values()):
            return _json({"message": "The outbox takes to, kind, after and limit; the last two are numbers."},
                         400)
        found = await self._kernel.store.transact(lambda tx: outbox.read(
            Within(tx, ""), to=asked.get("to", ""), kind=asked.get("kind", ""),
            after=int(numbers["after"]), limit=int(numbers["limit"])))
        return _json({"letters": [
            {"number": one.number, **msgspec.to_builtins(one.letter)} for one in found]})

    async def _break(self, request: Request) -> Response:
        """Put fault rules in force, in place of those that are."""
        try:
            wish = msgspec.json.decode(await request.read(1 << 20) or b"", type=_Wish)
        except msgspec.DecodeError as error:
            form = '{"rules": [{"service": NAME, "operation": NAME, "resource": NAME, "error": CODE}]}'
            return _json({"message": f"Faults are said as {form}: {error}"}, 400)
        for number, rule in enumerate(wish.rules):
            wrong = mistake(rule, self._kernel.services)
            if wrong:
                return _json({"message": f"Rule {number}: {wrong}"}, 400)
        self._kernel.faults.replace(wish.rules)
        return _json({"rules": wish.rules})

    async def _attempt(self, request: Request) -> Response:
        """Let a function wait for an editor or run with other memory, or not any more."""
        try:
            wish = msgspec.json.decode(await request.read(1 << 16) or b"", type=_Attempt)
        except msgspec.DecodeError as error:
            form = '{"function": NAME, "debugPort": PORT, "memoryMb": SIZE}'
            return _json({"message": f"Trials are said as {form}, the last two as needed: {error}"}, 400)
        pool = self._kernel.use(Pool)
        pool.attempt(wish.function, Trial(wish.debug_port, wish.memory_mb))
        return _json({"trials": pool.trials, "holdsCpu": pool.holds_cpu})

    async def _move(self, request: Request) -> Response:
        try:
            command = msgspec.json.decode(await request.read(1 << 16) or b"", type=ClockCommand)
        except msgspec.DecodeError as error:
            return _json({"message": f'The clock takes {{"advance": seconds}}, {{"set": seconds}}, '
                                     f'{{"freeze": true}} or {{"resume": true}}: {error}'}, 400)
        clock = self._clock
        if not all(abs(seconds or 0) <= _FARTHEST_S for seconds in (command.set, command.advance)):
            return _json({"message": f"The clock moves by at most {_FARTHEST_S} seconds."}, 400)
        late: list[str] = []
        if command.freeze:
            clock.freeze()
        if command.set is not None:
            late += await clock.travel(round(command.set * 1000) - clock.now_ms(), command.patience)
        if command.advance is not None:
            late += await clock.travel(round(command.advance * 1000), command.patience)
        if command.resume:
            clock.resume()
        await self.keep_clock()
        return self._time(late)

    async def _credentials(self, request: Request, *, renew: bool) -> Response:
        """Which keys are believed; where only those made here, an account's root key, or a new one."""
        if strangers.are_believed(self._kernel):
            return _json({"believed": "any"})
        account = request.queries().get("account", strangers.DEFAULT_ACCOUNT)
        if not strangers.ACCOUNT.fullmatch(account):
            return _json({"message": f"{account!r} is no account: an account has 12 digits."}, 400)
        find = new_root_key if renew else root_key
        key = await self._kernel.store.transact(lambda tx: find(tx, self._kernel.ids, account))
        return _json({"believed": "known", "account": account, "accessKeyId": key.access_key,
                      "secretAccessKey": key.secret})

    def _time(self, late: Iterable[str] = ()) -> Response:
        """The clock, the earliest moment that somebody waits for, and what a move found still running."""
        due_ms = self._clock.next_ms()
        return _json({"now": self._clock.now_ms() / 1000, "offset": self._clock.offset_ms / 1000,
                      "frozen": self._clock.frozen_ms is not None, "running": sorted(set(late)),
                      "next": due_ms / 1000 if due_ms is not None and due_ms < _NEVER_MS else None})


def _json(document: object, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/json"}, msgspec.json.encode(document))

"""From a request to a worker: which version, with which limits and credentials, and what is logged."""

import base64
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...errors import AwsError
from ...functions import Invocation, Outcome, Pool, Spec
from ...functions.journal import Journal, Stream
from ...functions.snapshot import SnapshotFailed
from ...functions.spec import Credentials
from ...functions.streaming import ResponseStream
from ...identity import service_principal
from ...kernel import Call, Conversation, strangers
from ...telemetry import Trace
from . import recursion, reports
from .code import place_of
from .concurrency import unreserved
from .durable import starting
from .errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    SnapStartException,
    TooManyRequestsException,
)
from .records import LATEST, Function, Name, Version, aliases, arn_of, function, logging_of, version

_folder = lru_cache(maxsize=4096)(Path)  # making one takes as long as reading a record
_REUSED_MS = 3_600_000  # workers that start within an hour share credentials; each lives six, these twelve
_MODES = {"Reserved": "ReservedFunctionConcurrentInvocationLimitExceeded",
          "Account": "ConcurrentInvocationLimitExceeded"}


class Chosen(NamedTuple):
    """What a request runs."""

    whole: Function
    version: Version
    unreserved: int  # concurrency that the functions without a reservation share


def choose(call: Call, name: Name, chance: float) -> Chosen:
    """The version a name and qualifier stand for; an alias with weights splits by ``chance`` (0 to 1)."""
    whole = function(call, name.name)
    qualifier = name.qualifier
    alias = aliases.get(call, name.name, qualifier) if qualifier and qualifier != LATEST else None
    if alias and alias.weights:
        (other, weight), = alias.weights.items()
        qualifier = other if chance < weight else alias.version
    record = version(call, name.name, qualifier)
    if record.state != "Active":
        raise _not_yet(record)
    return Chosen(whole, record, unreserved(call))


def _not_yet(record: Version) -> AwsError:
    if record.state == "Pending":
        return ResourceConflictException("The operation cannot be performed at this time. The function is "
                                         "currently in the following state: Pending")
    return SnapStartException(
        f"The version {record.version} could not be initialised: {record.state_reason[1]}")


def key_of(call: Call | Conversation, record: Version) -> str:
    """What the pool knows a version's workers by."""
    number = record.version if record.version != LATEST else ""
    return f"{arn_of(call, record.name, number)} {record.build}"


def spec_of(call: Conversation, chosen: Chosen) -> Spec:
    """A version as the pool takes it."""
    record = chosen.version
    arn = arn_of(call, record.name, record.version if record.version != LATEST else "")
    logging = logging_of(record)
    environment = record.environment | {"AWS_LAMBDA_LOG_FORMAT": logging["LogFormat"]}
    if logging["LogFormat"] == "JSON":
        environment |= {"AWS_LAMBDA_LOG_LEVEL": logging["ApplicationLogLevel"]}
    trial = call.use(Pool).trials.get(record.name)
    return Spec(
        key=key_of(call, record) + (f" {trial}" if trial else ""),
        debug_port=trial.debug_port if trial else 0,
        cpu_quota=bool(trial and trial.memory_mb),
        name=record.name,
        arn=arn,
        version=record.version,
        runtime=record.runtime,
        handler=record.handler,
        code=place_of(call, record.code),
        layers=tuple(place_of(call, layer.folder) for layer in record.layers),
        dependencies=_folder(record.dependencies) if record.dependencies else None,
        memory_mb=trial.memory_mb if trial and trial.memory_mb else record.memory_mb,
        timeout_ms=record.timeout_s * 1000,
        tmp_mb=record.tmp_mb,
        environment=tuple(environment.items()),
        account=call.account,
        region=call.region,
        watched=record.watched,
        snapshot=record.version != LATEST and record.snap_start == "PublishedVersions" and not trial,
        log_group=logging["LogGroup"],
    )


def chance_of(call: Call | Conversation) -> float:
    """A number from 0 to 1, each as likely as the next."""
    return int.from_bytes(call.ids.bytes(4), "big") / (1 << 32)


async def run(call: Conversation, name: Name, payload: bytes, *, client_context: str = "",
              request_id: str = "", stream: ResponseStream | None = None, execution_name: str = "",
              tail: bool = False, admit: Callable[[Call], object] = lambda inner: None
              ) -> tuple[Outcome, Version]:
    """Run a function on one event, if ``admit`` does not refuse; of a durable one, a whole execution."""
    chance = chance_of(call)

    def begin(inner: Call) -> Chosen:
        admit(inner)
        return choose(inner, name, chance)

    chosen = await call.transact(begin)
    if chosen.version.durable:
        outcome = await starting.run(call, name, chosen.version, payload, client_context=client_context,
                                     execution_name=execution_name, tail=tail)
    else:
        starting.refuse_name(execution_name)
        outcome = await run_version(call, name, chosen, payload, client_context=client_context,
                                    request_id=request_id, stream=stream)
    return outcome, chosen.version


async def run_version(call: Conversation, name: Name, chosen: Chosen, payload: bytes, *,
                      client_context: str = "", request_id: str = "",
                      stream: ResponseStream | None = None) -> Outcome:
    """Run a version on one event, within its function's concurrency, and write its log."""
    spec, pool, trace = spec_of(call, chosen), call.use(Pool), traced(call, chosen)
    credentials = credentials_of(call, chosen.version)
    with Admission(call, pool, chosen, spec.key):
        invocation = Invocation(request_id or call.id, payload, arn_of(call, name.name, name.qualifier),
                                trace.header(), client_context, stream=stream)
        if stream:
            stream.version = chosen.version.version
        try:
            outcome = await pool.run(spec, invocation, credentials)
        except SnapshotFailed as error:  # it could be taken when the version was published, and now it can't
            raise SnapStartException(str(error)) from None
    call.see("failed" if outcome.error else "ran", invocation.arn, event=invocation.request_id,
             why=outcome.error, payload=payload, answer=outcome.payload,
             log=[line for _, line in outcome.log])
    outcome.log = reports.lines(spec, invocation, outcome, logging_of(chosen.version), trace, call.now_ms)
    call.use(Journal).add(Stream(call.account, call.region, spec.log_group, outcome.stream), outcome.log)
    return outcome


def traced(call: Conversation, chosen: Chosen) -> Trace:
    """The trace as the function gets it: sampled if it asks for that, or if who called it does."""
    whole, trace = chosen.whole, call.trace
    sampled = trace.sampled and (trace.given or chosen.version.tracing == "Active")
    return recursion.through(msgspec.structs.replace(trace, sampled=sampled), arn_of(call, whole.name),
                             allowed=whole.recursive)


class Admission:
    """Counts a running invocation, and refuses the one too many.

    What provisioned workers can take comes first, and takes nothing from the others. A function with a
    reservation has that and no more; all the rest share what nobody has reserved.
    """

    def __init__(self, call: Conversation, pool: Pool, chosen: Chosen, spec_key: str) -> None:
        self._turns = turns = pool.turns
        name, account = counted_as(call, chosen.whole.name), f"{call.account}/{call.region}"
        self._limits: list[tuple[str, int, str]] = [(name, chosen.whole.reserved or 0, "Reserved")]
        if chosen.whole.reserved is None:
            self._limits = [(name, 1 << 31, "Reserved")]
            if turns.running[spec_key] < pool.kept.standing(spec_key):
                self._limits.append((spec_key, 1 << 31, "Account"))
            else:
                self._limits.append((account, chosen.unreserved, "Account"))

    def __enter__(self) -> None:
        for key, limit, which in self._limits:
            if self._turns.running[key] >= limit:
                raise TooManyRequestsException(Reason=_MODES[which])
        for key, _, _ in self._limits:
            self._turns.enter(key)

    def __exit__(self, *outcome: object) -> None:
        for key, _, _ in self._limits:
            self._turns.leave(key)


def counted_as(call: Conversation, name: str) -> str:
    """What the invocations of a function are counted under."""
    return f"{call.account}/{call.region}/{name}"


def credentials_of(call: Conversation, record: Version) -> Credentials:
    """How the pool gets the credentials of a version's workers."""
    async def credentials(spec: Spec) -> dict[str, str]:
        return await role_credentials(call, record.role, spec.name)
    return credentials


async def role_credentials(call: Conversation, role: str, name: str) -> dict[str, str]:
    """Short-lived credentials of the function's role, as its environment has them.

    A role that does not exist here gives the account's own: an application can be tried before its roles are.
    Where no stranger is believed there is no such key to give, and the function can't run without its role.
    """
    granted, key = call.use(Pool).granted, f"{call.account}/{role}/{name}"
    since_ms, known = granted.get(key, (0, {}))
    if known and 0 <= call.now_ms - since_ms < _REUSED_MS:
        return known
    try:
        assumed = await call.invoke(
            "sts", "AssumeRole", as_principal=service_principal("lambda", call.account), RoleArn=role,
            RoleSessionName=name[:64], DurationSeconds=43_200)
    except AwsError as error:
        if not strangers.are_believed(call.kernel) or await _exists(call, role):
            raise InvalidParameterValueException(
                f"The role defined for the function cannot be assumed by Lambda. {error}") from None
        return {"AWS_ACCESS_KEY_ID": call.account, "AWS_SECRET_ACCESS_KEY": "cloudlet",
                "AWS_SESSION_TOKEN": "cloudlet"}
    given = assumed["Credentials"]
    found = {"AWS_ACCESS_KEY_ID": given["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
             "AWS_SESSION_TOKEN": given["SessionToken"]}
    granted[key] = (call.now_ms, found)
    return found


async def _exists(call: Conversation, role: str) -> bool:
    try:
        await call.invoke("iam", "GetRole", RoleName=role.rpartition("/")[2])
    except AwsError:
        return False
    return True


def log_tail(outcome: Outcome) -> str:
    """The last 4 KB of the log, in base64, as ``LogType: Tail`` asks for."""
    text = "".join(f"{line}\n" for _, line in outcome.log)
    return base64.b64encode(text.encode()[-4096:]).decode()



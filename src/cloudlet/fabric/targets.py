"""Targets: how something is delivered to an ARN, whoever sends it.

A service says once how it takes a delivery (``@sqs.target``); notifications, topics, rules, pipes,
schedules and destinations all use that: N+M, never N×M. A delivery happens in the sender's own
transaction. One that is refused is undone, becomes a row that is tried again while that may help, and at
last goes to its dead-letter target: at least once, with the delivery's id for idempotence.
"""

import logging
from typing import Any

import msgspec

from ..arn import Arn
from ..errors import AwsError
from ..identity import Principal, service_principal
from ..kernel import Call
from ..kernel.faults import Way
from ..telemetry import Outcome
from . import timers

log = logging.getLogger(__name__)
_KINDS = {
    "THROTTLING": ("Throttl", "TooManyRequests", "OverLimit", "ThroughputExceeded"),
    "NO_PERMISSIONS": ("AccessDenied", "AuthorizationError", "NotAuthorized", "Unauthorized"),
    "FAILED_TO_ASSUME_ROLE": ("FailedToAssumeRole",),
    "NO_RESOURCE": ("NotFound", "DoesNotExist", "NotATarget", "UnknownOperation"),
    "RESOURCE_LIMIT_EXCEEDED": ("LimitExceeded",),
    "CONNECTION_FAILURE": ("ConnectionFailure",),
    "ERROR_FROM_TARGET": ("ErrorFromTarget",),
    "INVALID_JSON": ("InvalidJson", "Malformed"),
    "INVALID_PARAMETER": ("Invalid", "Validation", "Missing", "TooLarge", "TooLong"),
}
_BUSY = ("Throttl", "TooManyRequests", "LimitExceeded", "Unavailable", "OverLimit", "ThroughputExceeded")


class Delivery(msgspec.Struct):
    """Something that is on its way to an ARN.

    ``body`` is what the target gets, JSON for most. ``source`` is the sending service's name as in its
    principal (``s3``), ``source_arn`` what in it sends; resource policies may ask for both.
    ``parameters`` are the target's own (an SQS target knows ``MessageGroupId`` and ``MessageAttributes``).
    ``caller`` is who acts where the sending service doesn't act of its own: a role, or whoever asked it.
    ``copy`` tells a delivery that a fault rule has made twice from its double.
    """

    id: str
    body: bytes
    source: str
    source_arn: str = ""
    source_account: str = ""
    parameters: dict[str, Any] = {}
    caller: Principal | None = None
    copy: int = 0

    @property
    def principal(self) -> Principal:
        """On whose behalf the target acts: resource policies judge it."""
        return self.caller or service_principal(self.source, self.source_account, self.source_arn)


class Retries(msgspec.Struct, frozen=True):
    """How long a sender tries.

    ``attempts`` further tries at most, none when the delivery is older than ``age_ms``; ``pauses_ms`` are
    the waits before each, the last of which is the wait before all that follow.
    """

    attempts: int = 185
    age_ms: int = 24 * 3600 * 1000
    pauses_ms: tuple[int, ...] = (2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000)
    jitter: bool = False  # whether a wait is a random part of that, from half of it to all

    def pause_ms(self, tries: int) -> int:
        """The wait after so many tries."""
        return self.pauses_ms[min(tries, len(self.pauses_ms)) - 1]


class DeadLetter(msgspec.Struct):
    """Where a delivery goes that nobody took, and as what.

    With ``explain`` it says in message attributes why: ``ERROR_CODE``, ``ERROR_MESSAGE``,
    ``RETRY_ATTEMPTS`` and ``EXHAUSTED_RETRY_CONDITION``, as EventBridge and its scheduler do. The code is the
    error's own, or with ``by_kind`` the kind of failure as EventBridge calls it (:func:`kind_of`).
    """

    arn: str
    delivery: Delivery
    explain: bool = False
    by_kind: bool = False


class Parcel(msgspec.Struct):
    """A delivery with its address, and how far it is.

    ``tell`` names a task of the sending service that hears how it ends, in the transaction in which it ends:
    with ``note``, how often it was tried, and the error (``""`` when it was taken). ``carrier``
    (``service:task``) carries it where no transaction reaches: it is started with the parcel, and says with
    ``settle`` what came of it.
    """

    arn: str
    delivery: Delivery
    retries: Retries = Retries()
    dead_letter: DeadLetter | None = None
    tell: str = ""
    note: dict[str, Any] = {}
    carrier: str = ""
    tries: int = 0
    since_ms: int = 0


class NotATarget(AwsError):
    """Nothing can be delivered there."""


def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Hand ``delivery`` to the target ``arn`` in this transaction; an :class:`AwsError` if it is refused."""
    before = len(call.seen)
    try:
        if _hand_over(call, arn, delivery):
            _see(call, "delivered", arn, delivery)
    except AwsError as error:
        del call.seen[before:]  # it did not happen
        _see(call, "refused", arn, delivery, _said(error))
        raise


def _hand_over(call: Call, arn: str, delivery: Delivery, *, faulty: bool = True) -> bool:
    """Let the target have it; False if a fault rule wants that to be later, and so it will be."""
    try:
        target = Arn.parse(arn)
    except ValueError as error:
        raise NotATarget(f"Nothing can be delivered there: {error}.") from None
    service = call.kernel.services.of_arn(target.service)
    if not service.targets:
        raise NotATarget(f"Nothing can be delivered to {arn}: {service.name} takes no deliveries here.")
    there = call.elsewhere(account=target.account or call.account, region=target.region or call.region,
                           service=service.name, principal=delivery.principal)
    way = call.kernel.faults.way(service.name, delivery.source_arn, arn, call.now_ms) if faulty else Way()
    if way.delay_ms:
        timers.schedule(call, _late, at_ms=call.now_ms + way.delay_ms, id=f"late/{arn}/{delivery.id}",
                        parcel=msgspec.to_builtins(Parcel(arn, delivery), builtin_types=(bytes,)))
        return False
    for copy in range(way.copies):
        one = msgspec.structs.replace(delivery, copy=copy) if copy else delivery
        service.targets[0](there, arn, one)
    return True


def _see(call: Call, outcome: Outcome, arn: str, delivery: Delivery, why: str = "") -> None:
    call.see(outcome, arn, source=delivery.source_arn, event=delivery.id, why=why, payload=delivery.body,
             parameters=delivery.parameters)


def _said(error: AwsError) -> str:
    return f"{error.code}: {error}"


def send(call: Call, parcel: Parcel) -> None:
    """Deliver now, or later, or to the dead-letter target; a refusal is no error of the sender's.

    What a target wrote before it refused is undone. An error that another try can't mend ends it at once.
    """
    parcel.since_ms = parcel.since_ms or call.now_ms
    parcel.tries += 1
    if parcel.carrier:
        service, _, task = parcel.carrier.partition(":")
        _schedule(call.elsewhere(service=service), task, parcel, call.now_ms)
    else:
        settle(call, parcel, _refusal(call, parcel.arn, parcel.delivery))


def settle(call: Call, parcel: Parcel, error: AwsError | None, *, at_least_ms: int = 0) -> None:
    """A try is over: it was taken (None), or it will be tried again, not before ``at_least_ms`` from now, or
    it is given up.
    """
    if error is None and parcel.carrier:
        _see(call, "delivered", parcel.arn, parcel.delivery)
    if error is None:
        _tell(call, parcel, "")
        return
    parcel.since_ms, parcel.tries = parcel.since_ms or call.now_ms, parcel.tries or 1
    log.info("%s refused %s: %s", parcel.arn, parcel.delivery.id, error)
    at_ms = call.now_ms + max(_pause_ms(call, parcel), at_least_ms)
    if is_permanent(error):
        _bury(call, parcel, error, "")
    elif parcel.tries > parcel.retries.attempts:
        _bury(call, parcel, error, "MaximumRetryAttempts")
    elif at_ms - parcel.since_ms > parcel.retries.age_ms:
        _bury(call, parcel, error, "MaximumEventAgeInSeconds")
    else:
        _see(call, "refused", parcel.arn, parcel.delivery,
             f"{_said(error)}; tried again in {(at_ms - call.now_ms) / 1000:g} s")
        _schedule(call, "_again", parcel, at_ms)


def is_permanent(error: AwsError) -> bool:
    """Whether a target will say the same next time: what was sent is wrong, or it is not there."""
    return error.status < 500 and error.status != 429 and not any(word in error.code for word in _BUSY)


def kind_of(error: AwsError) -> str:
    """What kind of failure it is, in the words that dead-letter messages of EventBridge have for it.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    code = error.code
    return next((kind for kind, words in _KINDS.items() if any(word in code for word in words)),
                "SDK_CLIENT_ERROR" if error.status < 500 else "INTERNAL_ERROR")


def _refusal(call: Call, arn: str, delivery: Delivery, *, faulty: bool = True) -> AwsError | None:
    """Why a target does not take a delivery, of which nothing is left then; None if it took it."""
    before = len(call.seen)
    try:
        with call.tx.savepoint():
            if _hand_over(call, arn, delivery, faulty=faulty):
                _see(call, "delivered", arn, delivery)
    except AwsError as error:
        del call.seen[before:]
        return error
    return None


def _pause_ms(call: Call, parcel: Parcel) -> int:
    whole_ms = parcel.retries.pause_ms(parcel.tries)
    if not parcel.retries.jitter:
        return whole_ms
    return whole_ms // 2 + int.from_bytes(call.ids.bytes(4), "big") * (whole_ms - whole_ms // 2) // (1 << 32)


def _schedule(call: Call, task: str, parcel: Parcel, at_ms: int) -> None:
    timers.schedule(call, task, at_ms=at_ms, parcel=msgspec.to_builtins(parcel, builtin_types=(bytes,)),
                    id=f"delivery/{task}/{parcel.arn}/{parcel.delivery.id}/{parcel.tries}")


def _bury(call: Call, parcel: Parcel, error: AwsError, exhausted: str) -> None:
    """Nobody took it: hand it to its dead-letter target, if it has one that takes it."""
    _tell(call, parcel, _said(error))
    _see(call, "refused", parcel.arn, parcel.delivery, f"{_said(error)}; given up after try {parcel.tries}")
    dead = parcel.dead_letter
    if dead is None:
        _see(call, "lost", parcel.arn, parcel.delivery, "it has no dead-letter target")
        log.warning("%s is given up: %s refused it %d times (%s)", parcel.delivery.id, parcel.arn,
                    parcel.tries, error)
        return
    if dead.explain:
        said = {"ERROR_CODE": kind_of(error) if dead.by_kind else error.code, "ERROR_MESSAGE": str(error),
                "RETRY_ATTEMPTS": str(parcel.tries - 1), "EXHAUSTED_RETRY_CONDITION": exhausted}
        dead.delivery.parameters["MessageAttributes"] = {
            **dead.delivery.parameters.get("MessageAttributes", {}),
            **{name: {"DataType": "String", "StringValue": text} for name, text in said.items() if text}}
    refusal = _refusal(call, dead.arn, dead.delivery)
    if refusal is None:
        _see(call, "dead-lettered", dead.arn, dead.delivery, f"{parcel.arn} did not take it")
    else:
        _see(call, "lost", dead.arn, dead.delivery, f"the dead-letter target refused it: {_said(refusal)}")
        log.warning("%s is lost: its dead-letter target %s refused it, too: %s", parcel.delivery.id, dead.arn,
                    refusal)


def _tell(call: Call, parcel: Parcel, error: str) -> None:
    if parcel.tell:
        service = call.kernel.services.of_arn(parcel.delivery.source)
        sender = call.elsewhere(service=service.name, principal=parcel.delivery.principal)
        service.tasks[parcel.tell](sender, **parcel.note, tries=parcel.tries, error=error)


def _again(call: Call, *, parcel: dict[str, Any]) -> None:
    send(call, msgspec.convert(parcel, type=Parcel))


def _late(call: Call, *, parcel: dict[str, Any]) -> None:
    """What a fault rule has delayed arrives; if it is refused now, that is tried again for a day."""
    one = msgspec.convert(parcel, type=Parcel)
    one.since_ms, one.tries = call.now_ms, 1
    settle(call, one, _refusal(call, one.arn, one.delivery, faulty=False))


timers.TASKS |= {"_again": _again, "_late": _late}

"""Faults, as tests ask for them: what goes wrong, for whom, and how often.

A rule names whom it is for (a service, an operation of it, a resource by its name or ARN) and one thing
that goes wrong. It strikes requests, and what the fabric carries from one resource to another. Whether it
strikes is drawn with its own ``seed``, so the same calls in the same order meet the same faults.
``POST /_cloudlet/faults`` replaces the rules; they last until the cloudlet stops.
"""

from collections.abc import Iterator
from random import Random
from typing import Annotated, Any, Protocol

import msgspec

from ..arn import is_called
from ..errors import AwsError, ThrottlingException
from .services import Services

_KINDS = ("error", "per_second", "delay_ms", "stall_ms", "duplicate", "reorder", "drop_answer")
_NAMES = ("Name", "Arn", "ARN", "Url", "Bucket", "ApiId", "SecretId", "KeyId")  # how members end that name
_NOT_NAMES = ("AttributeName", "IndexName", "RoleSessionName")  # a resource, and those that don't
_SPREAD_MS = 1000  # over which what is reordered is spread
_Natural = Annotated[int, msgspec.Meta(ge=0, le=10**10)]


class Rule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What goes wrong, and for whom. An empty ``operation`` stands for all of the service's.

    * ``error``: a request is refused with this code; on its way, an event is refused by its target.
    * ``per_second``: so many pass, on the cloudlet's clock, and the rest are throttled.
    * ``delay_ms``: it takes so long on the cloudlet's clock. ``stall_ms``: on the machine's.
    * ``duplicate``: what is carried arrives twice. ``reorder``: it arrives in another order.
    * ``drop_answer``: the work is done and the answer lost: the connection closes or, with ``error``, that is
      answered instead.

    ``probability`` is that of each strike, ``times`` how often it strikes at most (0: always).
    """

    service: str = ""
    operation: str = ""
    resource: str = ""
    error: str = ""  # AWS's code
    message: str = ""
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 400  # for errors that the model doesn't know
    per_second: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    delay_ms: _Natural = 0
    stall_ms: Annotated[int, msgspec.Meta(ge=0, le=900_000)] = 0
    duplicate: bool = False
    reorder: bool = False
    drop_answer: bool = False
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    times: _Natural = 0
    seed: int = 0


class AnswerLost(AwsError):
    """The work was done, and a fault rule of this cloudlet dropped the answer."""

    status = 500


class Passing(Protocol):
    """What of an invocation the guard looks at, and what it may ask of the kernel."""

    service: str
    operation: str
    params: dict[str, Any]
    now_ms: int
    delay_ms: int
    stall_ms: int
    lost: AwsError | None
    spared: bool


class Way(msgspec.Struct):
    """How something that is carried fares: ``copies`` of it arrive, after ``delay_ms``, in ``order``."""

    copies: int = 1
    delay_ms: int = 0
    order: Random | None = None  # to shuffle with; None: as they came


class Faults:
    """The rules in force, and the guard that applies them."""

    def __init__(self) -> None:
        self._live: list[_Live] = []

    @property
    def rules(self) -> list[Rule]:
        """The rules in force."""
        return [live.rule for live in self._live]

    def replace(self, rules: list[Rule]) -> None:
        """Let these rules hold, and no others."""
        self._live = [_Live(rule) for rule in rules]

    def add(self, rule: Rule) -> None:
        """Let this rule hold as well."""
        self._live = [*self._live, _Live(rule)]

    def remove(self, rule: Rule) -> None:
        """Let this very rule hold no more; no error if it does not."""
        self._live = [live for live in self._live if live.rule is not rule]

    def __call__(self, passing: Passing) -> None:
        """The guard: refuse what a rule says must fail, and say what else must go wrong with it."""
        for live in () if passing.spared else self._live:
            rule = live.rule
            if rule.service in ("", passing.service) and rule.operation in ("", passing.operation) \
                    and (not rule.resource or _is_about(passing.params, rule.resource)) \
                    and not (rule.duplicate or rule.reorder) and live.strikes(passing.now_ms):
                if rule.drop_answer:
                    passing.lost = _error(rule) if rule.error else AnswerLost()
                else:
                    passing.delay_ms += rule.delay_ms
                    passing.stall_ms += rule.stall_ms
                    _refuse(rule)

    def copies(self, service: str, source: str, target: str, now_ms: int) -> int:
        """How many of something that goes from one ARN to another arrive, if it does."""
        return 1 + sum(live.strikes(now_ms) for live in self._between(service, source, target)
                       if live.rule.duplicate)

    def way(self, service: str, source: str, target: str, now_ms: int) -> Way:
        """How something fares from one ARN to another, whose service is called ``service``; an
        :class:`AwsError` if it does not arrive."""
        way = Way()
        if not self._live:
            return way
        for live in self._between(service, source, target):
            rule = live.rule
            if not rule.duplicate and live.strikes(now_ms):
                way.delay_ms += rule.delay_ms
                if rule.reorder:
                    way.order = live.random
                    way.delay_ms += live.random.randrange(_SPREAD_MS)
                _refuse(rule)
        way.copies = self.copies(service, source, target, now_ms)
        return way

    def _between(self, service: str, source: str, target: str) -> Iterator["_Live"]:
        for live in self._live:
            rule = live.rule
            if rule.operation or rule.drop_answer or rule.stall_ms:
                continue  # these are for requests
            if rule.service in ("", service) and (
                    not rule.resource or is_called(source, rule.resource)
                    or is_called(target, rule.resource)):
                yield live


class _Live:
    """A rule in force, and how far it is."""

    def __init__(self, rule: Rule) -> None:
        self.rule, self.random = rule, Random(rule.seed)
        self._struck = 0
        self._left, self._at_ms = max(rule.per_second, 1.0), 0  # requests that may pass, and when that was so

    def strikes(self, now_ms: int) -> bool:
        """Whether it strikes whom it concerns, now."""
        if self.rule.times and self._struck >= self.rule.times:
            return False
        if self.rule.per_second and self._passes(now_ms):
            return False
        if self.rule.probability < 1 and self.random.random() >= self.rule.probability:
            return False
        self._struck += 1
        return True

    def _passes(self, now_ms: int) -> bool:
        """A bucket that fills at the rule's rate and holds a second's worth."""
        rate = self.rule.per_second
        passed_s = max(now_ms - self._at_ms, 0) / 1000 if self._at_ms else 0.0
        self._left, self._at_ms = min(self._left + passed_s * rate, max(rate, 1.0)), now_ms
        if self._left < 1:
            return False
        self._left -= 1
        return True


def mistake(rule: Rule, services: Services) -> str:
    """What is wrong with a rule, for whoever wrote it; empty if nothing is."""
    kinds = [kind for kind in _KINDS if getattr(rule, kind) and not (kind == "error" and rule.drop_answer)]
    if len(kinds) != 1:
        said = f"this one says {' and '.join(kinds)}" if kinds else "this one says nothing"
        return f"A rule says one thing that goes wrong ({', '.join(_KINDS)}); {said}."
    if not rule.service and not rule.resource:
        return "A rule says whom it is for: a service, a resource (by its name or ARN), or both."
    if rule.service and rule.service not in services.names:
        return f"There is no service {rule.service!r} here. There are: {', '.join(services.names)}."
    if rule.operation and not rule.service:
        return f"The operation {rule.operation} needs its service."
    if rule.operation and rule.operation not in services[rule.service].model.operation_names:
        return f"{rule.service} has no operation {rule.operation!r}."
    if rule.operation and (rule.duplicate or rule.reorder):
        return f"{kinds[0]} is for what is carried between resources, which has no operation. Leave it out."
    return ""


def _refuse(rule: Rule) -> None:
    if rule.per_second:
        raise ThrottlingException
    if rule.error:
        raise _error(rule)


def _error(rule: Rule) -> AwsError:
    """An error by its code alone."""
    text = rule.message or f"{rule.error}: injected by a fault rule of this cloudlet."
    kind = type(rule.error, (AwsError,), {"status": rule.status, "__doc__": text})
    error: AwsError = kind(text)
    return error


def _is_about(params: dict[str, Any], resource: str) -> bool:
    return any(is_called(name, resource) for name in _named(params))


def _named(value: Any, member: str = "") -> Iterator[str]:
    """What a request names: members that are called as names are, and the tables of batches."""
    if isinstance(value, str):
        if member.endswith(_NAMES) and member not in _NOT_NAMES:
            yield value
    elif isinstance(value, dict):
        if member == "RequestItems":
            yield from value
        for key, one in value.items():
            yield from _named(one, str(key))
    elif isinstance(value, list):
        for one in value:
            yield from _named(one, member)

"""The rules of a bus, ready for use: an index of their patterns, and the way to each of their targets.

Made once for a generation of a bus (see :mod:`.records`) and kept in memory. What a generation says never
changes, so what is kept can be forgotten but not be wrong.
"""

from collections import OrderedDict
from typing import Any

import msgspec

from ...arn import Arn
from ...fabric.pattern_index import PatternIndex
from ...fabric.targets import Retries
from ...kernel import Call
from . import inputs, limits, paths, patterns
from .event import Event
from .inputs import Input
from .records import Bus, Rule, Target, rules, targets

_KEPT = 256  # generations
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 1_000, 600_000  # so that 185 tries take about a day, as AWS's do
_PAUSES_MS = tuple(min(_FIRST_PAUSE_MS << n, _LONGEST_PAUSE_MS) for n in range(11))


class Way(msgspec.Struct):
    """How an event gets to a target."""

    arn: Arn
    kind: str  # the service of the ARN; "api-destination" for those
    make: Input
    retries: Retries
    dead_letter_arn: str
    given: dict[str, Any]
    partition_key: tuple[paths.Step, ...] | None = None

    def parameters(self, event: Event) -> dict[str, Any]:
        """What the target wants to know beside the event."""
        if self.kind == "sqs" and "SqsParameters" in self.given:
            return dict(self.given["SqsParameters"])
        if self.kind == "kinesis":
            path = self.partition_key
            key = paths.NOTHING if path is None else paths.read(event.look(), path)
            return {"PartitionKey": event.id if key is paths.NOTHING else str(key)}
        if self.kind == "api-destination":
            return {"HttpParameters": _resolved(self.given.get("HttpParameters") or {}, event)}
        if self.kind == "logs":
            return {"Transformed": "InputTransformer" in self.given}
        return {}


class Route(msgspec.Struct):
    """A rule and the ways to its targets."""

    rule: Rule
    ways: list[Way]


class Routes(msgspec.Struct):
    """The enabled rules of a bus by name, and the index of those with a pattern."""

    index: PatternIndex[str]
    by_name: dict[str, Route]


_kept: OrderedDict[str, Routes] = OrderedDict()


def of_bus(call: Call, bus: Bus) -> Routes:
    """The routes of a bus, whose account and region ``call`` is of."""
    found = _kept.get(bus.generation)
    if found is None:
        found = _kept[bus.generation] = _made(call, bus) if bus.rules else Routes(PatternIndex([]), {})
        if len(_kept) > _KEPT:
            _kept.popitem(last=False)
    else:
        _kept.move_to_end(bus.generation)
    return found


def _made(call: Call, bus: Bus) -> Routes:
    by_name = {rule.name: Route(rule, []) for _, rule in rules.items(call, bus.name) if rule.enabled}
    for key, target in targets.items(call, bus.name):
        route = by_name.get(str(key[1]))
        if route is not None:
            route.ways.append(_way(target))
    index = PatternIndex((name, patterns.compiled(route.rule.pattern)) for name, route in by_name.items()
                         if route.rule.pattern)
    return Routes(index, by_name)


def _way(target: Target) -> Way:
    given, arn = target.given, Arn.parse(target.arn)
    retry = given.get("RetryPolicy") or {}
    attempts, age_s = retry.get("MaximumRetryAttempts"), retry.get("MaximumEventAgeInSeconds")
    path = (given.get("KinesisParameters") or {}).get("PartitionKeyPath")
    kind = "api-destination" if arn.resource.startswith("api-destination/") else arn.service
    return Way(arn, kind, inputs.of_target(given, id=target.id),
               Retries(limits.RETRY_ATTEMPTS if attempts is None else attempts,
                       (limits.RETRY_AGE_S if age_s is None else age_s) * 1000, _PAUSES_MS, jitter=True),
               (given.get("DeadLetterConfig") or {}).get("Arn") or "", given,
               None if path is None else paths.parse(path))


def _resolved(given: dict[str, Any], event: Event) -> dict[str, Any]:
    """Parameters of a request; one that is a path becomes what stands there in the event."""
    def one(text: str) -> str:
        if not text.startswith("$."):
            return text
        try:
            found = paths.read(event.look(), paths.parse(text))
        except paths.NoPath:
            return text
        if found is paths.NOTHING:
            return ""
        return found if isinstance(found, str) else msgspec.json.encode(found).decode()

    return {name: [one(text) for text in value] if isinstance(value, list)
            else {key: one(text) for key, text in value.items()} for name, value in given.items()}

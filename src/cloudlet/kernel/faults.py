"""Faults and throttles, as tests ask for them: errors that a request gets instead of its operation.

A rule names what it is for (a service, and perhaps one operation) and either an ``error`` with the
``probability`` of it, or ``per_second``: how many requests pass, on the cloudlet's clock, before the
rest are throttled. ``POST /_cloudlet/faults`` replaces the rules; they last until the cloudlet stops.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from ..errors import AwsError, ThrottlingException
from ..ids import Ids


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """What goes wrong, and for whom. An empty ``operation`` stands for all of the service's."""

    service: str
    operation: str = ""
    error: str = ""  # AWS's code
    message: str = ""
    status: int = 400  # for errors that the service's model doesn't know
    probability: float = 1.0
    per_second: float = 0.0


class Passing(Protocol):
    """What of an invocation a rule looks at."""

    service: str
    operation: str
    now_ms: int


class Faults:
    """The rules in force, and the guard that applies them."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._rules: list[Rule] = []
        self._allowance: list[tuple[float, int]] = []  # by rule: requests left, and when that was so

    @property
    def rules(self) -> list[Rule]:
        """The rules in force."""
        return self._rules

    def replace(self, rules: list[Rule]) -> None:
        """Let these rules hold, and no others."""
        self._rules = rules
        self._allowance = [(max(rule.per_second, 1.0), 0) for rule in rules]

    def __call__(self, invocation: Passing) -> Callable[[AwsError | None], None] | None:
        """The guard: refuse what a rule says must fail."""
        for n, rule in enumerate(self._rules):
            if rule.service == invocation.service and rule.operation in ("", invocation.operation):
                if rule.per_second:
                    self._throttle(n, rule, invocation.now_ms)
                if rule.error and self._chance() < rule.probability:
                    raise _error(rule)
        return None

    def _throttle(self, n: int, rule: Rule, now_ms: int) -> None:
        """A bucket that fills at the rule's rate and holds a second's worth."""
        left, at_ms = self._allowance[n]
        passed_s = max(now_ms - at_ms, 0) / 1000 if at_ms else 0.0
        left = min(left + passed_s * rule.per_second, max(rule.per_second, 1.0))
        self._allowance[n] = (max(left - 1, 0.0) if left >= 1 else left, now_ms)
        if left < 1:
            raise ThrottlingException

    def _chance(self) -> float:
        return int.from_bytes(self._ids.bytes(4), "big") / (1 << 32)


def _error(rule: Rule) -> AwsError:
    """An error by its code alone."""
    text = rule.message or f"{rule.error}: injected by a fault rule of this cloudlet."
    kind = type(rule.error, (AwsError,), {"status": rule.status, "__doc__": text})
    error: AwsError = kind(text)
    return error

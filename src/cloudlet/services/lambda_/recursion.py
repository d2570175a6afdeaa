"""Recursion: a function that its own doing calls again and again is stopped.

The count travels with the event, in the ``Lineage`` field of the trace header: a function finds it in
``_X_AMZN_TRACE_ID``, AWS's SDKs send it along with what the function does, queues, topics, buckets and
asynchronous events keep the header, and so it is there again when that calls a function. Nothing is stored.

The field has room for one function: ``requests:function:loops``, how many functions the event has been
through, one of them (eight digits of a hash) and how often that one ran. It is the one with the least hash
so far, so that a loop of several settles on one of its own at the first round. One that never came by again
while ``requests`` doubled stood outside, before the loop began, and is forgotten. So a function that calls
itself is counted exactly, and a loop of several may run a round or two more.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

import hashlib
import logging
import re
from collections.abc import Iterable

import msgspec

from ...kernel import Call
from ...telemetry import Trace
from .errors import RecursiveInvocationException
from .limits import RECURSION
from .records import function, functions, name_of
from .service import lambda_

log = logging.getLogger(__name__)
_FIELD = re.compile(r"([0-9]{1,5}):([0-9a-f]{8}):([0-9]{1,3})")
_MOST_REQUESTS, _MOST_LOOPS = 32_767, 255


class Lineage(msgspec.Struct, frozen=True):
    """What functions an event has been through."""

    requests: int
    function: str
    loops: int

    def __str__(self) -> str:
        return f"{min(self.requests, _MOST_REQUESTS)}:{self.function}:{min(self.loops, _MOST_LOOPS)}"

    @classmethod
    def parse(cls, text: str) -> "Lineage | None":
        """The lineage that a trace brings along; None if it has been through no function.

        >>> Lineage.parse("3:e65a2c4d:2")
        Lineage(requests=3, function='e65a2c4d', loops=2)
        """
        match = _FIELD.fullmatch(text)
        return cls(int(match[1]), match[2], int(match[3])) if match else None

    def through(self, function: str) -> "Lineage":
        """The lineage after one function more."""
        requests = self.requests + 1
        if function == self.function:
            return Lineage(requests, function, self.loops + 1)
        doubled = requests & (requests - 1) == 0
        if function < self.function or (doubled and self.loops == 1):
            return Lineage(requests, function, 1)
        return Lineage(requests, self.function, self.loops)


def through(trace: Trace, arn: str, *, allowed: bool) -> Trace:
    """The trace as the function ``arn`` gets it; an error if it has been there too often already.

    A function that is ``allowed`` to recur is not counted, but the count of others passes through it.
    """
    before = Lineage.parse(trace.lineage)
    if allowed:
        return trace
    own = hashlib.sha256(arn.encode()).hexdigest()[:8]
    after = before.through(own) if before else Lineage(1, own, 1)
    if after.loops > RECURSION:
        log.warning(
            "%s has been called %d times by what it did itself (trace %s) and is not called again. "
            "If that is meant: aws lambda put-function-recursion-config --recursive-loop Allow "
            "--function-name %s", arn, RECURSION, trace.root, arn)
        raise RecursiveInvocationException
    return msgspec.structs.replace(trace, lineage=str(after))


def furthest(traces: Iterable[Trace]) -> Trace | None:
    """Of the traces that come together in one batch, the one that goes on: it is nearest to being a loop."""
    def loops(trace: Trace) -> int:
        found = Lineage.parse(trace.lineage)
        return found.loops if found else 0
    return max(traces, key=loops, default=None)


@lambda_.operation
def put_function_recursion_config(call: Call, function_name: str, recursive_loop: str) -> dict[str, str]:
    """Say whether the function may call itself without end."""
    whole = function(call, name_of(call, function_name).name)
    whole.recursive = recursive_loop == "Allow"
    functions.put(call, whole.name, record=whole)
    return {"RecursiveLoop": recursive_loop}


@lambda_.operation
def get_function_recursion_config(call: Call, function_name: str) -> dict[str, str]:
    """Whether the function may call itself without end."""
    whole = function(call, name_of(call, function_name).name)
    return {"RecursiveLoop": "Allow" if whole.recursive else "Terminate"}

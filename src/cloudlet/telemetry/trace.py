"""Traces: one request is one trace, from the socket to the last write it causes.

A trace travels as AWS X-Ray's header does, ``Root=1-67891233-abcdef012345678912345678;Parent=…``,
through messages, events and functions. Spans are kept in memory, the newest few thousand.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from ..errors import AwsError
from ..ids import Ids

_KEPT = 4096


class Trace(msgspec.Struct, frozen=True):
    """Where in which trace something happens."""

    root: str
    parent: str = ""
    sampled: bool = True
    given: bool = False  # somebody brought it along, it did not begin here
    lineage: str = ""  # what functions it has been through, as those who run them count

    def header(self) -> str:
        """As the ``X-Amzn-Trace-Id`` header says it."""
        parent = f";Parent={self.parent}" if self.parent else ""
        lineage = f";Lineage={self.lineage}" if self.lineage else ""
        return f"Root={self.root}{parent};Sampled={int(self.sampled)}{lineage}"

    @classmethod
    def parse(cls, header: str) -> "Trace | None":
        """The trace that a header names; None if it names none.

        >>> Trace.parse("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1").parent
        '53995c3f42cd8ad8'
        """
        if not header:
            return None
        fields = dict(part.strip().partition("=")[::2] for part in header.split(";"))
        if not fields.get("Root"):
            return None
        return cls(fields["Root"], fields.get("Parent", ""), fields.get("Sampled", "1") != "0", True,
                   fields.get("Lineage", ""))


class Span(msgspec.Struct):
    """One operation within a trace. Times are the machine's own, in seconds: a span is a measurement."""

    trace: str
    id: str
    parent: str
    name: str
    account: str
    region: str
    start_s: float
    duration_ms: float = 0.0
    error: str = ""
    detail: str = ""


class Tracer:
    """Keeps the newest spans."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._spans: deque[Span] = deque(maxlen=_KEPT)

    def begin(self, now_ms: int) -> Trace:
        """A new trace."""
        raw = self._ids.hex(24)
        return Trace(f"1-{now_ms // 1000:08x}-{raw}")

    def span(self, trace: Trace, name: str, account: str, region: str) -> Span:
        """Begin a span; ``end`` it when the operation is over."""
        return Span(trace.root, self._ids.hex(16), trace.parent, name, account, region, time.time())

    def end(self, span: Span, error: str = "") -> None:
        """The operation is over: keep what was measured."""
        span.duration_ms = (time.time() - span.start_s) * 1000
        span.error = error
        self._spans.append(span)

    def spans(self, trace: str = "") -> Iterator[Span]:
        """The spans of one trace, or all that are kept, the oldest first."""
        return (span for span in tuple(self._spans) if not trace or span.trace == trace)


class Traced(Protocol):
    """What of an invocation a span tells."""

    service: str
    operation: str
    account: str
    region: str
    trace: Trace


def tracing(tracer: Tracer) -> Callable[[Any], Callable[[AwsError | None], None]]:
    """The guard that makes every invocation a span, the parent of those it causes."""
    def guard(invocation: Traced) -> Callable[[AwsError | None], None]:
        span = tracer.span(invocation.trace, f"{invocation.service}:{invocation.operation}",
                           invocation.account, invocation.region)
        invocation.trace = msgspec.structs.replace(invocation.trace, parent=span.id)
        return lambda error: tracer.end(span, error.code if error else "")
    return guard

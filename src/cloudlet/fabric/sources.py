"""Sources: how batches are read from an ARN, and acknowledged.

A service describes once how it is read (``sqs.source(Source(...))``); Lambda's mappings and pipes use it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..kernel import Call


class Record(msgspec.Struct):
    """One record of a batch: ``event`` as it stands in ``event["Records"]``, ``handle`` the source's own."""

    id: str
    event: dict[str, Any]
    handle: str
    size: int  # bytes it adds to the payload
    group: str = ""  # records of one group are handled in order


class Source(msgspec.Struct, frozen=True):
    """What a reader needs of a service. All functions run in a transaction of the reader's.

    * ``bells(arn)``: what rings when there is something to read.
    * ``take(call, arn, limit, hide_ms)``: up to ``limit`` records, hidden from other readers for ``hide_ms``
      (None: the source's own setting).
    * ``next_ms(call, arn)``: when a record falls due that no bell announces.
    * ``done(call, arn, records)``: they are handled.
    * ``failed(call, arn, records)``: they are not; let them be read again.
    * ``check(call, arn)``: raise an :class:`AwsError` unless ``arn`` can be read.
    """

    bells: Callable[[str], tuple[str, ...]]
    take: Callable[[Call, str, int, int | None], list[Record]]
    next_ms: Callable[[Call, str], int | None]
    done: Callable[[Call, str, list[Record]], None]
    failed: Callable[[Call, str, list[Record]], None]
    check: Callable[[Call, str], Mapping[str, Any]]

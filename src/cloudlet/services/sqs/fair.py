"""The messages of a standard queue that can be had, in fair order.

They lie in *ready*, by the moment they were sent. A tenant (a message group) that takes so much of what is in
flight that others would have to wait for it is noisy, as on AWS; a receiver who comes upon its messages sets
them *aside*, each once, and takes what others have sent. Only when there is nothing else does he take what
lies aside, of the least noisy tenant first. Once a tenant is quiet again, its messages have their old place.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
"""

from collections.abc import Mapping

import msgspec

from ...kernel import Call
from ...store import Agenda, Due, Scope, Table
from . import limits, tally
from .message import Message

_AT_ONCE = 100  # that are looked at together, once some have to be set aside
_MOST = 10  # times that, in one transaction


class Count(msgspec.Struct, array_like=True):
    """How many messages of a group there are: in flight, or aside."""

    messages: int


ready = Agenda("sqs.ready", Message)
aside = Agenda("sqs.aside", Message)
tenants = Table("sqs.tenants", Count)  # in flight
crowds = Table("sqs.crowds", Count)  # aside; of few groups at once


def add(call: Call, home: str, place: str, message: Message) -> None:
    """It can be had from now on."""
    ready.add(call, home, at_ms=message.sent_ms, id=place, work=message)


def draw(call: Call, home: str, limit: int) -> list[Due[Message]]:
    """Take out up to ``limit`` messages, those of noisy tenants last."""
    loads = dict[str, int]()
    page = _quiet(call, home, limit, loads)
    groups = [str(key[1]) for key, _ in crowds.items(call, home)]
    if not groups:
        for due in page:
            ready.remove(call, home, at_ms=due.at_ms, id=due.id)
        return page
    found = [(due, "") for due in page]
    loud = [group for group in groups if _load(call, home, group, loads)]
    for group in groups:
        if group not in loud:
            found += [(due, group) for due in aside.due(call, home, group, now_ms=call.now_ms, limit=limit)]
    if len(loud) < len(groups):
        found.sort(key=lambda one: (one[0].at_ms, one[0].id))
    del found[limit:]
    for group in sorted(loud, key=loads.__getitem__):
        if len(found) < limit:
            found += [(due, group) for due in aside.due(
                call, home, group, now_ms=call.now_ms, limit=limit - len(found))]
    for due, group in found:
        _take_out(call, home, due.at_ms, due.id, group)
    return [due for due, _ in found]


def get(call: Call, home: str, at_ms: int, place: str, group: str) -> Message | None:
    """A message that can be had, if it is there."""
    found = ready.get(call, home, at_ms=at_ms, id=place)
    return found if found or not group else aside.get(call, home, group, at_ms=at_ms, id=place)


def remove(call: Call, home: str, at_ms: int, place: str, group: str) -> None:
    """Forget it."""
    lies_aside = group and aside.get(call, home, group, at_ms=at_ms, id=place) is not None
    _take_out(call, home, at_ms, place, group if lies_aside else "")


def expire(call: Call, home: str, before_ms: int, limit: int) -> int:
    """Forget up to ``limit`` messages that were sent by then, and as many of each tenant with some aside."""
    old = [(due, "") for due in ready.due(call, home, now_ms=before_ms, limit=limit)]
    for key, _ in list(crowds.items(call, home)):
        group = str(key[1])
        old += [(due, group) for due in aside.due(call, home, group, now_ms=before_ms, limit=limit)]
    for due, group in old:
        _take_out(call, home, due.at_ms, due.id, group)
    return len(old)


def earliest_ms(call: Call, home: str) -> int | None:
    """When the oldest was sent; None if there is none."""
    moments = [ready.earliest_ms(call, home)]
    moments += [aside.earliest_ms(call, home, str(key[1])) for key, _ in crowds.items(call, home)]
    return min((moment for moment in moments if moment is not None), default=None)


def weigh(call: Call, home: str, group: str, more: int) -> None:
    """So many more (or fewer) messages of a group are in flight."""
    if group:
        _add(call, tenants, home, group, more)


def count_again(scope: Scope, table: Table[Count], home: str, counts: Mapping[str, int]) -> None:
    """Say how many messages of each group there are, in flight or aside."""
    for key, _ in list(table.items(scope, home)):
        table.delete(scope, *key)
    for group, messages in counts.items():
        table.put(scope, home, group, record=Count(messages))


def clear(call: Call, home: str, limit: int) -> int:
    """Forget up to ``limit`` messages of either kind, and tenants; how many that were."""
    found = 0
    for due in list(ready.items(call, home, limit=limit)):
        ready.remove(call, home, at_ms=due.at_ms, id=due.id)
        found += 1
    for key, _ in list(crowds.items(call, home, limit=1)):
        group = str(key[1])
        for due in list(aside.items(call, home, group, limit=limit)):
            _take_out(call, home, due.at_ms, due.id, group)
            found += 1
    for key, _ in list(tenants.items(call, home, limit=limit)):
        tenants.delete(call, *key)
        found += 1
    return found


def _quiet(call: Call, home: str, limit: int, loads: dict[str, int]) -> list[Due[Message]]:
    """The oldest that are not of noisy tenants, whose are set aside on the way."""
    at_once = limit
    for _ in range(_MOST):
        page = ready.due(call, home, now_ms=call.now_ms, limit=at_once)
        loud = [due for due in page if due.work.group and _load(call, home, due.work.group, loads)]
        if not loud:
            break
        for due in loud:
            _set_aside(call, home, due)
        passed = {due.id for due in loud}
        page = [due for due in page if due.id not in passed]
        if len(page) >= limit:
            break
        at_once = max(limit, _AT_ONCE)
    return page[:limit]


def _load(call: Call, home: str, group: str, loads: dict[str, int]) -> int:
    """How many messages of a noisy tenant are in flight; 0 if it is quiet."""
    if group not in loads:
        tenant = tenants.get(call, home, group)
        mine = tenant.messages if tenant else 0
        noisy = mine >= limits.NOISY_IN_FLIGHT and \
            mine * 100 > tally.total(call, home).in_flight * limits.NOISY_PERCENT
        loads[group] = mine if noisy else 0
    return loads[group]


def _set_aside(call: Call, home: str, due: Due[Message]) -> None:
    group = due.work.group
    ready.remove(call, home, at_ms=due.at_ms, id=due.id)
    aside.add(call, home, group, at_ms=due.at_ms, id=due.id, work=due.work)
    _add(call, crowds, home, group, 1)


def _take_out(call: Call, home: str, at_ms: int, place: str, group: str) -> None:
    """Remove a message from ready or, if a group is said, from what that has aside."""
    if not group:
        ready.remove(call, home, at_ms=at_ms, id=place)
        return
    aside.remove(call, home, group, at_ms=at_ms, id=place)
    _add(call, crowds, home, group, -1)


def _add(call: Call, table: Table[Count], home: str, group: str, more: int) -> None:
    """Count so many more; of none there is no row."""
    count = table.get(call, home, group) or Count(0)
    count.messages += more
    if count.messages > 0:
        table.put(call, home, group, record=count)
    else:
        table.delete(call, home, group)

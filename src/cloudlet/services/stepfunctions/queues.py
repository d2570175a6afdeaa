"""The tasks of activities: they wait in a line until a worker asks for one."""

import msgspec

from ...arn import Arn
from ...kernel import Call
from ...store import Table
from ...workflow import records as flow
from .records import Execution
from .tokens import token_of


class Activity(msgspec.Struct):
    """An activity."""

    name: str
    created_ms: int
    tags: dict[str, str] = {}


class Offer(msgspec.Struct):
    """A task that waits for a worker."""

    run: str
    strand: int
    ticket: int
    token: str
    input: str


class _Place(msgspec.Struct):
    activity: str
    number: int


activities = Table("states.activities", Activity)
offers = Table("states.activity-tasks", Offer)  # activity, in the order they came
_places = Table("states.activity-places", _Place)  # execution, strand: where its task stands in line


def bell_of(call: Call, activity: str) -> str:
    """What rings when there is a task for a worker."""
    return f"states/activity/{call.account}/{call.region}/{activity}"


def refusal(call: Call, resource: str) -> str:
    """Why a task can't even be scheduled, "" if it can: its activity must be there."""
    if ":activity:" not in resource:
        return ""
    arn = Arn.parse(resource)
    here = (arn.account, arn.region) == (call.account, call.region)
    name = arn.resource.partition(":")[2]
    return "" if here and activities.get(call, name) else f"Activity Does Not Exist: '{resource}'"


def offer(call: Call, record: Execution, effect: flow.RunTask) -> None:
    """Put a task into its activity's line."""
    activity, number = Arn.parse(effect.resource).resource.partition(":")[2], call.ids.ticket()
    offers.put(call, activity, number, record=Offer(
        record.id, effect.strand, effect.ticket, token_of(call, record, effect.strand, effect.ticket),
        effect.parameters))
    _places.put(call, record.id, effect.strand, record=_Place(activity, number))
    call.tx.ring(bell_of(call, activity))


def take(call: Call, activity: str) -> Offer | None:
    """The task that has waited longest, out of the line."""
    for key, found in offers.items(call, activity, limit=1):
        offers.delete(call, *key)
        _places.delete(call, found.run, found.strand)
        return found
    return None


def abandon(call: Call, run: str, effect: flow.Abandon) -> None:
    """Nobody waits for the strand's task: if it stands in a line, take it out."""
    place = _places.get(call, run, effect.strand)
    if place:
        offers.delete(call, place.activity, place.number)
        _places.delete(call, run, effect.strand)

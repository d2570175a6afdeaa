"""What other services announce goes to the default bus of their account, once it has a rule."""

import msgspec

from ...fabric import announcements
from ...fabric.announcements import Announcement
from ...kernel import Call
from . import dispatch
from .event import Event, moment
from .records import DEFAULT, Bus, find_bus
from .service import events


@events.task
def hear(call: Call, said: Announcement) -> None:
    """Put what a service said onto the default bus."""
    there, bus = find_bus(call, DEFAULT)
    event = Event(call.ids.uuid(), said.source, said.detail_type, there.account, there.region,
                  moment(call.now_ms), msgspec.Raw(msgspec.json.encode(said.detail)), said.resources,
                  call.now_ms)
    dispatch.dispatch(there, bus, event)


def attend(call: Call, bus: Bus) -> None:
    """Listen while the default bus has a rule, and no longer."""
    if bus.name == DEFAULT:
        if bus.rules:
            announcements.listen(call.elsewhere(service=events.name), hear)
        else:
            announcements.ignore(call)

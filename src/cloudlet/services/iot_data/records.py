"""What the message broker remembers: messages, sessions, what they subscribe to and what waits for them.

All of it is in the store: a message that was acknowledged is with everybody who is to have it, whatever
happens to this process.
"""

import msgspec

from ...kernel import Call, Conversation
from ...store import Table
from ...store.keys import Key
from .errors import ResourceNotFoundException

SHARED = "$share/"


class Message(msgspec.Struct):
    """One message. ``expires_ms`` is 0 if it never does; ``format`` 1 says that the payload is a text."""

    topic: str
    payload: bytes
    qos: int
    at_ms: int
    expires_ms: int = 0
    format: int = 0
    content_type: str = ""
    response_topic: str = ""
    correlation_data: bytes = b""
    user_properties: list[tuple[str, str]] = []


class Will(msgspec.Struct):
    """What is published when a client goes without a word."""

    message: Message
    retain: bool = False
    delay_s: int = 0
    expiry_s: int = 0  # of the message, from when it is published


class Publisher(msgspec.Struct):
    """Who publishes."""

    client_id: str = ""
    principal: str = ""
    source_ip: str = ""


class Session(msgspec.Struct):
    """A client, and whether it is here: ``connection`` names the one it has, empty if it has none.

    ``expiry_s`` is how long the session outlasts its connection, 0 not at all. ``sent`` is the number of the
    last message of its queue that it may have been sent on an earlier connection.
    """

    client_id: str
    publisher: Publisher
    connection: str = ""
    expiry_s: int = 0
    keep_alive_s: int = 0
    connected_ms: int = 0
    ended_ms: int = 0
    reason: str = ""
    will: Will | None = None
    sent: int = 0
    port: int = 0


class Subscription(msgspec.Struct):
    """A filter that a client has. ``group`` is of a shared one, in which each message goes to one member."""

    client_id: str
    given: str  # as it was subscribed to
    pattern: str  # without what makes it shared
    qos: int
    group: str = ""
    id: int = 0
    no_local: bool = False
    as_published: bool = False


class Queue(msgspec.Struct):
    """How many messages a session has ever been given."""

    last: int = 0


class Entry(msgspec.Struct):
    """A message that waits for a client, or for the client's acknowledgement."""

    message: Message
    qos: int
    retain: bool = False
    ids: list[int] = []


class Retained(msgspec.Struct):
    """The last message of a topic that was to be kept."""

    message: Message
    modified_ms: int


def _by_levels(subscription: Subscription) -> Key:
    """The levels, then a number, which no level is: the filter ends here."""
    end: Key = (1, subscription.group) if subscription.group else (0,)
    return (*subscription.pattern.split("/"), *end)


sessions = Table("iot.sessions", Session,
                 indexes={"connected": lambda session: ("",) if session.connection else None})
subscriptions = Table("iot.subscriptions", Subscription, indexes={"levels": _by_levels})
queues = Table("iot.queues", Queue)
entries = Table("iot.entries", Entry)
retained = Table("iot.retained", Retained)


def bell(call: Call | Conversation, client_id: str) -> str:
    """What rings when there is something for a client."""
    return f"iot/{call.account}/{call.region}/{client_id}"


def need(call: Call, client_id: str) -> Session:
    """The session of a client, or the error that there is none."""
    session = sessions.get(call, client_id)
    if session is None:
        raise ResourceNotFoundException(f"No connection found for client ID {client_id}.")
    return session

"""Sessions: they begin when a client connects, and end with its connection or some time after it.

A connection is of this process, its session is in the store. What a process that was killed had connected
gets its farewell, wills included, when the next one starts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import msgspec

from ...errors import AwsError
from ...fabric import standing, timers
from ...kernel import Call, Conversation, Kernel
from ...store import Table
from . import publishing, queues, subscribing
from .records import Session, Will, bell, sessions
from .service import iot_data

TAKEN_OVER = "DUPLICATE_CLIENTID"
LOST, LEFT, THROWN_OUT = "CONNECTION_LOST", "CLIENT_INITIATED_DISCONNECT", "API_INITIATED_DISCONNECT"
_alive: WeakKeyDictionary[Kernel, set[str]] = WeakKeyDictionary()  # the connections of this process


class Watched(msgspec.Struct):
    """That somebody looks after the sessions of a region when a process starts."""


_watched = Table("iot.watched", Watched)


@contextmanager
def alive(call: Conversation, connection: str) -> Iterator[None]:
    """While the block lasts, this process has the connection."""
    mine = _alive.setdefault(call.kernel, set())
    mine.add(connection)
    try:
        yield
    finally:
        mine.discard(connection)


def connect(call: Call, wanted: Session, *, clean: bool) -> bool:
    """Begin a session, or go on with the one there is: True. Who had the client id has it no longer."""
    _watch(call)
    before = sessions.get(call, wanted.client_id)
    if before is not None and before.connection:
        leave(call, before, TAKEN_OVER)
        call.tx.ring(bell(call, wanted.client_id))
        before = sessions.get(call, wanted.client_id)
    if before is not None:
        _cancel(call, before)
        if clean:
            if before.will:
                _publish_will(call, before, before.will)
            remove(call, before)
    present = before is not None and not clean
    wanted.connected_ms = call.now_ms
    if present and before:
        wanted.sent = before.sent
    sessions.put(call, wanted.client_id, record=wanted)
    return present


def leave(call: Call, session: Session, reason: str, *, sent: int | None = None) -> None:
    """A connection has ended, and its will is published, maybe after a delay.

    ``sent`` is the number of the last message it was sent; without it, it may have been all.
    """
    will, session.will = session.will, None
    session.connection, session.reason, session.ended_ms = "", reason, call.now_ms
    if session.expiry_s == 0:
        remove(call, session)
        if will:
            _publish_will(call, session, will)
        return
    session.sent = max(session.sent, queues.last(call, session.client_id) if sent is None else sent)
    if will:
        if will.delay_s and will.delay_s < session.expiry_s:
            session.will = will
            timers.schedule(call, send_will, at_ms=_will_ms(session), id=_id(call, session, "will"),
                            client_id=session.client_id, ended_ms=call.now_ms)
        elif not will.delay_s:
            _publish_will(call, session, will)
        else:
            session.will = will  # it goes when the session does
    sessions.put(call, session.client_id, record=session)
    timers.schedule(call, expire, at_ms=_end_ms(session), id=_id(call, session, "expire"),
                    client_id=session.client_id, ended_ms=call.now_ms)


def remove(call: Call, session: Session) -> None:
    """Nothing is left of a session."""
    subscribing.clear(call, session.client_id)
    queues.clear(call, session.client_id)
    sessions.delete(call, session.client_id)


@iot_data.task
def expire(call: Call, *, client_id: str, ended_ms: int) -> None:
    """A session has outlasted its connection for as long as it may."""
    session = _waiting(call, client_id, ended_ms)
    if session:
        will = session.will
        remove(call, session)
        if will:
            _publish_will(call, session, will)


@iot_data.task
def send_will(call: Call, *, client_id: str, ended_ms: int) -> None:
    """A client has not come back while its will waited."""
    session = _waiting(call, client_id, ended_ms)
    if session and session.will:
        will, session.will = session.will, None
        sessions.put(call, client_id, record=session)
        _publish_will(call, session, will)


@iot_data.task
async def watch(call: Conversation) -> None:
    """Say farewell to whom a process had connected that is no more; once, when this one starts."""
    mine = _alive.setdefault(call.kernel, set())

    def work(inner: Call) -> None:
        for _, session in list(sessions.find(inner, "connected", "")):
            if session.connection not in mine:
                leave(inner, session, LOST)

    await call.transact(work)


def _watch(call: Call) -> None:
    if _watched.get(call, "") is None:
        _watched.put(call, "", record=Watched())
        standing.keep(call, watch, id=f"iot-data/{call.account}/{call.region}")


def _publish_will(call: Call, session: Session, will: Will) -> None:
    message = will.message
    message.at_ms = call.now_ms
    message.expires_ms = call.now_ms + will.expiry_s * 1000 if will.expiry_s else 0
    try:
        publishing.accept(call, message, session.publisher, retain=will.retain)
    except AwsError:
        return  # it was checked when the client connected


def _waiting(call: Call, client_id: str, ended_ms: int) -> Session | None:
    """A session that has been without a connection since that moment."""
    session = sessions.get(call, client_id)
    waits = session is not None and not session.connection and session.ended_ms == ended_ms
    return session if waits else None


def _cancel(call: Call, session: Session) -> None:
    if session.ended_ms:
        timers.cancel(call, at_ms=_end_ms(session), id=_id(call, session, "expire"))
        if session.will:
            timers.cancel(call, at_ms=_will_ms(session), id=_id(call, session, "will"))


def _end_ms(session: Session) -> int:
    return session.ended_ms + session.expiry_s * 1000


def _will_ms(session: Session) -> int:
    return session.ended_ms + (session.will.delay_s if session.will else 0) * 1000


def _id(call: Call, session: Session, what: str) -> str:
    return f"iot/{what}/{call.account}/{call.region}/{session.client_id}"

"""What is connected, as others see it, and how they end it."""

from collections.abc import Iterator
from typing import Any

from ...kernel import Call
from ...kernel.paging import page
from . import limits, sessions
from .errors import InvalidRequestException
from .records import Subscription, bell, need, subscriptions
from .records import sessions as table
from .service import iot_data


@iot_data.operation
def get_connection(
    call: Call, client_id: str, include_socket_information: bool | None = None
) -> dict[str, Any]:
    """Whether a client is connected, and what is known of its session."""
    session = need(call, client_id)
    shown: dict[str, Any] = {
        "clientId": client_id, "connected": bool(session.connection), "cleanSession": session.expiry_s == 0,
        "keepAliveDuration": session.keep_alive_s, "sessionExpiry": session.expiry_s}
    if session.connection:
        shown["connectedSince"] = session.connected_ms
        if include_socket_information:
            shown |= {"sourceIp": session.publisher.source_ip, "sourcePort": session.port}
    else:
        shown |= {"disconnectedSince": session.ended_ms, "disconnectReason": session.reason}
    return shown


@iot_data.operation
def list_subscriptions(call: Call, client_id: str, next_token: str | None = None,
                       max_results: int | None = None) -> dict[str, Any]:
    """What a client subscribes to."""
    need(call, client_id)

    def rows(after: str) -> Iterator[tuple[str, Subscription]]:
        for key, one in subscriptions.items(call, client_id, after=(client_id, after) if after else None):
            yield str(key[1]), one

    return page("subscriptions", rows, lambda one: {"topicFilter": one.given, "qos": one.qos}, next_token,
                max_results or limits.SUBSCRIPTIONS_PAGE,
                InvalidRequestException("The nextToken is not one of this list."), "nextToken")


@iot_data.operation
def delete_connection(call: Call, client_id: str, clean_session: bool | None = None,
                      prevent_will_message: bool | None = None) -> None:
    """Disconnect a client; its session may go with it, and its will may stay unsaid."""
    session = need(call, client_id)
    if prevent_will_message:
        session.will = None
    if session.connection:
        sessions.leave(call, session, sessions.THROWN_OUT)
        call.tx.ring(bell(call, client_id))
    left = table.get(call, client_id)
    if clean_session and left:
        sessions.remove(call, left)

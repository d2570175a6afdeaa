"""CONNECT: who a client is, and what session it has.

Without a signature a user name is an access key and the password its secret, as at the gateway: a key that
IAM or STS made must show its secret, any other is a stranger's, who is believed or not. A client without a
user name, as one with a certificate would be, is the default account's; it is let in from this machine only,
and not where no stranger is believed. What stands behind
``?`` in a user name are fields, as AWS's SDKs send them; ``region`` says which one is meant.
"""

import hmac
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs

import mqtt5

from ...errors import AwsError
from ...fabric.topics import is_topic
from ...identity import ANONYMOUS, Principal, root
from ...kernel import Conversation, credentials, strangers
from ...wire.lines import Line
from . import limits, publishing
from .packets import V5
from .records import Message, Publisher, Session, Will

_REGION = "us-east-1"
Code = mqtt5.ConnAckReasonCode


class NotWelcome(AwsError):
    """The client may not connect."""

    def __init__(self, code: mqtt5.ConnAckReasonCode, why: str) -> None:
        super().__init__(why)
        self.reason = code


async def place_of(call: Conversation, packet: Any, line: Line) -> Conversation:
    """The conversation as whom the client is, where it wants to be."""
    name, _, query = (packet.username or "").partition("?")
    region = parse_qs(query).get("region", [""])[0] or call.region
    if call.principal is not ANONYMOUS:  # it has signed
        return call.elsewhere(region=region)
    if not name:
        if not strangers.are_believed(call.kernel) or not ip_address(line.peer[0]).is_loopback:
            raise NotWelcome(Code.NOT_AUTHORIZED, "Clients from elsewhere must say who they are.")
        return _as(call, root(strangers.DEFAULT_ACCOUNT), region)
    found = await call.transact(lambda inner: credentials.get(inner, name))
    if found is None:
        stranger = strangers.principal_of(call.kernel, name)
        if stranger is None:
            raise NotWelcome(Code.BAD_USER_NAME_OR_PASSWORD, "The user name or password is wrong.")
        return _as(call, stranger, region)
    right = hmac.compare_digest((packet.password or b""), found.secret.encode())
    over = found.expires_ms and found.expires_ms <= call.now_ms
    if not right or not found.active or over or found.token:
        raise NotWelcome(Code.BAD_USER_NAME_OR_PASSWORD, "The user name or password is wrong.")
    return _as(call, found.principal, region)


def _as(call: Conversation, principal: Principal, region: str) -> Conversation:
    return call.elsewhere(account=principal.account, region=region, principal=principal)


def session_of(call: Conversation, packet: Any, version: int, line: Line) -> Session:
    """The session that a client asks for; an error if it can't have that."""
    client_id = packet.client_id
    if packet.authentication_method is not None:
        raise NotWelcome(Code.BAD_AUTHENTICATION_METHOD, "There is no enhanced authentication.")
    if len(client_id.encode()) > limits.CLIENT_ID_BYTES or client_id.startswith("$"):
        raise NotWelcome(Code.CLIENT_ID_NOT_VALID, "The client id is too long, or begins with $.")
    if not client_id:
        if version != V5 and not packet.clean_start:
            raise NotWelcome(Code.CLIENT_ID_NOT_VALID, "A persistent session needs a client id.")
        client_id = f"gen-{call.ids.uuid()}"
    publisher = Publisher(client_id, call.principal.id, line.peer[0])
    session = Session(client_id, publisher, call.ids.uuid(), keep_alive_s=keep_alive(packet.keep_alive),
                      port=line.peer[1])
    if version == V5:
        session.expiry_s = min(packet.session_expiry_interval, limits.SESSION_EXPIRY_S)
    elif not packet.clean_start:
        session.expiry_s = limits.SESSION_EXPIRY_S
    if packet.will is not None:
        session.will = _will(call, packet.will)
    return session


def keep_alive(wanted_s: int) -> int:
    """How often a client must be heard of: what it wants, within AWS's bounds; 0 is the longest."""
    least, most = limits.KEEP_ALIVE_S
    return min(max(wanted_s, least), most) if wanted_s else most


def _will(call: Conversation, will: Any) -> Will:
    message = message_of(will, will.topic, call.now_ms)
    if message.qos > 1:
        raise NotWelcome(Code.QUALITY_NOT_SUPPORTED, "There is no QoS 2.")
    if not is_topic(will.topic):
        raise NotWelcome(Code.TOPIC_NAME_INVALID, "The will's topic is not one.")
    try:
        publishing.check(message, retain=will.retain)
    except AwsError as error:
        raise NotWelcome(Code.TOPIC_NAME_INVALID, str(error)) from None
    return Will(message, will.retain, will.will_delay_interval, will.message_expiry_interval or 0)


def message_of(packet: Any, topic: str, now_ms: int) -> Message:
    """What a PUBLISH or a will says."""
    expiry_s = packet.message_expiry_interval
    return Message(topic, packet.payload or b"", int(packet.qos), now_ms,
                   now_ms + expiry_s * 1000 if expiry_s is not None else 0, packet.payload_format_indicator,
                   packet.content_type or "", packet.response_topic or "", packet.correlation_data or b"",
                   list(packet.user_properties))

"""One connected client: what it sends is taken in order, what waits for it is sent as it comes.

Two tasks share the connection. One reads: a PUBLISH with QoS 1 is acknowledged when the transaction that took
it is committed, and publishes that have arrived together share one. The other waits for the client's bell and
empties its queue. Neither holds a message of its own: what is not acknowledged is in the store.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import mqtt5

from ...errors import AwsError, NotHonoured
from ...kernel import Call, Conversation
from ...wire.lines import Line
from . import greeting, limits, publishing, queues, sessions, subscribing
from .errors import Broken, RequestEntityTooLargeException
from .packets import V5, Packets, TooLarge, written
from .records import Entry, Session, Subscription, bell
from .records import sessions as table

log = logging.getLogger(__name__)
_IDS = 65_535
_TOGETHER = 16  # packets of one transaction, so that no other request waits long
Reason = mqtt5.DisconnectReasonCode
_REFUSALS = {"form": mqtt5.SubAckReasonCode.TOPIC_FILTER_INVALID,
             "many": mqtt5.SubAckReasonCode.QUOTA_EXCEEDED,
             "never": mqtt5.SubAckReasonCode.IMPLEMENTATION_SPECIFIC_ERROR}
SubAck, UnsubAck, PubAck = mqtt5.SubAckReasonCode, mqtt5.UnsubAckReasonCode, mqtt5.PubAckReasonCode


class Goodbye(Exception):
    """The connection ends; ``reason`` is what the client is told, ``cause`` what is remembered."""

    def __init__(self, reason: mqtt5.DisconnectReasonCode, cause: str = sessions.LOST) -> None:
        super().__init__(reason)
        self.reason, self.cause = reason, cause


class Device:
    """A client with a session."""

    def __init__(self, call: Conversation, line: Line, version: int, session: Session, packet: Any) -> None:
        self.call, self.session = call, session
        self._line, self._version, self._connect = line, version, packet
        self._room = min(packet.receive_max, limits.RECEIVE_MAXIMUM)
        self._largest = packet.max_packet_size or limits.PACKET
        self._aliases: dict[int, str] = {}
        self._sent = 0  # the number of the last message of the queue that was sent
        self._unacknowledged: dict[int, int] = {}  # numbers by packet id

    async def serve(self, packets: Packets, rest: list[Any]) -> None:
        """Until it goes, is thrown out, or comes again elsewhere."""
        call, session = self.call, self.session
        ear = call.kernel.store.listen(bell(call, session.client_id))
        cause = sessions.LOST
        try:
            present = await call.transact(
                lambda inner: sessions.connect(inner, session, clean=self._connect.clean_start))
            await self._send(self._connack(present))
            cause = await self._converse(packets, rest, ear.wait)
        finally:
            ear.close()
            await asyncio.shield(call.transact(lambda inner: self._leave(inner, cause)))

    async def _converse(self, packets: Packets, rest: list[Any], rung: Callable[[], Awaitable[None]]) -> str:
        """Read and send until one of them ends; the cause of it."""
        tasks = [asyncio.create_task(self._listen(packets, rest)), asyncio.create_task(self._pump(rung))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        except Goodbye as end:
            if int(end.reason) and self._version == V5:
                await self._send(mqtt5.DisconnectPacket(reason_code=end.reason))
            return end.cause
        except (ConnectionError, TimeoutError):
            return sessions.LOST
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return sessions.LOST

    def _leave(self, call: Call, cause: str) -> None:
        mine = table.get(call, self.session.client_id)
        if mine and mine.connection == self.session.connection:
            mine.expiry_s, mine.will = self.session.expiry_s, self.session.will
            sessions.leave(call, mine, cause, sent=self._sent)

    def _connack(self, present: bool) -> Any:
        wanted, session = self._connect, self.session
        told: dict[str, Any] = {}
        if not wanted.client_id:
            told["assigned_client_id"] = session.client_id
        if session.expiry_s != wanted.session_expiry_interval:
            told["session_expiry_interval"] = session.expiry_s
        if session.keep_alive_s != wanted.keep_alive:
            told["server_keep_alive"] = session.keep_alive_s
        return mqtt5.ConnAckPacket(
            session_present=present, receive_max=limits.RECEIVE_MAXIMUM,
            topic_alias_max=limits.TOPIC_ALIASES, max_qos=mqtt5.QoS.AT_LEAST_ONCE,
            max_packet_size=limits.PACKET, **told)

    async def _send(self, *packets: Any) -> None:
        data = b"".join(written(packet, self._version) for packet in packets)
        if data:
            await self._line.write(data)

    # -- what the client sends

    async def _listen(self, packets: Packets, rest: list[Any]) -> None:
        await self._take(rest)
        while True:
            try:
                async with asyncio.timeout(self.session.keep_alive_s * 1.5):
                    data = await self._line.read()
            except TimeoutError:
                raise Goodbye(Reason.KEEP_ALIVE_TIMEOUT, "MQTT_KEEP_ALIVE_TIMEOUT") from None
            if not data:
                raise Goodbye(Reason.NORMAL_DISCONNECTION, sessions.LOST)
            try:
                found = packets.feed(data)
            except TooLarge:
                raise Goodbye(Reason.PACKET_TOO_LARGE, "CLIENT_ERROR") from None
            except Broken:
                raise Goodbye(Reason.MALFORMED_PACKET, "CLIENT_ERROR") from None
            await self._take(found)

    async def _take(self, found: list[Any]) -> None:
        """Take packets in order; publishes next to each other in one transaction."""
        at = 0
        while at < len(found):
            packet = found[at]
            if isinstance(packet, mqtt5.PublishPacket | mqtt5.PubAckPacket):
                stop = at
                while stop < min(len(found), at + _TOGETHER) and type(found[stop]) is type(packet):
                    stop += 1
                run = found[at:stop]
                await (self._published if isinstance(packet, mqtt5.PublishPacket) else self._acked)(run)
                at = stop
            else:
                await self._took(packet)
                at += 1

    async def _took(self, packet: Any) -> None:
        match packet:
            case mqtt5.PingReqPacket():
                await self._send(mqtt5.PingRespPacket())
            case mqtt5.SubscribePacket():
                await self._subscribe(packet)
            case mqtt5.UnsubscribePacket():
                await self._unsubscribe(packet)
            case mqtt5.DisconnectPacket():
                self._depart(packet)
            case _:
                raise Goodbye(Reason.PROTOCOL_ERROR, "CLIENT_ERROR")

    def _depart(self, packet: Any) -> None:
        expiry_s = packet.session_expiry_interval
        if expiry_s is not None:
            if expiry_s and not self.session.expiry_s:
                raise Goodbye(Reason.PROTOCOL_ERROR, "CLIENT_ERROR")
            self.session.expiry_s = min(expiry_s, limits.SESSION_EXPIRY_S)
        if packet.reason_code == Reason.DISCONNECT_WITH_WILL_MESSAGE:
            raise Goodbye(Reason.NORMAL_DISCONNECTION, sessions.LEFT)
        self.session.will = None
        raise Goodbye(Reason.NORMAL_DISCONNECTION, sessions.LEFT)

    async def _published(self, run: list[Any]) -> None:
        if any(int(packet.qos) > 1 for packet in run):
            raise Goodbye(Reason.QOS_NOT_SUPPORTED, "CLIENT_ERROR")
        topics = [self._topic_of(packet) for packet in run]

        def work(inner: Call) -> list[AwsError | None]:
            return [self._publish(inner, packet, topic) for packet, topic in zip(run, topics, strict=True)]

        refusals = await self._afresh().transact(work)
        for packet, error in zip(run, refusals, strict=True):
            if error is not None and (self._version != V5 or packet.qos == 0):
                log.warning("%s is disconnected: %s", self.session.client_id, error)
                raise Goodbye(_reason(error), "CLIENT_ERROR")
        explain = self._connect.request_problem_info
        await self._send(*(_puback(packet, error, explain)
                           for packet, error in zip(run, refusals, strict=True) if int(packet.qos)))

    def _afresh(self) -> Conversation:
        """What is published is a request, and a trace, of its own."""
        call = self.call
        return call.kernel.conversation(call.principal, call.service, account=call.account,
                                        region=call.region)

    def _publish(self, call: Call, packet: Any, topic: str) -> AwsError | None:
        try:
            with call.tx.savepoint():
                publishing.accept(call, greeting.message_of(packet, topic, call.now_ms),
                                  self.session.publisher, retain=packet.retain)
        except AwsError as error:
            return error
        return None

    def _topic_of(self, packet: Any) -> str:
        alias = packet.topic_alias
        if alias is None:
            return str(packet.topic)
        if not 0 < alias <= limits.TOPIC_ALIASES or not (packet.topic or alias in self._aliases):
            raise Goodbye(Reason.TOPIC_ALIAS_INVALID, "CLIENT_ERROR")
        if packet.topic:
            self._aliases[alias] = packet.topic
        return self._aliases[alias]

    async def _subscribe(self, packet: Any) -> None:
        if len(packet.topic_filters) > limits.SUBSCRIPTIONS_PER_REQUEST:
            raise Goodbye(Reason.QUOTA_EXCEEDED, "CLIENT_ERROR")
        codes = await self.call.transact(lambda inner: [
            self._subscribed(inner, wanted, packet.subscription_id or 0) for wanted in packet.topic_filters])
        await self._send(mqtt5.SubAckPacket(packet.packet_id, codes))

    def _subscribed(self, call: Call, wanted: Any, id: int) -> Any:
        one = subscribing.read(self.session.client_id, wanted.pattern, int(wanted.max_qos))
        if isinstance(one, Subscription):
            one.id, one.no_local, one.as_published = id, wanted.no_local, wanted.retain_as_published
            refused = subscribing.subscribe(call, one, int(wanted.retain_handling))
            if refused is None:
                return SubAck(one.qos)
            one = refused
        return _REFUSALS[one.why]

    async def _unsubscribe(self, packet: Any) -> None:
        if len(packet.patterns) > limits.SUBSCRIPTIONS_PER_REQUEST:
            raise Goodbye(Reason.QUOTA_EXCEEDED, "CLIENT_ERROR")
        known = await self.call.transact(lambda inner: [
            subscribing.unsubscribe(inner, self.session.client_id, pattern) for pattern in packet.patterns])
        codes = [UnsubAck.SUCCESS if one else UnsubAck.NO_SUBSCRIPTION_EXISTED for one in known]
        await self._send(mqtt5.UnsubAckPacket(packet.packet_id, codes))

    async def _acked(self, run: list[Any]) -> None:
        numbers = [self._unacknowledged.pop(packet.packet_id) for packet in run
                   if packet.packet_id in self._unacknowledged]

        def work(inner: Call) -> None:
            queues.done(inner, self.session.client_id, numbers)
            inner.tx.ring(bell(inner, self.session.client_id))  # there is room again

        if numbers:
            await self.call.transact(work)

    # -- what waits for the client

    async def _pump(self, rung: Callable[[], Awaitable[None]]) -> None:
        while True:
            found = await self.call.transact(self._next)
            if not found:
                await rung()
                continue
            await self._hand_out(found)

    def _next(self, call: Call) -> list[tuple[int, Entry]]:
        """What to send now; the connection ends if the session is another's by now, or nobody's."""
        mine = table.get(call, self.session.client_id)
        if mine is None or not mine.connection:
            raise Goodbye(Reason.ADMINISTRATIVE_ACTION, sessions.THROWN_OUT)
        if mine.connection != self.session.connection:
            raise Goodbye(Reason.SESSION_TAKEN_OVER, sessions.TAKEN_OVER)
        room = self._room - len(self._unacknowledged)
        return queues.take(call, self.session.client_id, self._sent, room, _IDS)

    async def _hand_out(self, found: list[tuple[int, Entry]]) -> None:
        """Send messages; what has expired, or is larger than the client takes, is passed over."""
        now_ms, data, passed = self.call.now_ms, b"", []
        for number, entry in found:
            self._sent = number
            expired = 0 < entry.message.expires_ms <= now_ms
            packet = b"" if expired else written(self._packet(now_ms, number, entry), self._version)
            if not expired and len(packet) <= self._largest:
                data += packet
                if entry.qos:
                    self._unacknowledged[_id_of(number)] = number
            elif entry.qos:
                passed.append(number)
        if passed:
            await self.call.transact(lambda inner: queues.done(inner, self.session.client_id, passed))
        if data:
            await self._line.write(data)

    def _packet(self, now_ms: int, number: int, entry: Entry) -> Any:
        message, again = entry.message, entry.qos and number <= self.session.sent
        left_s = -(-(message.expires_ms - now_ms) // 1000) if message.expires_ms else None
        return mqtt5.PublishPacket(
            message.topic,
            message.payload,
            qos=mqtt5.QoS(entry.qos),
            retain=entry.retain,
            packet_id=_id_of(number) if entry.qos else None,
            duplicate=bool(again),
            payload_format_indicator=message.format,
            message_expiry_interval=left_s,
            content_type=message.content_type or None,
            response_topic=message.response_topic or None,
            correlation_data=message.correlation_data or None,
            subscription_ids=entry.ids,
            user_properties=message.user_properties,
        )


def _id_of(number: int) -> int:
    """The packet id of a message, which is the same on the next connection."""
    return (number - 1) % _IDS + 1


def _puback(packet: Any, error: AwsError | None, explain: bool) -> Any:
    if error is None:
        return mqtt5.PubAckPacket(packet.packet_id)
    code = (
        PubAck.IMPLEMENTATION_SPECIFIC_ERROR if isinstance(error, NotHonoured) else PubAck.TOPIC_NAME_INVALID
    )
    if isinstance(error, RequestEntityTooLargeException):
        code = PubAck.QUOTA_EXCEEDED
    return mqtt5.PubAckPacket(packet.packet_id, reason_code=code, reason_str=str(error) if explain else None)


def _reason(error: AwsError) -> mqtt5.DisconnectReasonCode:
    if isinstance(error, RequestEntityTooLargeException):
        return Reason.PACKET_TOO_LARGE
    return (
        Reason.IMPLEMENTATION_SPECIFIC_ERROR if isinstance(error, NotHonoured) else Reason.TOPIC_NAME_INVALID
    )

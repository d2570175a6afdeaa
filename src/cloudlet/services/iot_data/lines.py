"""MQTT with whoever connects: the first packet says who it is, and then it is a device."""

import asyncio
from typing import Any

import mqtt5

from ...kernel import Conversation
from ...wire.lines import Line
from . import greeting, limits, sessions
from .device import Device
from .errors import Broken
from .packets import Packets, UnknownVersion, written
from .service import iot_data


@iot_data.line("mqtt")
async def mqtt(call: Conversation, line: Line) -> None:
    """Speak MQTT 3.1.1 or 5 with who has connected."""
    packets = Packets()
    device: Device | None = None
    try:
        arrived = await _first(packets, line)
        if not arrived:
            return
        device, rest = await _welcome(call, line, packets.version, arrived)
        if device:
            with sessions.alive(device.call, device.session.connection):
                await device.serve(packets, rest)
    except UnknownVersion:
        await line.write(b"\x20\x02\x00\x01")
    except (Broken, ConnectionError, TimeoutError):
        return
    finally:
        line.close()


async def _first(packets: Packets, line: Line) -> list[Any]:
    """The packets up to the first that is whole, and what came with it."""
    async with asyncio.timeout(limits.CONNECT_S):
        while data := await line.read():
            found = packets.feed(data)
            if found:
                return found
    return []


async def _welcome(call: Conversation, line: Line, version: int, arrived: list[Any]
                   ) -> tuple[Device | None, list[Any]]:
    packet, *rest = arrived
    try:
        there = await greeting.place_of(call, packet, line)
        session = greeting.session_of(there, packet, version, line)
    except greeting.NotWelcome as error:
        refusal = mqtt5.ConnAckPacket(reason_code=error.reason)
        if packet.request_problem_info:
            refusal = mqtt5.ConnAckPacket(reason_code=error.reason, reason_str=str(error))
        await line.write(written(refusal, version))
        return None, []
    return Device(there, line, version, session, packet), rest

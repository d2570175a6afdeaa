"""WebSockets as lines: a sans-I/O library reads and writes their frames."""

from collections.abc import Sequence

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import OPEN, Protocol, Side
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from ..wire.http import Request, Response, Talk
from ..wire.lines import Line


class WebSocketLine:
    """The binary messages of a WebSocket as a line: where one ends and the next begins means nothing."""

    def __init__(self, line: Line, largest: int) -> None:
        self._line = line
        self._protocol = Protocol(Side.SERVER, state=OPEN, max_size=largest)
        self._text = False

    @property
    def peer(self) -> tuple[str, int]:
        """The address and port at the other end."""
        return self._line.peer

    async def read(self) -> bytes:
        """What has arrived since; nothing more once the other closes or sends texts."""
        found = b""
        while not found:
            data = await self._line.read()
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            for frame in self._protocol.events_received():
                match getattr(frame, "opcode", None):
                    case Opcode.TEXT:
                        self._protocol.fail(1003, "binary messages only")
                    case Opcode.BINARY | Opcode.CONT:
                        found += bytes(getattr(frame, "data", b""))
            await self._flush()
            if not data or self._protocol.close_expected():
                break
        return found

    async def write(self, data: bytes) -> None:
        """Send as one message."""
        if self._protocol.state is not OPEN:
            raise ConnectionResetError("the other has gone")
        self._protocol.send_binary(data)
        await self._flush()

    def close(self) -> None:
        """End it; the caller closes what is below."""

    async def bid_farewell(self) -> None:
        """Send the frame that closes, if it is still open."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(1000)
            await self._flush()

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                await self._line.write(data)


def accepted(request: Request, subprotocols: Sequence[str], largest: int, talk: Talk) -> Response:
    """The answer to a wish for WebSocket, after which ``talk`` has the line; a refusal if it is none."""
    protocol = ServerProtocol(subprotocols=[Subprotocol(name) for name in subprotocols])
    handshake = Handshake(request.path, Headers(dict(request.headers)))
    try:
        accept, _, chosen = protocol.process_request(handshake)
    except InvalidHandshake as error:
        return Response(400, {"content-type": "text/plain"}, f"No WebSocket can be opened: {error}.".encode())

    async def over(line: Line) -> None:
        websocket = WebSocketLine(line, largest)
        try:
            await talk(websocket)
            await websocket.bid_farewell()
        except ConnectionError:
            return

    headers: dict[str, str | list[str]] = {"upgrade": "websocket", "connection": "Upgrade",
                                           "sec-websocket-accept": accept}
    if chosen:
        headers["sec-websocket-protocol"] = chosen
    return Response(101, headers, talk=over)

"""Lines into services: who connects to ``/NAME`` as a WebSocket, or to a port of its own, speaks the
protocol of that name with the service that has it.

A WebSocket may be signed in its URL, as AWS's SDKs do for IoT: then the service gets a conversation of whom
that is. Else it gets one of nobody, and asks for itself.
"""

from collections.abc import Awaitable, Callable

import msgspec

from ..errors import AwsError
from ..identity import ANONYMOUS, Principal
from ..identity import signature as sigv4
from ..kernel import Kernel
from ..wire.http import Request, Response, Talk
from ..wire.lines import Line
from .authentication import Authenticator

LARGEST = 1 << 20  # bytes of one message of a WebSocket
_REGION = "us-east-1"
_OUTSIDE = "iotdevicegateway"  # a service whose signers add the session's token when they have signed
_TOKEN = "X-Amz-Security-Token="

Speak = Callable[..., Awaitable[None]]


class Lines:
    """Finds which service speaks a protocol."""

    def __init__(self, kernel: Kernel, authenticator: Authenticator) -> None:
        self._kernel, self._authenticator = kernel, authenticator
        self._known: dict[str, tuple[str, Speak]] = {}

    async def answer(self, request: Request) -> Response | None:
        """The answer to a wish for WebSocket; None if the request is something else."""
        label = request.path[1:]
        if request.headers.get("upgrade", "").lower() != "websocket" or not label.isalnum():
            return None
        found = self._find(label)
        if found is None:
            return None
        service, _ = found
        from .websocket import accepted  # costs 100 ms of start-up, and few have a WebSocket
        try:
            principal, region = await self._who(request, service)
        except AwsError as error:
            return Response(403, {"content-type": "text/plain", "x-amzn-errortype": error.code},
                            str(error).encode())
        return accepted(request, self._subprotocols(request, label), LARGEST,
                        self.talk(label, principal, region))

    def talk(self, label: str, principal: Principal = ANONYMOUS, region: str = _REGION) -> Talk:
        """How that protocol is spoken with whom the principal is."""
        async def talk(line: Line) -> None:
            found = self._find(label)
            if found:
                service, speak = found
                await speak(self._kernel.conversation(principal, service, region=region), line)
        return talk

    def _find(self, label: str) -> tuple[str, Speak] | None:
        if label not in self._known:
            for service in self._kernel.services.with_module("lines"):
                for name, speak in service.lines.items():
                    self._known[name] = (service.name, speak)
        return self._known.get(label)

    def _subprotocols(self, request: Request, label: str) -> list[str]:
        """The one that is named as the line is, or begins so: ``mqttv3.1`` of old clients."""
        offered = [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",")]
        return [name for name in offered if name.startswith(label)]

    async def _who(self, request: Request, service: str) -> tuple[Principal, str]:
        signed = sigv4.claim_of(request)
        if signed is None:
            return await self._authenticator.principal_of(request, None, service, asks=True), _REGION
        shown = request
        if signed.presigned:
            parts = request.query.split("&")
            if signed.service == _OUTSIDE:
                parts = [part for part in parts if not part.startswith(_TOKEN)]
            shown = msgspec.structs.replace(request, query="&".join(parts))
            if "X-Amz-Expires" not in shown.queries():  # it is as old as a signed request may be
                signed = msgspec.structs.replace(signed, presigned=False)
                parts = [part for part in parts if not part.startswith("X-Amz-Signature=")]
                stamp = shown.queries().get("X-Amz-Date", "")
                shown = msgspec.structs.replace(shown, query="&".join(parts),
                                                headers={**request.headers, "x-amz-date": stamp})
        return await self._authenticator.principal_of(shown, signed, service), signed.region

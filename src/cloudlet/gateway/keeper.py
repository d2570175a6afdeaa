"""The keeper of the cloudlet's own API: who moves its clock or breaks its services must show the token.

Functions reach that API as everybody on the machine does, and so does what a cloudlet itself fetches for
them; they see no file that has the token.
"""

import hmac
from collections.abc import Awaitable, Callable

import msgspec

from ..wire.http import Request, Response

HEADER = "x-cloudlet-token"
_OPEN = {("GET", "health"), ("HEAD", "health"), ("GET", "clock")}  # they tell nothing of anybody
_REFUSAL = ("This is for those who have the cloudlet's token, in the header x-cloudlet-token. It lies in the "
            "file `token` of the data folder; `cloudlet env` exports it as CLOUDLET_TOKEN.")


class Keeper:
    """Stands before what answers requests about the cloudlet itself."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]], token: str) -> None:
        self._answer, self._token = answer, token.encode()

    async def handle(self, request: Request) -> Response:
        """Answer one request, if whoever sent it may ask."""
        wish = request.method, request.path.removeprefix("/_cloudlet/").rstrip("/")
        if wish not in _OPEN and not self._shown(request):
            body = msgspec.json.encode({"message": _REFUSAL})
            return Response(403, {"content-type": "application/json"}, body)
        return await self._answer(request)

    def _shown(self, request: Request) -> bool:
        return hmac.compare_digest(request.headers.get(HEADER, "").encode(), self._token)

"""Browsers on the API itself: pages of this machine may call it, pages of other origins may not.

A cloudlet on a laptop answers whoever can reach it, and a foreign page in the user's browser can.
So a request with a foreign ``Origin`` is refused, be it one a browser would have asked about or not.
"""

from urllib.parse import urlsplit

from ..wire.http import Request, Response

_LOCAL = ("localhost", "127.0.0.1", "::1")
_EXPOSED = "x-amzn-requestid,x-amz-request-id,x-amz-id-2,x-amzn-errortype,etag,x-amz-version-id,x-amz-crc32"


class Cors:
    """Which origins may call; further ones can be named."""

    def __init__(self, origins: frozenset[str] = frozenset()) -> None:
        self._origins = origins

    def refusal(self, request: Request) -> Response | None:
        """An answer in place of the operation's: to a preflight, or to a page that may not call."""
        origin = request.headers.get("origin")
        if origin is None:
            return None
        if not self._allowed(origin):
            why = f'{{"message":"Pages of the origin {_plain(origin)} may not call this cloudlet."}}'
            return Response(403, {"content-type": "application/json"}, why.encode())
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            asked = request.headers.get("access-control-request-headers", "*")
            return self.allow(request, Response(204, {
                "access-control-allow-methods": "GET, PUT, POST, DELETE, HEAD, PATCH",
                "access-control-allow-headers": asked, "access-control-max-age": "600"}))
        return None

    def allow(self, request: Request, response: Response) -> Response:
        """Let the page read the answer."""
        origin = request.headers.get("origin")
        if origin is not None and "access-control-allow-origin" not in response.headers:
            response.headers["access-control-allow-origin"] = origin
            response.headers["access-control-expose-headers"] = _EXPOSED
            response.headers["vary"] = "origin"
        return response

    def _allowed(self, origin: str) -> bool:
        try:
            host = urlsplit(origin).hostname or ""
        except ValueError:
            return False
        return origin in self._origins or host in _LOCAL or host.endswith(".localhost")


def _plain(text: str) -> str:
    return "".join(c for c in text[:100] if c.isalnum() or c in ":/.-_")

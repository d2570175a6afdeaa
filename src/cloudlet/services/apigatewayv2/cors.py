"""An API's CORS configuration: the answer to a preflight, and the headers of every other answer.

Where an API has one, what its functions say of CORS themselves is dropped.
"""

import re
from typing import Any

from ...wire.http import Request, Response

Config = dict[str, Any]


def preflight(request: Request, cors: Config | None) -> Response | None:
    """The answer to a browser that asks whether it may; None if this is no such question."""
    if cors is None or request.method != "OPTIONS" or "origin" not in request.headers:
        return None
    if "access-control-request-method" not in request.headers:
        return None
    headers = _origin(request, cors)
    if headers:
        for member, header in (("AllowMethods", "allow-methods"), ("AllowHeaders", "allow-headers")):
            if cors.get(member):
                headers[f"access-control-{header}"] = ",".join(_wild(cors[member]))
        if cors.get("MaxAge") is not None:
            headers["access-control-max-age"] = str(cors["MaxAge"])
    return Response(204, headers)


def apply(request: Request, response: Response, cors: Config | None) -> Response:
    """``response`` with the headers that let a browser's page read it."""
    if cors is None:
        return response
    for name in [name for name in response.headers if name.startswith("access-control-")]:
        del response.headers[name]
    headers = _origin(request, cors)
    if headers and cors.get("ExposeHeaders"):
        headers["access-control-expose-headers"] = ",".join(cors["ExposeHeaders"])
    response.headers |= headers
    return response


def _origin(request: Request, cors: Config) -> dict[str, str | list[str]]:
    origin = request.headers.get("origin")
    allowed = cors.get("AllowOrigins") or []
    if origin is None or not any(_matches(pattern, origin) for pattern in allowed):
        return {}
    headers: dict[str, str | list[str]] = {"access-control-allow-origin": "*" if "*" in allowed else origin}
    if cors.get("AllowCredentials"):
        headers["access-control-allow-credentials"] = "true"
    if "*" not in allowed:
        headers["vary"] = "origin"
    return headers


def _matches(pattern: str, origin: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.lower().split("*"))), origin.lower()) is not None


def _wild(names: list[str]) -> list[str]:
    return ["*"] if "*" in names else names

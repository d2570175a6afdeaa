"""Which pages may call a function's URL.

A preflight is answered from the configuration alone. To other answers the configuration adds its headers,
beside the function's own: a function that sets them too sends two, as on AWS, and browsers refuse that.
Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
"""

from typing import Any

from ...wire.http import Request, Response

Config = dict[str, Any]


def preflight(request: Request, cors: Config) -> Response | None:
    """The answer to a browser that asks before it calls; None if the request is no such question."""
    if not cors or request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
        return None
    headers = _origin(request, cors)
    if headers:
        for key, header in (("AllowMethods", "methods"), ("AllowHeaders", "headers")):
            if cors.get(key):
                headers[f"access-control-allow-{header}"] = ",".join(cors[key])
        if cors.get("MaxAge"):
            headers["access-control-max-age"] = str(cors["MaxAge"])
    return Response(200, {"content-type": "application/json", **headers})


def allow(request: Request, cors: Config, response: Response) -> Response:
    """Let the page read the answer, if the configuration says so."""
    headers = _origin(request, cors)
    if headers and cors.get("ExposeHeaders"):
        headers["access-control-expose-headers"] = ",".join(cors["ExposeHeaders"])
    for name, value in headers.items():
        own = response.headers.get(name, [])
        response.headers[name] = [*([own] if isinstance(own, str) else own), value] if own else value
    return response


def _origin(request: Request, cors: Config) -> dict[str, str]:
    """The headers of every answer to an allowed page; a wildcard is answered with the page's own origin."""
    origin, allowed = request.headers.get("origin"), cors.get("AllowOrigins") or []
    if not origin or not ("*" in allowed or origin in allowed):
        return {}
    credentials = {"access-control-allow-credentials": "true"} if cors.get("AllowCredentials") else {}
    return {"access-control-allow-origin": origin, "vary": "Origin", **credentials}

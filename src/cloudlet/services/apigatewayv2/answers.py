"""What functions answer, as responses.

With payload 2.0 an answer without ``statusCode`` is the body itself. With 1.0 there must be one.
"""

import base64
import binascii
import json
from typing import Any

from ...wire.http import Response
from . import limits

_DEFAULT_TYPE = "text/plain;charset=UTF-8"


def failure(status: int, message: str) -> Response:
    """An answer of the gateway's own."""
    return Response(status, {"content-type": "application/json"}, json.dumps({"message": message}).encode())


def response_of(payload: bytes, version: str) -> Response:
    """The response that a function's answer stands for; 500 if it is none."""
    try:
        answer = json.loads(payload or b"null")
    except (ValueError, RecursionError):
        return failure(500, "Internal Server Error")
    if isinstance(answer, dict) and "statusCode" in answer:
        return _explicit(answer, version)
    if version != "2.0":
        return failure(500, "Internal Server Error")
    body = answer.encode() if isinstance(answer, str) else payload
    return _bounded(Response(200, {"content-type": "application/json"}, body))


def _explicit(answer: dict[str, Any], version: str) -> Response:
    try:
        status = int(answer["statusCode"])
        headers = _headers(answer, version)
        body = _body(answer)
    except (TypeError, ValueError, binascii.Error):
        return failure(500, "Internal Server Error")
    if not 100 <= status <= 599:
        return failure(500, "Internal Server Error")
    headers.setdefault("content-type", _DEFAULT_TYPE)
    return _bounded(Response(status, headers, body))


def _headers(answer: dict[str, Any], version: str) -> dict[str, str | list[str]]:
    headers: dict[str, str | list[str]] = {}
    for name, value in _mapping(answer.get("headers")).items():
        headers[name.lower()] = _text(value)
    if version == "2.0":
        cookies = answer.get("cookies") or []
        if not isinstance(cookies, list):
            raise TypeError
        if cookies:
            headers["set-cookie"] = [_text(cookie) for cookie in cookies]
    else:
        for name, values in _mapping(answer.get("multiValueHeaders")).items():
            if not isinstance(values, list):
                raise TypeError
            before = headers.get(name.lower())
            several = [_text(value) for value in values]
            if isinstance(before, str) and before not in several:
                several.insert(0, before)
            headers[name.lower()] = several
    headers.pop("content-length", None)  # the server says how long the body is
    headers.pop("transfer-encoding", None)
    return headers


def _mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def _body(answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if isinstance(body, dict | list):
        raise TypeError
    text = _text(body)
    return base64.b64decode(text, validate=True) if answer.get("isBase64Encoded") else text.encode()


def _bounded(response: Response) -> Response:
    assert isinstance(response.body, bytes)
    return response if len(response.body) <= limits.MAX_BODY else failure(500, "Internal Server Error")

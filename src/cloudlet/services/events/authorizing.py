"""OAuth for connections: the client's credentials for a token, which is kept for as long as it is good.

The request is RFC 6749's (section 4.4): a form with ``grant_type``, the client's id and its secret, to which
the connection adds parameters of its own. Where that names JSON as the content type, the request is JSON.
"""

from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from ...fabric import outgoing
from ...kernel import Call, Conversation
from . import limits
from .connections import AUTHORIZED, DEAUTHORIZED, Connection, Token, connections, secret_of, tokens
from .service import events

Config = dict[str, Any]
_EARLY_MS = 60_000  # before a token ends, a new one is asked for


class Denied(Exception):
    """The endpoint gave no token; the text says why."""


@events.task
async def authorize(call: Conversation, name: str, version: int) -> None:
    """Ask for the first token of a connection: with it the connection is authorized."""
    found = await call.transact(lambda inner: _waiting(inner, name, version))
    if found is None:
        return
    try:
        token, reason = await _ask(call, found), ""
    except Denied as denied:
        token, reason = None, str(denied)
    await call.transact(lambda inner: _settle(inner, name, version, token, reason))


async def header(call: Conversation, connection: Connection, secret: Config, refused: str) -> str:
    """The Authorization header, with a token that is good and is not the one that was ``refused``."""
    kept = await call.transact(lambda inner: tokens.get(inner, connection.name))
    if kept is not None and kept.header != refused and (not kept.until_ms or call.now_ms < kept.until_ms):
        return kept.header
    token = await _ask(call, secret)
    await call.transact(lambda inner: tokens.put(inner, connection.name, record=token))
    return token.header


def pairs(kept: Config, name: str) -> dict[str, str]:
    """The parameters of one kind that a connection adds to its requests."""
    return {one["key"]: one["value"] or "" for one in kept.get(name) or ()}


def with_query(url: str, more: dict[str, str]) -> str:
    """A URL with parameters added."""
    parts = urlsplit(url)
    query = "&".join(text for text in (parts.query, urlencode(more)) if text)
    return urlunsplit(parts._replace(query=query))


def _waiting(call: Call, name: str, version: int) -> Config | None:
    connection = connections.get(call, name)
    if connection is None or connection.version != version or not connection.secret_arn:
        return None
    return secret_of(call, connection)


def _settle(call: Call, name: str, version: int, token: Token | None, reason: str) -> None:
    connection = connections.get(call, name)
    if connection is None or connection.version != version:
        return
    connection.state = AUTHORIZED if token else DEAUTHORIZED
    connection.reason, connection.authorized_ms = reason[:512], call.now_ms
    connections.put(call, name, record=connection)
    if token:
        tokens.put(call, name, record=token)


async def _ask(call: Conversation, secret: Config) -> Token:
    more = secret.get("oauth_http_parameters") or {}
    fields = {"grant_type": "client_credentials", "client_id": secret["client_id"],
              "client_secret": secret["client_secret"], **pairs(more, "body_parameters")}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json",
               **{name.lower(): value for name, value in pairs(more, "header_parameters").items()}}
    url = with_query(secret["authorization_endpoint"], pairs(more, "query_string_parameters"))
    if secret["http_method"] == "GET":
        url, body = with_query(url, fields), b""
    elif headers["content-type"].startswith("application/json"):
        body = msgspec.json.encode(fields)
    else:
        body = urlencode(fields).encode()
    try:
        answer = await outgoing.send(secret["http_method"], url, headers, body, limits.DESTINATION_TIMEOUT_S)
    except TimeoutError:
        raise Denied("The authorization endpoint did not answer in time.") from None
    except outgoing.Unreachable as error:
        raise Denied(f"The authorization endpoint can't be reached: {error}") from None
    try:
        said = msgspec.json.decode(answer.body if isinstance(answer.body, bytes) else b"")
        access = said["access_token"]
        lasts_s = float(said.get("expires_in") or 0)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise Denied(f"The authorization endpoint gave no access token (HTTP {answer.status}).") from None
    kind = said.get("token_type") or "Bearer"
    until_ms = call.now_ms + max(round(lasts_s * 1000) - _EARLY_MS, 1000) if lasts_s else 0
    return Token(f"{'Bearer' if kind.lower() == 'bearer' else kind} {access}", until_ms)

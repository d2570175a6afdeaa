"""Connections: how API destinations are authorized. What is secret in them is kept by Secrets Manager.

A connection with OAuth is authorized once its endpoint has given a token (see :mod:`.authorizing`).
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from ...errors import AwsError, NotHonoured
from ...fabric import timers
from ...identity import service_principal
from ...kernel import Call
from ...store import Table
from . import limits
from .errors import ResourceAlreadyExistsException, ResourceNotFoundException, invalid
from .paging import page
from .records import check_room, seconds, told
from .service import events

Config = dict[str, Any]
BASIC, OAUTH, API_KEY = "BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY"
AUTHORIZED, AUTHORIZING, DEAUTHORIZED = "AUTHORIZED", "AUTHORIZING", "DEAUTHORIZED"
_MEMBERS = {BASIC: "BasicAuthParameters", OAUTH: "OAuthParameters", API_KEY: "ApiKeyAuthParameters"}
_LISTS = {"HeaderParameters": "header_parameters", "QueryStringParameters": "query_string_parameters",
          "BodyParameters": "body_parameters"}


class Connection(msgspec.Struct):
    """A connection; anybody may see what is ``shown``. ``version`` grows with each change."""

    name: str
    arn: str
    kind: str
    created_ms: int
    modified_ms: int
    state: str = AUTHORIZED
    reason: str = ""
    description: str = ""
    secret: str = ""
    secret_arn: str = ""
    shown: Config = {}
    authorized_ms: int = 0
    version: int = 1


class Token(msgspec.Struct):
    """What an authorization endpoint gave; ``until_ms`` 0 if it did not say how long it is good for."""

    header: str
    until_ms: int


connections = Table("events.connections", Connection)
tokens = Table("events.tokens", Token)


@events.operation
def create_connection(call: Call, name: str, authorization_type: str, auth_parameters: Config,
                      description: str | None = None) -> Config:
    """Create a connection."""
    if connections.get(call, name) is not None:
        raise ResourceAlreadyExistsException(f"Connection {name} already exists.")
    check_room(sum(1 for _ in connections.items(call, limit=limits.CONNECTIONS)) + 1, limits.CONNECTIONS)
    connection = Connection(name, call.arn(f"connection/{name}/{call.ids.uuid()}"), authorization_type,
                            call.now_ms, call.now_ms, description=description or "")
    connection.secret = f"events!connection/{name}/{call.ids.uuid()}"
    _authorize(call, connection, _secret_of(authorization_type, auth_parameters))
    return _changed(connection, authorized=False)


@events.operation
def update_connection(call: Call, name: str, description: str | None = None,
                      authorization_type: str | None = None, auth_parameters: Config | None = None) -> Config:
    """Change what is given; the rest stays."""
    connection = need(call, name)
    if description is not None:
        connection.description = description
    kind = authorization_type or connection.kind
    if auth_parameters is None and kind != connection.kind:
        raise invalid("AuthParameters", "They must be given with another AuthorizationType.")
    connection.modified_ms = call.now_ms
    if auth_parameters is not None:
        before = secret_of(call, connection) if connection.secret_arn and kind == connection.kind else {}
        connection.kind = kind
        connection.secret = connection.secret or f"events!connection/{name}/{call.ids.uuid()}"
        _authorize(call, connection, _secret_of(kind, auth_parameters, before))
    connections.put(call, name, record=connection)
    return _changed(connection)


@events.operation
def describe_connection(call: Call, name: str) -> Config:
    """A connection, without its secrets."""
    connection = need(call, name)
    return _changed(connection) | told(
        Name=connection.name, Description=connection.description, StateReason=connection.reason,
        AuthorizationType=connection.kind, SecretArn=connection.secret_arn, AuthParameters=connection.shown)


@events.operation
def deauthorize_connection(call: Call, name: str) -> Config:
    """Take all authorization parameters out of a connection."""
    connection = need(call, name)
    _forget_secret(call, connection)
    connection.shown, connection.state, connection.modified_ms = {}, DEAUTHORIZED, call.now_ms
    connection.version += 1
    connections.put(call, name, record=connection)
    return _changed(connection) | {"ConnectionState": "DEAUTHORIZING"}


@events.operation
def delete_connection(call: Call, name: str) -> Config:
    """Delete a connection and its secret."""
    connection = need(call, name)
    _forget_secret(call, connection)
    connections.delete(call, name)
    return _changed(connection) | {"ConnectionState": "DELETING"}


@events.operation
def list_connections(call: Call, name_prefix: str | None = None, connection_state: str | None = None,
                     next_token: str | None = None, limit: int | None = None) -> Config:
    """Connections by name."""
    def rows(after: str) -> Iterator[tuple[str, Connection]]:
        for _, connection in connections.items(call, after=(after,) if after else None):
            if connection.name.startswith(name_prefix or "") and connection_state in (None, connection.state):
                yield connection.name, connection

    return page("Connections", rows, lambda one: _changed(one) | told(
        Name=one.name, StateReason=one.reason, AuthorizationType=one.kind), next_token, limit)


def need(call: Call, name: str) -> Connection:
    """The connection of that name, or the error that there is none."""
    connection = connections.get(call, name)
    if connection is None:
        raise ResourceNotFoundException(
            f"Failed to describe the connection(s). Connection '{name}' does not exist.")
    return connection


def by_arn(call: Call, arn: str) -> Connection | None:
    """The connection that an ARN names, if it is still there."""
    connection = connections.get(call, arn.partition(":connection/")[2].partition("/")[0])
    return connection if connection is not None and connection.arn == arn else None


def secret_of(call: Call, connection: Connection) -> Config:
    """What Secrets Manager keeps for a connection."""
    itself = service_principal("events", call.account)
    found = call.invoke("secretsmanager", "GetSecretValue", as_principal=itself, SecretId=connection.secret)
    secret: Config = msgspec.json.decode(found["SecretString"])
    return secret


def _authorize(call: Call, connection: Connection, secret: Config) -> None:
    """Keep the secret, and authorize the connection, or let it be."""
    text = msgspec.json.encode(secret).decode()
    itself = service_principal("events", call.account)
    if connection.secret_arn:
        call.invoke("secretsmanager", "UpdateSecret", as_principal=itself, SecretId=connection.secret,
                    SecretString=text)
    else:
        connection.secret_arn = call.invoke("secretsmanager", "CreateSecret", as_principal=itself,
                                            Name=connection.secret, SecretString=text)["ARN"]
    connection.shown = _shown(connection.kind, secret)
    connection.version += 1
    connection.authorized_ms, connection.reason = call.now_ms, ""
    connection.state = AUTHORIZING if connection.kind == OAUTH else AUTHORIZED
    tokens.delete(call, connection.name)
    connections.put(call, connection.name, record=connection)
    if connection.kind == OAUTH:
        timers.schedule(call, "authorize", at_ms=call.now_ms, name=connection.name,
                        version=connection.version,
                        id=f"events/authorize/{connection.arn}/{connection.version}")


def _forget_secret(call: Call, connection: Connection) -> None:
    tokens.delete(call, connection.name)
    if connection.secret_arn:
        try:
            itself = service_principal("events", call.account)
            call.invoke("secretsmanager", "DeleteSecret", as_principal=itself, SecretId=connection.secret,
                        ForceDeleteWithoutRecovery=True)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
    connection.secret = connection.secret_arn = ""


def _secret_of(kind: str, given: Config, before: Config | None = None) -> Config:
    """What of the parameters is kept secret, in the form in which AWS keeps it; ``before`` fills in."""
    if given.get("ConnectivityParameters"):
        raise NotHonoured("cloudlet has no private APIs, so it refuses ConnectivityParameters.")
    own = given.get(_MEMBERS[kind]) or {}
    others = [name for one, name in _MEMBERS.items() if one != kind and given.get(name)]
    if others:
        raise invalid("AuthParameters", f"{others[0]} is not for the authorization type {kind}.")
    if kind == BASIC:
        wanted = {"username": own.get("Username"), "password": own.get("Password")}
    elif kind == API_KEY:
        wanted = {"api_key_name": own.get("ApiKeyName"), "api_key_value": own.get("ApiKeyValue")}
    else:
        client = own.get("ClientParameters") or {}
        wanted = {"client_id": client.get("ClientID"), "client_secret": client.get("ClientSecret"),
                  "authorization_endpoint": own.get("AuthorizationEndpoint"),
                  "http_method": own.get("HttpMethod")}
    found: Config = {name: value if value is not None else (before or {}).get(name)
                     for name, value in wanted.items()}
    if lacking := next((name for name, value in found.items() if value is None), None):
        raise invalid("AuthParameters", f"{_MEMBERS[kind]} lacks {lacking}.")
    for member, name in (("OAuthHttpParameters", "oauth_http_parameters"),
                         ("InvocationHttpParameters", "invocation_http_parameters")):
        source = own if member == "OAuthHttpParameters" else given
        if source.get(member) is not None:
            found[name] = _kept(source[member])
        elif before and name in before:
            found[name] = before[name]
    return found


def _kept(given: Config) -> Config:
    return {name: [{"key": one.get("Key"), "value": one.get("Value"),
                    "is_value_secret": bool(one.get("IsValueSecret"))} for one in given[member]]
            for member, name in _LISTS.items() if given.get(member)}


def _shown(kind: str, secret: Config) -> Config:
    """The parameters without what is secret."""
    if kind == BASIC:
        found: Config = {"BasicAuthParameters": {"Username": secret["username"]}}
    elif kind == API_KEY:
        found = {"ApiKeyAuthParameters": {"ApiKeyName": secret["api_key_name"]}}
    else:
        oauth = {"ClientParameters": {"ClientID": secret["client_id"]},
                 "AuthorizationEndpoint": secret["authorization_endpoint"],
                 "HttpMethod": secret["http_method"]}
        if "oauth_http_parameters" in secret:
            oauth["OAuthHttpParameters"] = _open(secret["oauth_http_parameters"])
        found = {"OAuthParameters": oauth}
    if "invocation_http_parameters" in secret:
        found["InvocationHttpParameters"] = _open(secret["invocation_http_parameters"])
    return found


def _open(kept: Config) -> Config:
    return {member: [{"Key": one["key"], "IsValueSecret": one["is_value_secret"]}
                     | ({} if one["is_value_secret"] else {"Value": one["value"]}) for one in kept[name]]
            for member, name in _LISTS.items() if kept.get(name)}


def _changed(connection: Connection, *, authorized: bool = True) -> Config:
    return told(ConnectionArn=connection.arn, ConnectionState=connection.state,
                CreationTime=seconds(connection.created_ms), LastModifiedTime=seconds(connection.modified_ms),
                LastAuthorizedTime=seconds(connection.authorized_ms) if authorized else None)

"""CloudFormation's types of archives, connections and API destinations."""

from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .resources import gone, once, plain, text
from .service import events

Config = dict[str, Any]


@events.resource("AWS::Events::Archive")
class ArchiveResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An archive; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"ArchiveName", "SourceArn"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "ArchiveName"})
    source_arn: str
    archive_name: str | None = None
    description: str | None = None
    event_pattern: Config | str | None = None
    retention_days: int | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateArchive."""
        name = self.archive_name or this.name(call.ids, 48)
        pattern = text(self.event_pattern) if self.event_pattern else None
        await once(call, this, "CreateArchive", ArchiveName=name, EventSourceArn=self.source_arn,
                   Description=self.description, RetentionDays=self.retention_days, EventPattern=pattern)
        return await _archive(call, name)

    async def update(self, call: Conversation, this: This, old: "ArchiveResource") -> Physical:
        """UpdateArchive; what is gone from the template goes back to nothing."""
        await call.invoke("events", "UpdateArchive", ArchiveName=this.physical_id,
                          Description=self.description or "",
                          RetentionDays=self.retention_days or 0,
                          EventPattern=text(self.event_pattern) if self.event_pattern else "")
        return await _archive(call, this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteArchive."""
        await gone(call, "DeleteArchive", ArchiveName=this.physical_id)


class Parameter(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A parameter that a connection adds to requests."""

    key: str
    value: str
    is_value_secret: bool | None = None


class HttpParameters(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """All that a connection adds to requests."""

    header_parameters: list[Parameter] | None = None
    query_string_parameters: list[Parameter] | None = None
    body_parameters: list[Parameter] | None = None


class Basic(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A name and a password."""

    username: str
    password: str


class ApiKey(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A header and its value."""

    api_key_name: str
    api_key_value: str


class Client(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A client of an authorization server."""

    client_id: str = msgspec.field(name="ClientID")
    client_secret: str


class OAuth(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where tokens come from."""

    client_parameters: Client
    authorization_endpoint: str
    http_method: str
    o_auth_http_parameters: HttpParameters | None = None


class AuthParameters(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How a connection is authorized."""

    basic_auth_parameters: Basic | None = None
    api_key_auth_parameters: ApiKey | None = None
    o_auth_parameters: OAuth | None = None
    invocation_http_parameters: HttpParameters | None = None


@events.resource("AWS::Events::Connection")
class ConnectionResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A connection; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "ArnForPolicy", "SecretArn"})
    authorization_type: str | None = None
    auth_parameters: AuthParameters | None = None
    name: str | None = None
    description: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateConnection."""
        name = self.name or this.name(call.ids)
        await once(call, this, "CreateConnection", Name=name, Description=self.description,
                   AuthorizationType=self.authorization_type, AuthParameters=plain(self.auth_parameters))
        return await _connection(call, name)

    async def update(self, call: Conversation, this: This, old: "ConnectionResource") -> Physical:
        """UpdateConnection."""
        await call.invoke("events", "UpdateConnection", Name=this.physical_id,
                          Description=self.description or "",
                          AuthorizationType=self.authorization_type,
                          AuthParameters=plain(self.auth_parameters))
        return await _connection(call, this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteConnection."""
        await gone(call, "DeleteConnection", Name=this.physical_id)


@events.resource("AWS::Events::ApiDestination")
class ApiDestinationResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An API destination; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "ArnForPolicy"})
    connection_arn: str
    http_method: str
    invocation_endpoint: str
    name: str | None = None
    description: str | None = None
    invocation_rate_limit_per_second: int | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateApiDestination."""
        name = self.name or this.name(call.ids)
        await once(call, this, "CreateApiDestination", Name=name, **self._settings())
        return await _destination(call, name)

    async def update(self, call: Conversation, this: This, old: "ApiDestinationResource") -> Physical:
        """UpdateApiDestination."""
        await call.invoke("events", "UpdateApiDestination", Name=this.physical_id, **self._settings())
        return await _destination(call, this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteApiDestination."""
        await gone(call, "DeleteApiDestination", Name=this.physical_id)

    def _settings(self) -> Config:
        return {"ConnectionArn": self.connection_arn, "HttpMethod": self.http_method,
                "InvocationEndpoint": self.invocation_endpoint, "Description": self.description or "",
                "InvocationRateLimitPerSecond": self.invocation_rate_limit_per_second}


async def _archive(call: Conversation, name: str) -> Physical:
    found = await call.invoke("events", "DescribeArchive", ArchiveName=name)
    return Physical(name, {"Arn": found["ArchiveArn"], "ArchiveName": name})


async def _connection(call: Conversation, name: str) -> Physical:
    found = await call.invoke("events", "DescribeConnection", Name=name)
    arn = found["ConnectionArn"]
    return Physical(name, {"Arn": arn, "ArnForPolicy": arn.rpartition("/")[0],
                           "SecretArn": found.get("SecretArn", "")})


async def _destination(call: Conversation, name: str) -> Physical:
    arn = (await call.invoke("events", "DescribeApiDestination", Name=name))["ApiDestinationArn"]
    return Physical(name, {"Arn": arn, "ArnForPolicy": arn.rpartition("/")[0]})

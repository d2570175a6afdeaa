"""API Gateway V2's CloudFormation types, of HTTP APIs."""

import json
from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .errors import ConflictException, NotFoundException
from .service import apigatewayv2

_NAME = "apigatewayv2"
Members = dict[str, Any]


def _given(struct: Any, *left_out: str) -> Members:
    """The properties that a template gives, in AWS's names; those that are ``left_out`` are no members."""
    found = msgspec.to_builtins(struct)
    return {name: value for name, value in found.items() if value is not None and name not in left_out}


class _Cors(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    allow_credentials: bool = False
    allow_headers: list[str] | None = None
    allow_methods: list[str] | None = None
    allow_origins: list[str] | None = None
    expose_headers: list[str] | None = None
    max_age: int | None = None


@apigatewayv2.resource("AWS::ApiGatewayV2::Api")
class Api(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An HTTP API, from its properties or from an OpenAPI document."""

    REPLACED_BY: ClassVar = frozenset({"ProtocolType"})
    ATTRIBUTES: ClassVar = frozenset({"ApiEndpoint", "ApiId"})
    name: str | None = None
    protocol_type: str = "HTTP"
    body: dict[str, Any] | None = None
    fail_on_warnings: bool | None = None
    description: str | None = None
    version: str | None = None
    cors_configuration: _Cors | None = None
    disable_execute_api_endpoint: bool | None = None
    route_selection_expression: str | None = None
    route_key: str | None = None
    target: str | None = None
    tags: dict[str, str] | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the API."""
        tags: dict[str, str] = this.tags | (self.tags or {})
        if self.body is None:
            members: Members = (
                {"Name": this.stack_name} | self._members() | {"ProtocolType": self.protocol_type}
            )
            made = await call.invoke(_NAME, "CreateApi", **members, Tags=tags)
            return _physical(made)
        made = await call.invoke(_NAME, "ImportApi", Body=json.dumps(self.body))
        return await self._finish(call, made["ApiId"], tags)

    async def update(self, call: Conversation, this: This, old: "Api") -> Physical:
        """Change the API; what a document no longer has is removed."""
        id = this.physical_id
        if self.body is not None:
            await call.invoke(_NAME, "ReimportApi", ApiId=id, Body=json.dumps(self.body))
        elif old.cors_configuration and not self.cors_configuration:
            await call.invoke(_NAME, "DeleteCorsConfiguration", ApiId=id)
        arn, tags = f"arn:aws:apigateway:{call.region}::/apis/{id}", this.tags | (self.tags or {})
        gone = (old.tags or {}).keys() - tags.keys()
        if gone:
            await call.invoke(_NAME, "UntagResource", ResourceArn=arn, TagKeys=list(gone))
        return await self._finish(call, id, tags)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the API."""
        with suppress(NotFoundException):
            await call.invoke(_NAME, "DeleteApi", ApiId=this.physical_id)

    async def _finish(self, call: Conversation, id: str, tags: dict[str, str]) -> Physical:
        """Tags, and what the properties say beside the document."""
        if tags:
            await call.invoke(
                _NAME, "TagResource", ResourceArn=f"arn:aws:apigateway:{call.region}::/apis/{id}", Tags=tags
            )
        return _physical(await call.invoke(_NAME, "UpdateApi", ApiId=id, **self._members()))

    def _members(self) -> Members:
        return _given(self, "Body", "FailOnWarnings", "ProtocolType", "Tags")


class _RouteSettings(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    throttling_burst_limit: int | None = None
    throttling_rate_limit: float | None = None
    data_trace_enabled: bool = False
    detailed_metrics_enabled: bool = False
    logging_level: str | None = None


@apigatewayv2.resource("AWS::ApiGatewayV2::Stage")
class Stage(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A stage."""

    REPLACED_BY: ClassVar = frozenset({"ApiId", "StageName"})
    api_id: str
    stage_name: str
    auto_deploy: bool = False
    deployment_id: str | None = None
    description: str | None = None
    stage_variables: dict[str, str] | None = None
    default_route_settings: _RouteSettings | None = None
    route_settings: dict[str, _RouteSettings] | None = None
    access_log_settings: dict[str, str] | None = None
    tags: dict[str, str] | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the stage."""
        try:
            await call.invoke(
                _NAME, "CreateStage", **_given(self, "Tags"), Tags=this.tags | (self.tags or {})
            )
        except ConflictException:
            if not this.resumed:
                raise
        return Physical(self.stage_name)

    async def update(self, call: Conversation, this: This, old: "Stage") -> Physical:
        """Change the stage."""
        where: Members = {"ApiId": self.api_id, "StageName": self.stage_name}
        for key in (old.route_settings or {}).keys() - (self.route_settings or {}).keys():
            await call.invoke(_NAME, "DeleteRouteSettings", **where, RouteKey=key)
        if old.access_log_settings and not self.access_log_settings:
            await call.invoke(_NAME, "DeleteAccessLogSettings", **where)
        gone = (old.stage_variables or {}).keys() - (self.stage_variables or {}).keys()
        members = _given(self, "Tags") | {
            "StageVariables": dict.fromkeys(gone, "") | (self.stage_variables or {}),
            "DefaultRouteSettings": msgspec.to_builtins(self.default_route_settings or _RouteSettings())}
        await call.invoke(_NAME, "UpdateStage", **members)
        arn = f"arn:aws:apigateway:{call.region}::/apis/{self.api_id}/stages/{self.stage_name}"
        tags: dict[str, str] = this.tags | (self.tags or {})
        untagged = (old.tags or {}).keys() - tags.keys()
        if untagged:
            await call.invoke(_NAME, "UntagResource", ResourceArn=arn, TagKeys=list(untagged))
        if tags:
            await call.invoke(_NAME, "TagResource", ResourceArn=arn, Tags=tags)
        return Physical(self.stage_name)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the stage."""
        with suppress(NotFoundException):
            await call.invoke(_NAME, "DeleteStage", ApiId=self.api_id, StageName=this.physical_id)


@apigatewayv2.resource("AWS::ApiGatewayV2::Integration")
class Integration(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An integration."""

    REPLACED_BY: ClassVar = frozenset({"ApiId"})
    ATTRIBUTES: ClassVar = frozenset({"IntegrationId"})
    api_id: str
    integration_type: str
    integration_subtype: str | None = None
    integration_uri: str | None = None
    integration_method: str | None = None
    credentials_arn: str | None = None
    request_parameters: dict[str, str] | None = None
    response_parameters: dict[str, dict[str, Any]] | None = None
    connection_type: str | None = None
    payload_format_version: str | None = None
    timeout_in_millis: int | None = None
    description: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the integration."""
        made = await call.invoke(_NAME, "CreateIntegration", **self._members())
        return Physical(made["IntegrationId"], {"IntegrationId": made["IntegrationId"]})

    async def update(self, call: Conversation, this: This, old: "Integration") -> Physical:
        """Change the integration."""
        members, before = self._members(), old._members()
        for name, nothing in (("RequestParameters", ""), ("ResponseParameters", {})):
            if gone := before.get(name, {}).keys() - members.get(name, {}).keys():
                members[name] = {**dict.fromkeys(gone, nothing), **members.get(name, {})}
        await call.invoke(_NAME, "UpdateIntegration", IntegrationId=this.physical_id, **members)
        return Physical(this.physical_id, {"IntegrationId": this.physical_id})

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the integration."""
        with suppress(NotFoundException):
            await call.invoke(_NAME, "DeleteIntegration", ApiId=self.api_id, IntegrationId=this.physical_id)

    def _members(self) -> Members:
        """The members; a template writes response parameters as lists of Source and Destination."""
        found = _given(self)
        if self.response_parameters:
            found["ResponseParameters"] = {
                status: {pair["Destination"]: pair["Source"] for pair in one["ResponseParameters"]}
                if "ResponseParameters" in one else one for status, one in self.response_parameters.items()}
        return found


@apigatewayv2.resource("AWS::ApiGatewayV2::Route")
class Route(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A route."""

    REPLACED_BY: ClassVar = frozenset({"ApiId"})
    ATTRIBUTES: ClassVar = frozenset({"RouteId"})
    api_id: str
    route_key: str
    target: str | None = None
    authorization_type: str = "NONE"
    authorizer_id: str | None = None
    authorization_scopes: list[str] | None = None
    operation_name: str | None = None
    api_key_required: bool | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the route."""
        try:
            id = (await call.invoke(_NAME, "CreateRoute", **_given(self)))["RouteId"]
        except ConflictException:
            if not this.resumed:
                raise
            found = (await call.invoke(_NAME, "GetRoutes", ApiId=self.api_id, MaxResults="1000"))["Items"]
            id = next(one["RouteId"] for one in found if one["RouteKey"] == self.route_key)
        return Physical(id, {"RouteId": id})

    async def update(self, call: Conversation, this: This, old: "Route") -> Physical:
        """Change the route."""
        await call.invoke(_NAME, "UpdateRoute", RouteId=this.physical_id, **_given(self))
        return Physical(this.physical_id, {"RouteId": this.physical_id})

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the route."""
        with suppress(NotFoundException):
            await call.invoke(_NAME, "DeleteRoute", ApiId=self.api_id, RouteId=this.physical_id)


@apigatewayv2.resource("AWS::ApiGatewayV2::Authorizer")
class Authorizer(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An authorizer."""

    REPLACED_BY: ClassVar = frozenset({"ApiId"})
    ATTRIBUTES: ClassVar = frozenset({"AuthorizerId"})
    api_id: str
    name: str
    authorizer_type: str
    identity_source: list[str] = []
    authorizer_uri: str | None = None
    authorizer_payload_format_version: str | None = None
    authorizer_result_ttl_in_seconds: int | None = None
    enable_simple_responses: bool | None = None
    jwt_configuration: dict[str, Any] | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the authorizer."""
        try:
            id = (await call.invoke(_NAME, "CreateAuthorizer", **_given(self)))["AuthorizerId"]
        except ConflictException:
            if not this.resumed:
                raise
            found = (await call.invoke(_NAME, "GetAuthorizers", ApiId=self.api_id))["Items"]
            id = next(one["AuthorizerId"] for one in found if one["Name"] == self.name)
        return Physical(id, {"AuthorizerId": id})

    async def update(self, call: Conversation, this: This, old: "Authorizer") -> Physical:
        """Change the authorizer."""
        await call.invoke(_NAME, "UpdateAuthorizer", AuthorizerId=this.physical_id, **_given(self))
        return Physical(this.physical_id, {"AuthorizerId": this.physical_id})

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the authorizer."""
        with suppress(NotFoundException):
            await call.invoke(_NAME, "DeleteAuthorizer", ApiId=self.api_id, AuthorizerId=this.physical_id)


@apigatewayv2.resource("AWS::ApiGatewayV2::Deployment")
class Deployment(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A deployment."""

    REPLACED_BY: ClassVar = frozenset({"ApiId", "StageName"})
    ATTRIBUTES: ClassVar = frozenset({"DeploymentId"})
    api_id: str
    description: str | None = None
    stage_name: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the deployment."""
        made = await call.invoke(_NAME, "CreateDeployment", **_given(self))
        return Physical(made["DeploymentId"], {"DeploymentId": made["DeploymentId"]})

    async def update(self, call: Conversation, this: This, old: "Deployment") -> Physical:
        """Change the deployment's description."""
        await call.invoke(_NAME, "UpdateDeployment", ApiId=self.api_id, DeploymentId=this.physical_id,
                          Description=self.description or "")
        return Physical(this.physical_id, {"DeploymentId": this.physical_id})

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the deployment; one that a stage still serves goes with the API."""
        with suppress(NotFoundException):
            await call.invoke(_NAME, "DeleteDeployment", ApiId=self.api_id, DeploymentId=this.physical_id)


def _physical(shown: Members) -> Physical:
    return Physical(shown["ApiId"], {"ApiEndpoint": shown["ApiEndpoint"], "ApiId": shown["ApiId"]})

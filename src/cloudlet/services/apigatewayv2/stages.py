"""Stages and deployments.

A stage with auto deploy serves the API as it is. One without serves a deployment, which is a copy of
the API's parts as they were when it was made.
"""

import re

import msgspec

from ...arn import Arn
from ...kernel import Call
from . import limits
from .errors import BadRequestException, ConflictException, NotFoundException, TooManyRequestsException
from .records import (
    BELL,
    Config,
    Deployment,
    Stage,
    contents_of,
    deployments,
    given,
    need,
    need_api,
    page,
    remove,
    save,
    shown,
    stages,
    tagged,
)
from .service import apigatewayv2

_NAME = re.compile(r"[\w-]{1,128}|\$default", re.ASCII)
_THROTTLING = {"ThrottlingBurstLimit", "ThrottlingRateLimit"}


@apigatewayv2.operation
def create_stage(call: Call, api_id: str, stage_name: str, auto_deploy: bool = False,
                 deployment_id: str | None = None, description: str | None = None,
                 stage_variables: dict[str, str] | None = None, default_route_settings: Config | None = None,
                 route_settings: dict[str, Config] | None = None, access_log_settings: Config | None = None,
                 tags: dict[str, str] | None = None) -> Config:
    """Publish an API under a name."""
    need_api(call, api_id)
    if not _NAME.fullmatch(stage_name):
        raise BadRequestException("Stage name only allows a-zA-Z0-9_- or $default")
    if stages.get(call, api_id, stage_name):
        raise ConflictException("Stage already exists")
    if len(list(stages.items(call, api_id))) >= limits.MAX_STAGES:
        raise TooManyRequestsException(f"An API can have no more than {limits.MAX_STAGES} stages")
    moment = call.now_ms // 1000
    stage = Stage(stage_name=stage_name, created_date=moment, last_updated_date=moment, tags=tagged({}, tags),
                  auto_deploy=auto_deploy, **given(
                      deployment_id=deployment_id, description=description, stage_variables=stage_variables,
                      default_route_settings=default_route_settings, route_settings=route_settings,
                      access_log_settings=access_log_settings))
    _check(call, api_id, stage)
    save(call, stages, api_id, stage_name, stage)
    return shown(stage)


@apigatewayv2.operation
def update_stage(call: Call, api_id: str, stage_name: str, auto_deploy: bool | None = None,
                 deployment_id: str | None = None, description: str | None = None,
                 stage_variables: dict[str, str] | None = None, default_route_settings: Config | None = None,
                 route_settings: dict[str, Config] | None = None,
                 access_log_settings: Config | None = None) -> Config:
    """Change a stage. A stage variable with an empty value is removed."""
    old = need(call, stages, "stage", api_id, stage_name)
    if stage_variables is not None:
        merged = {**old.stage_variables, **stage_variables}
        stage_variables = {name: value for name, value in merged.items() if value}
    if route_settings is not None:
        route_settings = {**old.route_settings, **route_settings}
    stage = msgspec.structs.replace(old, last_updated_date=call.now_ms // 1000, **given(
        auto_deploy=auto_deploy, deployment_id=deployment_id, description=description,
        stage_variables=stage_variables, default_route_settings=default_route_settings,
        route_settings=route_settings, access_log_settings=access_log_settings))
    if old.auto_deploy and not stage.auto_deploy and not deployment_id:
        stage.deployment_id = _deploy(call, api_id, None).id  # it goes on serving what it served until now
    elif stage.auto_deploy and not deployment_id:
        stage.deployment_id = None
    _check(call, api_id, stage)
    save(call, stages, api_id, stage_name, stage)
    return shown(stage)


@apigatewayv2.operation
def get_stage(call: Call, api_id: str, stage_name: str) -> Config:
    """A stage."""
    return shown(need(call, stages, "stage", api_id, stage_name))


@apigatewayv2.operation
def get_stages(
    call: Call, api_id: str, max_results: str | None = None, next_token: str | None = None
) -> Config:
    """The stages of an API."""
    need_api(call, api_id)
    return page((shown(one) for _, one in stages.items(call, api_id)), max_results, next_token)


@apigatewayv2.operation
def delete_stage(call: Call, api_id: str, stage_name: str) -> None:
    """Publish an API under that name no more."""
    need(call, stages, "stage", api_id, stage_name)
    remove(call, stages, api_id, stage_name)


@apigatewayv2.operation
def delete_route_settings(call: Call, api_id: str, stage_name: str, route_key: str) -> None:
    """Let the stage's default settings hold for a route again."""
    stage = need(call, stages, "stage", api_id, stage_name)
    if stage.route_settings.pop(route_key, None) is None:
        raise NotFoundException(f"There are no settings of the route {route_key} in the stage {stage_name}")
    save(call, stages, api_id, stage_name, stage)


@apigatewayv2.operation
def delete_access_log_settings(call: Call, api_id: str, stage_name: str) -> None:
    """Log no more who visits a stage."""
    stage = need(call, stages, "stage", api_id, stage_name)
    stage.access_log_settings = None
    save(call, stages, api_id, stage_name, stage)


@apigatewayv2.operation
def create_deployment(call: Call, api_id: str, description: str | None = None,
                      stage_name: str | None = None) -> Config:
    """Copy an API's parts as they are now; a stage that is named serves them from now on."""
    if not contents_of(call, need_api(call, api_id).api_id).routes:
        raise BadRequestException("Unable to deploy API because no routes exist in this API")
    deployment = _deploy(call, api_id, description)
    if stage_name is not None:
        stage = need(call, stages, "stage", api_id, stage_name)
        if stage.auto_deploy:
            raise BadRequestException("Deployment ID cannot be set on stages with AutoDeploy enabled")
        stage.deployment_id, stage.last_updated_date = deployment.id, call.now_ms // 1000
        save(call, stages, api_id, stage_name, stage)
    return _shown(deployment)


@apigatewayv2.operation
def update_deployment(call: Call, api_id: str, deployment_id: str, description: str | None = None) -> Config:
    """Change a deployment's description."""
    deployment = need(call, deployments, "deployment", api_id, deployment_id)
    deployment.description = description if description is not None else deployment.description
    save(call, deployments, api_id, deployment_id, deployment)
    return _shown(deployment)


@apigatewayv2.operation
def get_deployment(call: Call, api_id: str, deployment_id: str) -> Config:
    """A deployment."""
    return _shown(need(call, deployments, "deployment", api_id, deployment_id))


@apigatewayv2.operation
def get_deployments(call: Call, api_id: str, max_results: str | None = None,
                    next_token: str | None = None) -> Config:
    """The deployments of an API."""
    need_api(call, api_id)
    return page((_shown(one) for _, one in deployments.items(call, api_id)), max_results, next_token)


@apigatewayv2.operation
def delete_deployment(call: Call, api_id: str, deployment_id: str) -> None:
    """Remove a deployment that no stage serves."""
    need(call, deployments, "deployment", api_id, deployment_id)
    if any(stage.deployment_id == deployment_id for _, stage in stages.items(call, api_id)):
        raise BadRequestException("Active stages pointing to this deployment must be moved or deleted")
    remove(call, deployments, api_id, deployment_id)


def _deploy(call: Call, api_id: str, description: str | None) -> Deployment:
    deployment = Deployment(call.ids.text(6), call.now_ms / 1000, contents_of(call, api_id), description)
    save(call, deployments, api_id, deployment.id, deployment)
    return deployment


def _shown(deployment: Deployment) -> Config:
    found: Config = {"DeploymentId": deployment.id, "CreatedDate": deployment.created_s,
                     "DeploymentStatus": "DEPLOYED", "AutoDeployed": False}
    return found | ({"Description": deployment.description} if deployment.description else {})


def _check(call: Call, api_id: str, stage: Stage) -> None:
    if stage.deployment_id is not None:
        if stage.auto_deploy:
            raise BadRequestException("Deployment ID cannot be set on stages with AutoDeploy enabled")
        if deployments.get(call, api_id, stage.deployment_id) is None:
            raise NotFoundException("Deployment does not exist")
    for settings in (stage.default_route_settings, *stage.route_settings.values()):
        refused = {name for name, value in settings.items() if value not in (None, False)} - _THROTTLING
        if refused:
            raise BadRequestException(
                f"cloudlet does not honour these route settings: {', '.join(sorted(refused))}"
            )
    _check_logging(stage.access_log_settings)


def _check_logging(settings: Config | None) -> None:
    if settings is None:
        return
    try:
        arn = Arn.parse(settings.get("DestinationArn", ""))
    except ValueError:
        arn = None
    if arn is None or arn.service != "logs" or not arn.resource.startswith("log-group:"):
        raise BadRequestException("Invalid ARN specified in the request: access logs go to a log group")
    if "$context." not in settings.get("Format", ""):
        raise BadRequestException("The access log format must name at least one $context variable")


@apigatewayv2.operation
def reset_authorizers_cache(call: Call, api_id: str, stage_name: str) -> None:
    """Forget what authorizers said."""
    need(call, stages, "stage", api_id, stage_name)
    call.tx.ring(BELL)

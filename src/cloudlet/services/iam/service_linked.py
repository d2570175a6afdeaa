"""Service-linked roles: made for one service, changed by nobody, named as the service wants."""

import json
from typing import Any

from ...errors import ValidationError
from ...kernel import Call
from . import limits
from . import roles as role_operations
from .entities import SERVICE_LINKED, create, find
from .errors import InvalidInputException, NoSuchEntityException
from .records import Role, remove, roles, unique_id
from .service import iam

_NAMES = {  # what a service's role is called, where it is not the service's own name
    "autoscaling": "AutoScaling", "elasticloadbalancing": "ElasticLoadBalancing",
    "es": "AmazonElasticsearchService",
    "opensearchservice": "AmazonOpenSearchService", "rds": "RDS", "ecs": "ECS",
    "ops.apigateway": "APIGateway",
    "lambda": "Lambda", "dynamodb.application-autoscaling": "ApplicationAutoScaling_DynamoDBTable",
    "replication.dynamodb": "DynamoDBReplication", "events": "CloudWatchEvents", "elasticache": "ElastiCache",
    "eks": "AmazonEKS", "organizations": "Organizations", "ssm": "AmazonSSM", "config": "Config",
    "apidestinations.events": "AmazonEventBridgeApiDestinations", "pipes": "AmazonEventBridgePipes",
    "spot": "EC2Spot", "logs": "LogDelivery", "delivery.logs": "LogDelivery", "states": "StepFunctions",
    "email.cognito-idp": "AmazonCognitoIdpEmailService", "cognito-idp": "AmazonCognitoIdp"}
_SUFFIXED = ("autoscaling", "connect", "lex", "lexv2")  # services that allow a suffix


@iam.operation
def create_service_linked_role(call: Call, aws_service_name: str, description: str | None = None,
                               custom_suffix: str | None = None) -> dict[str, Any]:
    """Make the role that a service wants for itself."""
    service = aws_service_name.removesuffix(".amazonaws.com")
    if service == aws_service_name:
        raise InvalidInputException(f"Invalid service name: {aws_service_name}")
    if custom_suffix and service not in _SUFFIXED:
        raise InvalidInputException(f"Custom suffix is not allowed for {aws_service_name}")
    label = _NAMES.get(service) or service.replace(".", "").capitalize()
    name = f"AWSServiceRoleFor{label}" + (f"_{custom_suffix}" if custom_suffix else "")
    if roles.get(call, name.lower()) is not None:
        raise InvalidInputException(f"Service role name {name} has been taken in this account, please try a "
                                    "different suffix.")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": aws_service_name}, "Action": "sts:AssumeRole"}]})
    role = Role(name, unique_id(call, "role"), f"{SERVICE_LINKED}{aws_service_name}/", call.now_ms // 1000,
                trust,
                description)
    create(call, role, roles, limits.ROLES)
    return {"Role": role_operations.show(call, role)}


@iam.operation
def delete_service_linked_role(call: Call, role_name: str) -> dict[str, Any]:
    """Remove the role of a service, at once."""
    role = find(call, roles, role_name)
    if not role.path.startswith(SERVICE_LINKED):
        raise ValidationError(f"{role_name} is not a service-linked role.")
    remove(call, role)
    return {"DeletionTaskId": f"task{role.path}{role.name}/{call.ids.uuid()}"}


@iam.operation
def get_service_linked_role_deletion_status(call: Call, deletion_task_id: str) -> dict[str, Any]:
    """A deletion happens at once here, so whoever asks finds it done."""
    if not deletion_task_id.startswith(f"task{SERVICE_LINKED}"):
        raise NoSuchEntityException(f"Deletion task with ID {deletion_task_id} cannot be found.")
    return {"Status": "SUCCEEDED"}

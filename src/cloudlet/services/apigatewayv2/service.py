"""The API Gateway V2 service."""

from typing import Any

from ...kernel import Service
from ...wire import validate
from ...wire.model import OperationModel
from .errors import BadRequestException


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    """Hold a request against the model; what is wrong with it is always a BadRequestException."""
    if spec.input:
        found = validate.violations(params, spec.input)
        if found:
            raise BadRequestException(validate.message(found))


apigatewayv2 = Service("apigatewayv2", check=_check, harmless={
    "ImportApi.FailOnWarnings": "what AWS warns of is an error here",
    "ReimportApi.FailOnWarnings": "what AWS warns of is an error here",
})

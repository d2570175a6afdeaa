"""The data plane of AWS IoT. What its model forbids it calls an invalid request."""

from typing import Any

from ...kernel import Service
from ...wire import validate
from ...wire.model import OperationModel
from .errors import InvalidRequestException


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    found = validate.violations(params, spec.input) if spec.input else []
    if found:
        raise InvalidRequestException(validate.message(found))


iot_data = Service("iot-data", check=_check)

"""The model's constraints, and Lambda's own words for a runtime that there never was."""

from typing import Any

from ...errors import ValidationException
from ...wire import validate
from ...wire.model import OperationModel
from .errors import InvalidParameterValueException

DEPRECATED = frozenset((  # the model knows them, and AWS lets no function be created or updated with them
    "nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x",
    "nodejs14.x", "java8", "python2.7", "python3.6", "python3.7", "dotnetcore1.0", "dotnetcore2.0",
    "dotnetcore2.1", "dotnetcore3.1", "go1.x", "ruby2.5", "ruby2.7", "provided"))


def check(spec: OperationModel, params: dict[str, Any]) -> None:
    """Hold a request against the model."""
    if spec.input is None:
        return
    runtime = params.get("Runtime")
    others = params if runtime is None else {name: params[name] for name in params if name != "Runtime"}
    found = validate.violations(others, spec.input)
    if found:
        raise ValidationException(validate.message(found))
    known = () if runtime is None else spec.input.shape.members["Runtime"].shape.enum
    if runtime is not None and runtime not in known:
        supported = ", ".join(name for name in known if name not in DEPRECATED)
        raise InvalidParameterValueException(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{supported}] or be a valid ARN")

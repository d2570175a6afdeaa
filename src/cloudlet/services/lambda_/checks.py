"""What is asked of a function's configuration that the model's constraints don't say."""

import re
from functools import partial
from typing import Any

import msgspec

from ...functions import Pool
from ...kernel import Conversation
from .errors import InvalidParameterValueException
from .layers import check_use
from .limits import ENVIRONMENT, LAYERS, MEMORY_MB, TIMEOUT_S

_RESERVED = re.compile(
    r"(_HANDLER|_X_AMZN_TRACE_ID|AWS_(REGION|DEFAULT_REGION|EXECUTION_ENV|LAMBDA_\w+|ACCESS_KEY|"
    r"ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(TASK_ROOT|RUNTIME_DIR))"
)
_UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided"
)
Config = dict[str, Any]


def check(call: Conversation, runtime: str | None, vpc_config: Config | None,
           environment: Config | None) -> None:
    """What the model's constraints don't say."""
    if runtime:
        call.use(Pool).runtimes.serving(runtime)
    if (vpc_config or {}).get("SubnetIds") or (vpc_config or {}).get("SecurityGroupIds"):
        raise InvalidParameterValueException("There are no VPCs here: leave VpcConfig out.")
    variables = (environment or {}).get("Variables", {})
    for key in variables:
        if _RESERVED.fullmatch(key):
            raise InvalidParameterValueException(
                f"{_UNABLE} contains reserved keys that are currently not supported for modification. "
                f"Reserved keys used in this request: {key}")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in variables.items())
    if size > ENVIRONMENT:
        raise InvalidParameterValueException(
            f"{_UNABLE} exceeded the {ENVIRONMENT // 1024}KB limit. "
            f"String measured: {msgspec.json.encode(variables).decode()[:200]}")


def check_size(timeout: int | None, memory_size: int | None) -> None:
    """Quotas that have been raised for some kinds of functions, and so are not in the model any more."""
    for value, name, most in ((timeout, "timeout", TIMEOUT_S), (memory_size, "memorySize", MEMORY_MB)):
        if value is not None and value > most:
            raise InvalidParameterValueException(
                f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
                f"Member must have value less than or equal to {most}")


async def check_layers(call: Conversation, layers: list[str] | None) -> None:
    """Layers must be there, and not too many."""
    if layers and len(layers) > LAYERS:
        raise InvalidParameterValueException(f"Cannot reference more than {LAYERS} layers.")
    for arn in layers or ():
        await call.transact(partial(check_use, arn=arn))

"""What is asked of a function's settings that the model's constraints don't say."""

import re
from typing import Any

import msgspec

from ...errors import NotHonoured, ValidationException
from ...functions import Pool
from ...kernel import Conversation
from .constraints import DEPRECATED
from .errors import InvalidParameterValueException
from .limits import (
    ENVIRONMENT,
    MEMORY_MB,
    NAME,
    TAG_KEY,
    TAG_VALUE,
    TAGS,
    TIMEOUT_S,
    TMP_MB,
    UNZIPPED_SIZE,
)
from .records import Version

_RESERVED = re.compile(
    r"(_HANDLER|_X_AMZN_TRACE_ID|AWS_(REGION|DEFAULT_REGION|EXECUTION_ENV|LAMBDA_(?!EXEC_WRAPPER$)\w+|"
    r"ACCESS_KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(TASK_ROOT|RUNTIME_DIR))"
)
_UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided"
)
NO_LEVELS = ('LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request '
             'or change the LogFormat to "JSON" and try again.')
Config = dict[str, Any]


def name(text: str) -> None:
    """A function's name alone is shorter than a name that may be an ARN."""
    if len(text) > NAME:
        raise InvalidParameterValueException(
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {NAME}")


def runtime(call: Conversation, wanted: str | None) -> None:
    """AWS must still support a runtime, and this machine must have it."""
    if wanted is None:
        return
    if wanted in DEPRECATED:
        raise InvalidParameterValueException(
            f"The runtime parameter of {wanted} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions.")
    call.use(Pool).runtimes.serving(wanted)


def absent(vpc_config: Config | None) -> None:
    """What there is not may be named only to say that it is not wanted."""
    if any((vpc_config or {}).values()):
        raise NotHonoured("There are no VPCs here: cloudlet does not honour VpcConfig, unless it is empty.")


def environment(wanted: Config | None) -> None:
    """Variables must not be Lambda's own, nor too large together."""
    variables = (wanted or {}).get("Variables") or {}
    reserved = [key for key in variables if _RESERVED.fullmatch(key)]
    if reserved:
        raise InvalidParameterValueException(
            f"{_UNABLE} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in variables.items())
    if size > ENVIRONMENT:
        raise InvalidParameterValueException(
            f"{_UNABLE} exceeded the {ENVIRONMENT // 1024}KB limit. "
            f"String measured: {msgspec.json.encode(variables).decode()}")


def sizes(timeout: int | None, memory_size: int | None, tmp_mb: int | None) -> None:
    """Quotas that have been raised for some kinds of functions, and so are not in the model any more."""
    for value, what, most in ((timeout, "timeout", TIMEOUT_S), (memory_size, "memorySize", MEMORY_MB),
                              (tmp_mb, "ephemeralStorage.size", TMP_MB)):
        if value is not None and value > most:
            raise ValidationException(
                f"1 validation error detected: Value '{value}' at '{what}' failed to satisfy constraint: "
                f"Member must have value less than or equal to {most}")


def logging(wanted: Config | None) -> None:
    """Levels are of JSON logs."""
    if wanted and wanted.get("LogFormat") == "Text" and any(key.endswith("Level") for key in wanted):
        raise InvalidParameterValueException(NO_LEVELS)


def unzipped(record: Version) -> None:
    """Code and layers together must not be too large."""
    size = record.unzipped + sum(layer.unzipped for layer in record.layers)
    if size > UNZIPPED_SIZE:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_SIZE} bytes. "
            f"The actual size is {size} bytes.")


def tags(wanted: dict[str, str]) -> None:
    """Tags must not be too many or too long, nor AWS's own."""
    if len(wanted) > TAGS:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    for key, value in wanted.items():
        if key.lower().startswith("aws:"):
            raise InvalidParameterValueException(
                "aws: prefixed tag key names are not allowed for external use.")
        if not 0 < len(key) <= TAG_KEY or len(value) > TAG_VALUE:
            raise InvalidParameterValueException(
                f"Tag keys have 1 to {TAG_KEY} characters, values at most {TAG_VALUE}: not so {key!r}.")

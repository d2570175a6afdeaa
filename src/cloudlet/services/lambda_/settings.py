"""A function's settings, as CreateFunction and UpdateFunctionConfiguration take them: checked, then kept."""

import msgspec

from ...kernel import Conversation
from . import checks, layers
from .checks import Config
from .errors import InvalidParameterValueException
from .records import Version


class Settings(msgspec.Struct):
    """What a request says of a function, with AWS's names; None where it says nothing."""

    role: str | None = None
    runtime: str | None = None
    handler: str | None = None
    description: str | None = None
    timeout: int | None = None
    memory_size: int | None = None
    environment: Config | None = None
    dead_letter_config: Config | None = None
    ephemeral_storage: Config | None = None
    layers: list[str] | None = None
    logging_config: Config | None = None
    tracing_config: Config | None = None
    snap_start: Config | None = None
    vpc_config: Config | None = None


async def checked(call: Conversation, said: Settings) -> Config:
    """What must change in a version, once all of it is found to be sound."""
    checks.runtime(call, said.runtime)
    checks.absent(said.vpc_config)
    checks.environment(said.environment)
    tmp_mb = said.ephemeral_storage["Size"] if said.ephemeral_storage else None
    checks.sizes(said.timeout, said.memory_size, tmp_mb)
    checks.logging(said.logging_config)
    mounted = None
    if said.layers is not None:
        mounted = await call.transact(lambda inner: layers.mounted(inner, said.layers or []))
    dead_letter = None if said.dead_letter_config is None else said.dead_letter_config.get("TargetArn") or ""
    changes: Config = {
        "role": said.role,
        "runtime": said.runtime,
        "handler": said.handler,
        "description": said.description,
        "timeout_s": said.timeout,
        "memory_mb": said.memory_size,
        "environment": None if said.environment is None else said.environment.get("Variables") or {},
        "dead_letter": dead_letter,
        "tmp_mb": tmp_mb,
        "layers": mounted,
        "tracing": said.tracing_config.get("Mode") or "PassThrough" if said.tracing_config else None,
        "logging": said.logging_config,
        "snap_start": said.snap_start.get("ApplyOn") or "None" if said.snap_start else None,
    }
    return {key: value for key, value in changes.items() if value is not None}


def changed(record: Version, changes: Config) -> Version:
    """The version with what a request says; how it logs is said piece by piece."""
    logging = record.logging | changes.get("logging", {})
    if logging.get("LogFormat", "Text") == "Text":
        if set(changes.get("logging", {})) & {"ApplicationLogLevel", "SystemLogLevel"}:
            raise InvalidParameterValueException(checks.NO_LEVELS)
        logging = {key: value for key, value in logging.items() if not key.endswith("Level")}
    return msgspec.structs.replace(record, **{**changes, "logging": logging})

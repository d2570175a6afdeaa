"""``DurableConfig``: what makes a function durable, and for how long its executions run and are kept."""

from typing import Any

from ..errors import InvalidParameterValueException
from ..limits import DURABLE_RETENTION_DAYS

Config = dict[str, Any]


def enabled(given: Config | None) -> dict[str, int]:
    """The settings of a new function; empty for one that is not durable."""
    if not given:
        return {}
    if given.get("KMSKeyArn"):
        raise InvalidParameterValueException(
            "cloudlet does not encrypt executions: leave KMSKeyArn out of DurableConfig.")
    if given.get("ExecutionTimeout") is None:
        raise InvalidParameterValueException("DurableConfig needs an ExecutionTimeout.")
    return {"ExecutionTimeout": given["ExecutionTimeout"],
            "RetentionPeriodInDays": given.get("RetentionPeriodInDays") or DURABLE_RETENTION_DAYS}


def altered(present: dict[str, int], given: Config | None) -> dict[str, int]:
    """The settings after a change; a function that was not created durable can't become so."""
    if given is None:
        return present
    if not present:
        raise InvalidParameterValueException(
            "Durable execution can only be enabled when a function is created: leave DurableConfig out.")
    return enabled(present | {key: value for key, value in given.items() if value is not None})

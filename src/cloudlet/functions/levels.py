"""How much of what a function writes is kept: ``ApplicationLogLevel``, which holds for JSON logs.

A line says its level as the key ``level`` of a JSON object; one that says none counts as INFO. Runtimes drop
what is too fine before they write it; this holds for everything else a function writes.
Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

import json

from .spec import Spec

_WEIGHTS = {"trace": 1, "debug": 2, "info": 3, "warn": 4, "warning": 4, "error": 5, "fatal": 6, "critical": 6}


def least(spec: Spec) -> int:
    """The weight that a line of the function must have to be kept; 0 keeps all."""
    said = dict(spec.environment)
    if said.get("AWS_LAMBDA_LOG_FORMAT") != "JSON":
        return 0
    return _WEIGHTS.get(said.get("AWS_LAMBDA_LOG_LEVEL", "").lower(), 0)


def weight(line: str) -> int:
    """How heavy a line is.

    >>> weight('{"level": "WARN", "message": "nearly full"}'), weight("plain text")
    (4, 3)
    """
    if line.startswith("{"):
        try:
            entry = json.loads(line)
        except ValueError:
            return _WEIGHTS["info"]
        said = entry.get("level") or entry.get("log_level")
        return _WEIGHTS.get(str(said).lower(), _WEIGHTS["info"])
    return _WEIGHTS["info"]

"""The CloudWatch Logs service."""

from typing import Any

from ...kernel import Service
from ...wire import validate
from ...wire.model import OperationModel
from .errors import InvalidParameterException


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    """Hold a request against the model; what is wrong with it is always an InvalidParameterException."""
    if spec.input:
        found = validate.violations(params, spec.input)
        if found:
            raise InvalidParameterException(validate.message(found))


logs = Service("logs", check=_check, harmless={
    "PutLogEvents.sequenceToken": "AWS accepts any since 2023, and so do we",
    "FilterLogEvents.interleaved": "AWS ignores it since 2019: events are always interleaved",
    "GetLogEvents.unmask": "nothing is ever masked: there are no data protection policies",
    "FilterLogEvents.unmask": "nothing is ever masked: there are no data protection policies",
    "DescribeLogGroups.includeLinkedAccounts": "no account is linked to another",
})

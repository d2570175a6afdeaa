"""A stage's access log: one line per request, in the words of its format."""

import logging
import re
from contextlib import suppress
from typing import Any

from ...arn import Arn
from ...errors import AwsError
from ...identity import service_principal
from ...kernel import Conversation
from ...wire.http import Response
from .visits import Visit

log = logging.getLogger(__name__)
_VARIABLE = re.compile(r"\$\{?context\.([\w.]+)\}?")


async def write(call: Conversation, visit: Visit, response: Response) -> None:
    """Append the line of this request, if the stage asks for it."""
    settings = visit.stage.access_log_settings
    if not settings:
        return
    group = Arn.parse(settings["DestinationArn"]).resource.removeprefix("log-group:").removesuffix(":*")
    stream = f"{visit.api.api_id}/{visit.stage.stage_name.removeprefix('$')}"
    where: dict[str, Any] = {"logGroupName": group, "logStreamName": stream}
    there = call.elsewhere(principal=service_principal("apigateway", visit.account))
    line = {"timestamp": visit.now_ms, "message": line_of(settings["Format"], visit, response)}
    try:
        await there.invoke("logs", "PutLogEvents", **where, logEvents=[line])
    except AwsError:
        with suppress(AwsError):
            await there.invoke("logs", "CreateLogStream", **where)
        try:
            await there.invoke("logs", "PutLogEvents", **where, logEvents=[line])
        except AwsError as error:
            log.warning("the access log of %s can't be written: %s", visit.api.api_id, error)


def line_of(form: str, visit: Visit, response: Response) -> str:
    """The format with its variables filled in; one that is unknown or empty is ``-``."""
    body = response.body if isinstance(response.body, bytes) else b""
    values = visit.context() | {"status": str(response.status), "responseLength": str(len(body))}
    return _VARIABLE.sub(lambda match: values.get(match[1]) or "-", form)

"""Response parameters: how an integration's answer is changed before the visitor gets it, by its status.

What a source leads nowhere for is left out. The status and headers that the gateway answers with of its own
stay as they are.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html
"""

import re

from ...wire.http import Response
from .errors import BadRequestException
from .expressions import Around, Unresolved, compiled
from .records import Integration
from .visits import Visit

_STATUS = "overwrite:statuscode"
_HEADER = re.compile(r"(append|overwrite|remove):header\.([!#$%&'*+.^_`|~\w-]+)")
_RESERVED = re.compile(
    r"access-control-.*|apigw-.*|authorization|connection|content-encoding|content-length|"
    r"content-location|forwarded|keep-alive|origin|proxy-authenticate|proxy-authorization|te|trailers|"
    r"transfer-encoding|upgrade|x-amz-.*|x-amzn-.*|x-forwarded-(?:for|host|proto)|via")


def check(one: Integration) -> None:
    """Refuse response parameters that can't work."""
    for status, parameters in (one.response_parameters or {}).items():
        if not status.isdigit() or not 200 <= int(status) <= 599:
            raise BadRequestException(f"Response parameters are for a status from 200 to 599: {status}")
        for key, source in parameters.items():
            header = _HEADER.fullmatch(key)
            if key != _STATUS and header is None:
                raise BadRequestException(f"Invalid mapping expression specified: {key}")
            if header and _RESERVED.fullmatch(header[2].lower()):
                raise BadRequestException(f"Operations on header {header[2]} are restricted")
            try:
                compiled(source, of_answer=True)
            except ValueError:
                raise BadRequestException(f"Invalid mapping expression specified: {source}") from None


def transformed(visit: Visit, one: Integration, answer: Response) -> Response:
    """The answer as the response parameters of its status make it."""
    parameters = (one.response_parameters or {}).get(str(answer.status))
    if not parameters:
        return answer
    around, status, headers = Around(visit, answer), answer.status, dict(answer.headers)
    for key, source in parameters.items():
        header = _HEADER.fullmatch(key)
        if header and header[1] == "remove":
            headers.pop(header[2].lower(), None)
            continue
        try:
            value = compiled(source, of_answer=True)(around)
        except Unresolved:
            continue
        if header is None:
            status = int(value) if value.isdigit() and 200 <= int(value) <= 599 else status
        elif "\r" not in value and "\n" not in value:
            name = header[2].lower()
            known = headers.get(name, []) if header[1] == "append" else []
            headers[name] = [*(known if isinstance(known, list) else [known]), value]
    return Response(status, headers, answer.body)

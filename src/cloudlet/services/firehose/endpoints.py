"""HTTP endpoints: a batch as one request, tried until it is acknowledged or its time is over.

Source: https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

import base64
import gzip
import json
from typing import Any

from ...errors import AwsError
from ...fabric import outgoing
from ...kernel import Call, Conversation
from ...wire.http import Response
from . import batches, buffers, failures, limits, roles
from .batches import Batch
from .describing import arn_of
from .failures import ENDPOINT, Failure

_AGENT = "Amazon Kinesis Data Firehose Agent/1.0"
_TOO_LARGE = 413
_SHOWN = 8192  # bytes of an answer that an error tells


class _Failed(Exception):
    """The endpoint did not acknowledge: the code and the message say why."""

    def __init__(self, code: str, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.code, self.lasting = f"HttpEndpoint.{code}", lasting


async def post(call: Conversation, batch: Batch) -> None:
    """Post the batch; if it is not acknowledged, try again later."""
    if not batch.entries:
        await batches.conclude(call, batch, lambda inner: batches.settle(inner, batch))
        return
    number, buffer = batch.stream.number, batch.buffer
    id = await call.transact(lambda inner: buffers.name(inner, number, buffer, inner.ids.uuid))
    buffer.object = id
    endpoint = batch.stream.given["EndpointConfiguration"]
    try:
        headers, body = await _request(call, batch, id)
        await _send(endpoint["Url"], headers, body, id)
    except _Failed as error:
        failure = Failure(ENDPOINT, error.code, str(error), batch.buffer.tries + 1)
        lasting = error.lasting
        await batches.conclude(call, batch, lambda inner: _failed(inner, batch, failure, lasting=lasting))
        return
    await batches.conclude(call, batch, lambda inner: batches.settle(inner, batch))


async def _send(url: str, headers: dict[str, str], body: bytes, id: str) -> None:
    try:
        answer = await outgoing.send("POST", url, headers, body, limits.ENDPOINT_TIMEOUT_S)
    except TimeoutError:
        raise _Failed("RequestTimeout", "The request timed out before a response was received. Resolve this "
                      "issue or contact the owner of the endpoint.") from None
    except outgoing.Unreachable as error:
        raise _Failed("ConnectionFailed", "Unable to connect to the destination endpoint. Contact the owner "
                      f"of the endpoint to resolve this issue. ({error})") from None
    _judge(answer, id)


def _judge(answer: Response, id: str) -> None:
    """Raise unless the answer acknowledges the request in the way that is wanted."""
    raw = answer.body if isinstance(answer.body, bytes) else b""
    shown = raw[:_SHOWN].decode("utf-8", "replace")
    if answer.status != 200:
        raise _Failed("DestinationException", "Delivery to the endpoint was unsuccessful. See "
                      "Troubleshooting HTTP Endpoints in the Firehose documentation for more information. "
                      f"Response received with status code. {answer.status}: {shown}",
                      lasting=answer.status == _TOO_LARGE)
    try:
        said = json.loads(raw)
        kind = str(answer.headers.get("content-type", "")).partition(";")[0].strip()
        fits = (said["requestId"] == id and "timestamp" in said and kind == "application/json"
                and "content-encoding" not in answer.headers and len(raw) <= limits.ENDPOINT_ANSWER_BYTES)
    except (ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise _Failed("InvalidResponseFromDestination", "The response received from the specified endpoint "
                      "is invalid. Contact the owner of the endpoint to resolve the issue. Response for "
                      f"request {id} is not recognized as valid JSON or has unexpected fields. Raw "
                      f"response received: {answer.status} {shown}")


async def _request(call: Conversation, batch: Batch, id: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body."""
    given = batch.stream.given
    wanted = given.get("RequestConfiguration") or {}
    headers = {
        "content-type": "application/json", "user-agent": _AGENT, "accept": "application/json",
        "x-amz-firehose-protocol-version": "1.0", "x-amz-firehose-request-id": id,
        "x-amz-firehose-source-arn": arn_of(call, batch.stream)}
    key = await _access_key(call, given)
    if key:
        headers["x-amz-firehose-access-key"] = key
    if wanted.get("CommonAttributes"):
        attributes = {one["AttributeName"]: one["AttributeValue"] for one in wanted["CommonAttributes"]}
        headers["x-amz-firehose-common-attributes"] = json.dumps({"commonAttributes": attributes})
    body = json.dumps({"requestId": id, "timestamp": call.now_ms, "records": [
        {"data": base64.b64encode(entry.data).decode()} for entry in batch.entries]}).encode()
    if wanted.get("ContentEncoding") == "GZIP":
        headers["content-encoding"] = "gzip"
        body = gzip.compress(body, mtime=0)
    return headers, body


async def _access_key(call: Conversation, given: dict[str, Any]) -> str:
    """The endpoint's access key, from the configuration or from a secret."""
    secret = given.get("SecretsManagerConfiguration") or {}
    if not secret.get("Enabled"):
        return str(given["EndpointConfiguration"].get("AccessKey") or "")
    role = secret.get("RoleARN") or given.get("RoleARN") or given["S3Configuration"]["RoleARN"]
    principal = await call.transact(lambda inner: roles.acting(inner, role))
    try:
        found = await call.invoke("secretsmanager", "GetSecretValue", as_principal=principal,
                                  SecretId=secret["SecretARN"])
        return str(json.loads(found["SecretString"])["api_key"])
    except (AwsError, ValueError, KeyError, TypeError):
        raise _Failed("SecretNotFound", f"The secret {secret['SecretARN']} can't be read, or has no api_key"
                      ) from None


def _failed(call: Call, batch: Batch, failure: Failure, *, lasting: bool) -> None:
    """Try again while there is time; what is too large is given up at once, and is not kept, as on AWS."""
    given, buffer = batch.stream.given, batch.buffer
    failures.report(call, batch.stream, failure)
    duration_s = (given.get("RetryOptions") or {}).get("DurationInSeconds", limits.ENDPOINT_RETRY_S)
    wait_ms = batches.pause_ms(buffer.tries)
    if not lasting and buffer.waited_ms + wait_ms <= duration_s * 1000:
        batches.again(call, batch, wait_ms)
        return
    if not lasting:
        failures.keep(call, batch.stream, failure, batch.entries)
    batches.settle(call, batch)

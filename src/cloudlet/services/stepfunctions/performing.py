"""Doing a task: the operation behind it is called as the execution's role, and its answer put into words.

An error's name is the service's as AWS's SDK for Java calls it, and the error's: ``DynamoDb.`` and
``ConditionalCheckFailedException``. A function that fails gives its own error's name.
"""

import json
from typing import Any, Literal

from ...errors import AwsError
from ...identity import Principal
from ...kernel import Call, Conversation, Services
from ...workflow import records as flow
from ...workflow.intrinsics import json_text, json_value
from . import endpoints, integrations, parameters
from .errors import TaskFailed
from .integrations import Integration, api_name
from .parameters import Unfit

Result = flow.Answer | flow.Failed
_METADATA = {"SdkHttpMetadata": {"AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": 200}}
_UNTOLD = ("The cause could not be determined because Lambda did not return an error type. "
           "Returned payload: ")


async def outcome(call: Conversation, who: Principal | AwsError, arn: str, effect: flow.RunTask) -> Result:
    """Do a task that may wait, as ``who`` (or why it can't be assumed); what came of it."""
    one = integrations.of(call.kernel.services, effect.resource)
    try:
        if isinstance(who, AwsError):
            raise who
        text = await _done(call, who, one, json_value(effect.parameters), arn)
    except AwsError as error:
        return failed(one, effect, error, call.id, call.kernel.services)
    return answered(one, effect, text)


async def _done(call: Conversation, principal: Principal, one: Integration, given: Any, arn: str) -> str:
    """The result of a task of the execution ``arn`` as JSON."""
    if one.kind == "function":
        answer = await call.invoke("lambda", "Invoke", as_principal=principal, FunctionName=one.resource,
                                   Payload=json_text(given).encode())
        return _payload(answer)
    if one.name == "apigateway:invoke":
        return await endpoints.gateway(call, principal, given)
    if one.name == "http:invoke":
        return (await endpoints.http(call, principal, given)).result()
    params = _parameters(call, one, given, arn)
    answer = await call.invoke(one.service, one.operation, as_principal=principal, **params)
    if one.name == "lambda:invoke":
        return _invoked(call, answer)
    if hasattr(answer.get("Body"), "__aiter__"):
        with call.kernel.clock.holding("the reading of a body"):
            answer["Body"] = b"".join([piece async for piece in answer["Body"]])
    return json_text(_result(call, one, answer))


def brief(call: Call, principal: Principal, one: Integration, given: Any, arn: str) -> str:
    """The same for a ``def`` operation, in the transaction of the transition."""
    params = _parameters(call, one, given, arn)
    answer = call.invoke(one.service, one.operation, as_principal=principal, **params)
    return json_text(_result(call, one, answer))


def _parameters(call: Call | Conversation, one: Integration, given: Any, arn: str) -> dict[str, Any]:
    """What the operation is given. An event names the execution and its state machine among its resources."""
    params = parameters.taken(one, call.kernel.services, given)
    if one.name == "lambda:invoke" and "Payload" in params:
        params["Payload"] = json_text(given["Payload"]).encode()
    if one.name == "events:putEvents":
        machine = ":".join(arn.split(":")[:7]).replace(":execution:", ":stateMachine:").replace(
            ":express:", ":stateMachine:")
        for entry in params["Entries"]:
            entry["Resources"] = [*entry.get("Resources", ()), machine, arn]
    return params


def answered(one: Integration, effect: flow.RunTask, text: str) -> flow.Answer:
    """A task has been done, or handed to somebody who answers with its token."""
    return flow.Answer(effect.strand, effect.ticket, "submitted" if one.pattern else "done", text)


def failed(one: Integration, effect: flow.RunTask, error: AwsError, request: str,
           services: Services) -> flow.Failed:
    """A task could not be done, or failed."""
    phase: Literal["run", "submit"] = "submit" if one.pattern else "run"
    if isinstance(error, TaskFailed):
        return flow.Failed(effect.strand, effect.ticket, error.error, error.cause, phase)
    if isinstance(error, Unfit):
        return flow.Failed(effect.strand, effect.ticket, "States.Runtime", f"The Parameters '"
                           f"{effect.parameters}' could not be used to start the Task: [{error}]", fatal=True)
    return flow.Failed(effect.strand, effect.ticket, error_name(one, error, services),
                       _cause(one, error, request), phase)


def error_name(one: Integration, error: AwsError, services: Services) -> str:
    """What Step Functions calls a service's error."""
    prefix = one.errors or "States"
    known = services[one.service].model.error_names if one.service else frozenset()
    code = error.code
    if code in known or one.kind != "sdk":
        name = api_name(code) if one.kind == "sdk" else code
        if name.endswith("Fault"):
            name = name.removesuffix("Fault") + "Exception"
        return f"{prefix}.{name if name.endswith('Exception') else name + 'Exception'}"
    return f"{prefix}.{prefix}Exception"


def _cause(one: Integration, error: AwsError, request: str) -> str:
    if one.kind == "sdk":
        return f"{error} (Service: {one.errors}, Status Code: {error.status}, Request ID: {request})"
    return (f"{error} (Service: {one.errors}; Status Code: {error.status}; Error Code: {error.code}; "
            f"Request ID: {request}; Proxy: null)")


# -- answers


def _result(call: Call | Conversation, one: Integration, answer: dict[str, Any]) -> Any:
    result = parameters.told(one, call.kernel.services, answer)
    if one.name == "events:putEvents" and answer.get("FailedEntryCount"):
        raise TaskFailed("EventBridge.FailedEntry", json_text(result))
    return result if one.kind == "sdk" else {**result, **_metadata(call)}


def _metadata(call: Call | Conversation) -> dict[str, Any]:
    return {**_METADATA, "SdkResponseMetadata": {"RequestId": call.ids.uuid()}}


def _invoked(call: Conversation, answer: dict[str, Any]) -> str:
    """What lambda:invoke gives: the function's result with what is said around it."""
    payload = _payload(answer) if answer.get("Payload") else None
    found = {name: answer[name] for name in ("ExecutedVersion", "LogResult") if answer.get(name)}
    if payload is not None:
        found["Payload"] = json_value(payload)
    return json_text({**found, **_metadata(call), "StatusCode": answer["StatusCode"]})


def _payload(answer: dict[str, Any]) -> str:
    """A function's result; what it says of its own failure is the task's error."""
    text = bytes(answer["Payload"]).decode("utf-8", "replace")
    if not answer.get("FunctionError"):
        return text or "null"
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    kind = said.get("errorType") if isinstance(said, dict) else None
    if not kind:
        raise TaskFailed("Lambda.Unknown", _UNTOLD + text)
    raise TaskFailed(str(kind), text)

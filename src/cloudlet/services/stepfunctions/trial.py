"""TestState: one state alone, with its task mocked or really done, and what becomes of the data."""

from typing import Any

import msgspec

from ... import workflow
from ...errors import AwsError, NotHonoured, ValidationException
from ...kernel import Call, Conversation
from ...workflow import records as flow
from ...workflow.definition import Machine, compile_machine, every_state
from . import definitions, endpoints, inspection, integrations, performing, settings
from .errors import InvalidDefinition, InvalidExecutionInput
from .limits import TEST_STATE_MS
from .naming import EXPRESS, machine_arn
from .records import Config
from .service import stepfunctions

_ALONE = "StateName"
_NAME = "test"


class _World:
    """What the state may ask."""

    def __init__(self, call: Conversation) -> None:
        self.uuid, self._ids = call.ids.uuid, call.ids

    def random(self) -> float:
        return int.from_bytes(self._ids.bytes(6), "big") / (1 << 48)

    def token(self, strand: int, ticket: int, /) -> str:
        return self._ids.hex(64)

    def refusal(self, resource: str, parameters: Any, /) -> str:
        return ""


class _Trial(msgspec.Struct):
    """What is tested."""

    machine: Machine
    name: str
    body: Config
    input: str
    role_arn: str | None
    variables: dict[str, Any] | None
    context: dict[str, Any] | None


@stepfunctions.operation
async def test_state(call: Conversation, definition: str, role_arn: str | None = None,
                     input: str | None = None, inspection_level: str = "INFO", reveal_secrets: bool = False,
                     variables: str | None = None, state_name: str | None = None, mock: Config | None = None,
                     context: str | None = None, state_configuration: Config | None = None) -> Config:
    """Run one state, and say what came of it."""
    trial = _trial(definition, state_name, input, role_arn, variables, context)
    _refuse(trial.body, mock, state_configuration)
    if role_arn is not None:
        await call.transact(lambda inner: settings.check_role(inner, role_arn))
    exchange: endpoints.Exchange | None = None
    said = _mock(mock, state_configuration or {})
    if said is None and trial.body["Type"] == "Task":
        said, exchange = await _done(call, trial)
    origin = _origin(call, trial)
    try:
        found = inspection.inspect(trial.machine, trial.name, trial.input, origin, _World(call), call.now_ms,
                                   context=trial.context, variables=trial.variables, mock=said)
    except LookupError:
        raise ValidationException(f"State type '{trial.body['Type']}' is not supported when a mock is not "
                                  "specified") from None
    answer = {"status": found.status, "output": found.output, "error": found.error, "cause": found.cause,
              "nextState": found.next}
    if inspection_level != "INFO":
        answer["inspectionData"] = inspection.shown(found)  # type: ignore[assignment]
    if inspection_level == "TRACE" and exchange is not None:
        answer["inspectionData"] |= _traced(exchange, reveal_secrets)  # type: ignore[operator]
    return {name: value for name, value in answer.items() if value is not None}


def _trial(definition: str, name: str | None, input: str | None, role_arn: str | None, variables: str | None,
           context: str | None) -> _Trial:
    """What is to be tested; an error says what is wrong with it."""
    try:
        tree = msgspec.json.decode(definition)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidDefinition(definitions.summary([workflow.Diagnostic(
            "ERROR", "INVALID_JSON_DESCRIPTION", str(error))])) from None
    whole = isinstance(tree, dict) and "States" in tree
    name = name or _ALONE
    if whole or not isinstance(tree, dict):
        wrong = workflow.validate(definition)
    else:
        wrong = workflow.validate_state(tree, name)
        tree = {"StartAt": name, "States": {name: tree}}
    if wrong:
        raise InvalidDefinition(definitions.summary(wrong))
    body = next((body for one, body in every_state(tree) if one == name), None)
    if body is None:
        raise ValidationException("State not found in definition")
    text = "{}" if input is None else input
    if _json(text, "input") is None and text.strip() != "null":
        raise InvalidExecutionInput
    return _Trial(compile_machine(tree), name, body, text, role_arn,
                  _object(variables, "variables"), _object(context, "context"))


def _json(text: str, what: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{what}: {error}'") from None


def _object(text: str | None, what: str) -> dict[str, Any] | None:
    if text is None:
        return None
    found = _json(text, what)
    if not isinstance(found, dict):
        raise ValidationException(f"{what} must be a JSON object")
    return found


def _refuse(body: Config, mock: Config | None, configuration: Config | None) -> None:
    """What can't be given together, and what is not honoured."""
    if mock is not None and (mock.get("result") is None) == (mock.get("errorOutput") is None):
        raise ValidationException("A test mock should have exactly one of the result and errorOutput fields")
    if mock is None and configuration:
        raise ValidationException("State configuration cannot be specified without a mock")
    if configuration and configuration.get("mapItemReaderData") is not None:
        raise NotHonoured("cloudlet does not honour the member mapItemReaderData of stateConfiguration, and "
                          "refuses it rather than ignore it.")
    culprit = (configuration or {}).get("errorCausedByState")
    if culprit is not None:
        inner = [*body.get("Branches", ()), *filter(None, (body.get("ItemProcessor"), body.get("Iterator")))]
        if not any(culprit == name for one in inner for name, _ in every_state(one)):
            raise ValidationException(f"errorCausedByState: there is no state {culprit} in the tested state.")


def _mock(mock: Config | None, configuration: Config) -> inspection.Mock | None:
    if mock is None:
        return None
    error = mock.get("errorOutput") or {}
    if mock.get("result") is not None:
        _json(mock["result"], "mock result")
    return inspection.Mock(mock.get("result"), error.get("error"), error.get("cause"),
                           configuration.get("retrierRetryCount") or 0,
                           configuration.get("mapIterationFailureCount") or 0)


def _origin(call: Conversation, trial: _Trial) -> flow.Origin:
    arn = call.arn(f"{EXPRESS}:{_NAME}:{call.ids.uuid()}:{call.ids.uuid()}", "states")
    return flow.Origin(arn, arn.split(":")[7], trial.role_arn or "", machine_arn(call, _NAME), _NAME,
                       call.now_ms)


async def _done(call: Conversation, trial: _Trial) -> tuple[inspection.Mock | None,
                                                            endpoints.Exchange | None]:
    """Do a state's task in earnest: what it gave, as a mock; None if it doesn't come to that."""
    resource = trial.body["Resource"]
    definitions.refuse_credentials(trial.body)
    one = definitions.resolved(call.kernel.services, resource)
    if one is None or one.pattern or one.kind == "activity":
        raise ValidationException(f"The resource {resource} can only be tested with a mock.")
    if trial.role_arn is None:
        raise ValidationException("A role is required to test a Task state without a mock")
    before = inspection.inspect(trial.machine, trial.name, trial.input, _origin(call, trial), _World(call),
                                call.now_ms, context=trial.context, variables=trial.variables,
                                mock=inspection.Mock("null"))
    data = before.data
    given = data.get("afterArguments", data.get("afterParameters", data.get("afterInputPath",
                                                                            data["input"])))
    effect = flow.RunTask(0, 1, trial.name, resource, msgspec.json.encode(given).decode(),
                          timeout_s=TEST_STATE_MS // 1000)
    if before.status != "SUCCEEDED" and "result" not in data:
        return inspection.Mock("null"), None  # it fails before its task would run
    if one.name == "http:invoke":
        return await _asked(call, trial, one, effect, given)
    role_arn, arn = trial.role_arn, machine_arn(call, _NAME)
    who = await call.transact(lambda inner: settings.session(inner, role_arn, arn))
    return _as_mock(await performing.outcome(call, who, arn, effect)), None


async def _asked(call: Conversation, trial: _Trial, one: integrations.Integration, effect: flow.RunTask,
                 given: Any) -> tuple[inspection.Mock, endpoints.Exchange | None]:
    def acting(inner: Call) -> Any:
        return settings.acting(inner, trial.role_arn or "")

    try:
        exchange = await endpoints.http(call, await call.transact(acting), given)
    except AwsError as error:
        said = performing.failed(one, effect, error, call.id, call.kernel.services)
        return _as_mock(said), getattr(error, "exchange", None)
    return inspection.Mock(exchange.result()), exchange


def _as_mock(said: performing.Result) -> inspection.Mock:
    if isinstance(said, flow.Failed):
        return inspection.Mock(error=said.error, cause=said.cause)
    return inspection.Mock(said.text)


def _traced(exchange: endpoints.Exchange, reveal: bool) -> Config:
    """The request and its answer; what a connection added is hidden unless it is to be revealed."""
    shown = {name: value if reveal or name not in exchange.secret else "<HIDDEN_BY_STEP_FUNCTIONS>"
             for name, value in exchange.headers.items()}
    answer = exchange.answer
    return {
        "request": {"protocol": "http", "method": exchange.method,
                    "url": exchange.url if reveal else exchange.shown_url,
                    "headers": msgspec.json.encode(shown).decode(), "body": exchange.body},
        "response": {"protocol": "http", "statusCode": str(answer.status),
                     "statusMessage": endpoints.phrase(answer.status),
                     "headers": msgspec.json.encode(dict(answer.headers)).decode(),
                     "body": endpoints.text_of(answer)}}

"""A definition, compiled: what an execution needs to know of each state, ready to be applied.

Names of states are unique in a whole machine, also in its branches, so the states stand in one flat mapping
and a branch is the name of the state it starts at. :mod:`validation` says in AWS's words what is wrong with a
definition; what is compiled here has passed it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from . import jsonpath
from .choices import Test, compile_rule
from .jsonata import is_expression
from .templates import BadTemplate, Template, constant, dynamic, path_of, payload, query, typed

Type = Literal["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"]
Keys = tuple[str | int, ...]
TYPES: tuple[Type, ...] = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")


@dataclass(frozen=True, slots=True)
class Retrier:
    """When to try again after which errors."""

    errors: tuple[str, ...]
    interval_s: float
    attempts: int
    rate: float
    max_delay_s: float | None
    jitter: bool


@dataclass(frozen=True, slots=True)
class Catcher:
    """Where to go after which errors, and with what."""

    errors: tuple[str, ...]
    next: str
    result_path: Keys | None
    shown_path: str
    output: Template | None
    assign: Template | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One choice, and where it leads."""

    test: Test
    next: str
    output: Template | None
    assign: Template | None


@dataclass(frozen=True, slots=True)
class Field:
    """A number or a moment that a state may give as it is, by a path or by an expression."""

    name: str
    value: Template
    path: str = ""  # of a field in ``…Path``


@dataclass(frozen=True, slots=True)
class Port:
    """ItemReader or ResultWriter: what outside is read or written, and how."""

    resource: str
    arguments: Template
    config: dict[str, Any]
    max_items: Field | None = None


@dataclass(frozen=True, slots=True)
class Iteration:
    """What a Map does with its items."""

    start: str
    distributed: bool
    express: bool
    label: str
    items: Template | None
    shown: str  # where the items come from, for messages
    selector: Template | None
    concurrency: Field | None
    tolerated_count: Field | None
    tolerated_percentage: Field | None
    batched: bool  # whether a child gets several items
    batch_items: Field | None
    batch_bytes: Field | None
    batch_input: Template | None
    reader: Port | None
    writer: Port | None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state. What its type or query language doesn't have is None."""

    name: str
    type: Type
    jsonata: bool
    next: str = ""  # empty: the end
    input_path: Template | None = None
    output_path: Template | None = None
    arguments: Template | None = None  # Arguments or Parameters
    selector: Template | None = None
    result_path: Keys | None = ()  # None: the result is dropped
    shown_path: str = "$"
    output: Template | None = None
    assign: Template | None = None
    result: Template | None = None
    rules: tuple[Rule, ...] = ()
    default: str = ""
    wait: Field | None = None
    error: Field | None = None
    cause: Field | None = None
    resource: str = ""
    credentials: Template | None = None
    timeout: Field | None = None
    heartbeat: Field | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()
    branches: tuple[str, ...] = ()
    iteration: Iteration | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A compiled definition."""

    start: str
    states: dict[str, State]
    timeout_s: int | None


def compile_machine(definition: str | dict[str, Any]) -> Machine:
    """The machine that a valid definition spells."""
    tree = msgspec.json.decode(definition) if isinstance(definition, str) else definition
    jsonata = tree.get("QueryLanguage") == "JSONata"
    states = {name: compile_state(name, body, jsonata) for name, body in every_state(tree)}
    return Machine(tree["StartAt"], states, tree.get("TimeoutSeconds"))


def every_state(tree: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and bodies of all states, those within branches and processors too."""
    for name, body in tree["States"].items():
        yield name, body
        for inner in (*body.get("Branches", ()), body.get("ItemProcessor") or body.get("Iterator")):
            if inner:
                yield from every_state(inner)


def compile_state(name: str, body: dict[str, Any], machine_jsonata: bool = False) -> State:
    """One state; :class:`BadTemplate` says which field can't be compiled."""
    jsonata = body["QueryLanguage"] == "JSONata" if "QueryLanguage" in body else machine_jsonata
    fields: dict[str, Any] = {"next": body.get("Next", ""), **_data(body, jsonata)}
    fields["retry"] = tuple(_retrier(one) for one in body.get("Retry", ()))
    fields["catch"] = tuple(_catcher(one, jsonata, at) for at, one in enumerate(body.get("Catch", ())))
    match body["Type"]:
        case "Pass" if "Result" in body:
            fields["result"] = constant(body["Result"])
        case "Choice":
            fields["rules"] = tuple(_rule(one, jsonata, at) for at, one in enumerate(body["Choices"]))
            fields["default"] = body.get("Default", "")
        case "Wait":
            fields["wait"] = _first(body, ("Seconds", "Timestamp"), jsonata, raw=True)
        case "Fail":
            fields["error"], fields["cause"] = (
                _first(body, (one,), jsonata, raw=True) for one in ("Error", "Cause"))
        case "Task":
            fields["resource"] = body["Resource"]
            fields["timeout"] = _first(body, ("TimeoutSeconds",), jsonata)
            fields["heartbeat"] = _first(body, ("HeartbeatSeconds",), jsonata)
            if "Credentials" in body:
                fields["credentials"] = _template(body["Credentials"], jsonata, "Credentials")
        case "Parallel":
            fields["branches"] = tuple(one["StartAt"] for one in body["Branches"])
        case "Map":
            fields["iteration"] = _iteration(body, jsonata)
    return State(name=name, type=body["Type"], jsonata=jsonata, **fields)


def _data(body: dict[str, Any], jsonata: bool) -> dict[str, Any]:
    """How data flows into the state and out of it."""
    found: dict[str, Any] = {}
    if body.get("Assign"):
        found["assign"] = _template(body["Assign"], jsonata, "Assign")
    if jsonata:
        if "Arguments" in body:
            found["arguments"] = query(body["Arguments"], "Arguments")
        if "Output" in body:
            found["output"] = query(body["Output"], "Output")
        return found
    for field, name in (("InputPath", "input_path"), ("OutputPath", "output_path")):
        if body.get(field, "$") != "$":
            found[name] = constant({}) if body[field] is None else path_of(body[field], field)
    if "Parameters" in body and body["Type"] != "Map":
        found["arguments"] = _template(body["Parameters"], jsonata, "Parameters")
    if "ResultSelector" in body:
        found["selector"] = _template(body["ResultSelector"], jsonata, "ResultSelector")
    found["result_path"], found["shown_path"] = _result_path(body)
    return found


def _result_path(body: dict[str, Any]) -> tuple[Keys | None, str]:
    text = body.get("ResultPath", "$")
    if text is None:
        return None, ""
    try:
        return jsonpath.reference(text), text
    except (jsonpath.BadText, TypeError, AttributeError):
        raise BadTemplate("Value is not a Reference Path: The path must be definite and must not contain "
                          "'@', ',', ':', '?' or '..'", "/ResultPath") from None


def _template(value: Any, jsonata: bool, field: str) -> Template:
    try:
        return query(value, field) if jsonata else payload(value)
    except BadTemplate as bad:
        raise BadTemplate(str(bad), bad.pointer or f"/{field}") from None


def _first(body: dict[str, Any], names: tuple[str, ...], jsonata: bool, prefix: str = "", *,
           raw: bool = False) -> Field | None:
    """The one of these fields that is there, static, by path or by expression."""
    for name in names:
        if name in body:
            kind = "string" if name in ("Timestamp", "Error", "Cause") else "number"
            value = (typed(body[name], prefix + name, kind) if jsonata and is_expression(body[name])
                     else constant(body[name]))
            return Field(name, value)
        if f"{name}Path" in body:
            text = body[f"{name}Path"]
            value = path_of(text, f"{name}Path") if not raw else dynamic(text, f"{name}Path")
            return Field(f"{name}Path", value, text)
    return None


def _retrier(body: dict[str, Any]) -> Retrier:
    return Retrier(tuple(body["ErrorEquals"]), body.get("IntervalSeconds", 1), body.get("MaxAttempts", 3),
                   body.get("BackoffRate", 2.0), body.get("MaxDelaySeconds"),
                   body.get("JitterStrategy") == "FULL")


def _catcher(body: dict[str, Any], jsonata: bool, at: int) -> Catcher:
    keys, shown = ((), "$") if jsonata else _result_path(body)
    outcome = _outcome(body, jsonata, f"Catch[{at}]")
    return Catcher(tuple(body["ErrorEquals"]), body["Next"], keys, shown, *outcome)


def _rule(body: dict[str, Any], jsonata: bool, at: int) -> Rule:
    field = f"Choices[{at}]"
    if jsonata:
        condition = typed(body["Condition"], f"{field}/Condition", "boolean")
        return Rule(lambda scene: condition(scene) is True, body["Next"], *_outcome(body, jsonata, field))
    return Rule(compile_rule(body), body["Next"], *_outcome(body, jsonata, field))


def _outcome(body: dict[str, Any], jsonata: bool, field: str) -> tuple[Template | None, Template | None]:
    output = query(body["Output"], f"{field}/Output") if jsonata and "Output" in body else None
    assign = _template(body["Assign"], jsonata, f"{field}/Assign") if body.get("Assign") else None
    return output, assign


def _iteration(body: dict[str, Any], jsonata: bool) -> Iteration:
    processor = body.get("ItemProcessor") or body["Iterator"]
    config = processor.get("ProcessorConfig", {})
    batcher, items = body.get("ItemBatcher", {}), None
    if jsonata and "Items" in body:
        items = typed(body["Items"], "Items", "array")
    elif body.get("ItemsPath", "$") != "$":
        items = path_of(body["ItemsPath"], "ItemsPath")
    chosen = next((name for name in ("ItemSelector", "Parameters") if name in body), "")
    return Iteration(processor["StartAt"], config.get("Mode") == "DISTRIBUTED",
                     config.get("ExecutionType") == "EXPRESS", body.get("Label", ""), items,
                     body.get("ItemsPath", "$"), _template(body[chosen], jsonata, chosen) if chosen else None,
                     _first(body, ("MaxConcurrency",), jsonata),
                     _first(body, ("ToleratedFailureCount",), jsonata),
                     _first(body, ("ToleratedFailurePercentage",), jsonata),
                     "ItemBatcher" in body,
                     _first(batcher, ("MaxItemsPerBatch",), jsonata, "ItemBatcher/"),
                     _first(batcher, ("MaxInputBytesPerBatch",), jsonata, "ItemBatcher/"),
                     _template(batcher["BatchInput"], jsonata, "ItemBatcher/BatchInput")
                     if "BatchInput" in batcher else None,
                     _port(body.get("ItemReader"), jsonata, "ItemReader", "ReaderConfig"),
                     _port(body.get("ResultWriter"), jsonata, "ResultWriter", "WriterConfig"))


def _port(body: dict[str, Any] | None, jsonata: bool, field: str, config: str) -> Port | None:
    if body is None:
        return None
    arguments = _template(body.get("Arguments" if jsonata else "Parameters", {}), jsonata,
                          f"{field}/{'Arguments' if jsonata else 'Parameters'}")
    settings = body.get(config, {})
    return Port(body.get("Resource", ""), arguments, settings,
                _first(settings, ("MaxItems",), jsonata, f"{field}/{config}/"))

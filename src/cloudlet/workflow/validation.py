"""What is wrong with a definition, in AWS's codes, words and places.

The fields that each type of state has are one table; what can't be said in it are the transitions, which are
checked per container of states. Compiling comes last, so what has no diagnostics can be run.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from .choices import OPERATORS, moment
from .definition import TYPES, compile_state
from .failures import STATE_NAME, VARIABLE_NAME, WAIT_S
from .jsonata import is_expression
from .templates import BadTemplate

_SCHEMA, _TARGET = "SCHEMA_VALIDATION_FAILED", "MISSING_TRANSITION_TARGET"
_FAN = "Task Parallel Map"
_WORK = f"{_FAN} Pass"
_MOVES = f"{_WORK} Wait"
_ALL = " ".join(TYPES)

# field: types that have it, its value, and the query language it belongs to (P: JSONPath, A: JSONata)
_FIELDS: dict[str, tuple[str, type | tuple[type, ...], str]] = {
    "Type": (_ALL, str, ""), "Comment": (_ALL, str, ""), "QueryLanguage": (_ALL, str, ""),
    "Next": (_MOVES, str, ""), "End": (_MOVES, bool, ""), "Assign": (f"{_MOVES} Choice", object, ""),
    "Output": (f"{_MOVES} Choice Succeed", object, "A"), "Arguments": ("Task Parallel", object, "A"),
    "InputPath": (_ALL.replace("Fail", ""), (str, type(None)), "P"),
    "OutputPath": (_ALL.replace("Fail", ""), (str, type(None)), "P"),
    "ResultPath": (_WORK, (str, type(None)), "P"), "Parameters": (_WORK, object, "P"),
    "ResultSelector": (_FAN, dict, "P"), "Result": ("Pass", object, "P"),
    "Retry": (_FAN, list, ""), "Catch": (_FAN, list, ""),
    "Resource": ("Task", str, ""), "Credentials": ("Task", dict, ""),
    **{f"{name}{path}": ("Task", str if path else (int, str), "P" if path else "")
       for name in ("TimeoutSeconds", "HeartbeatSeconds") for path in ("", "Path")},
    "Choices": ("Choice", list, ""), "Default": ("Choice", str, ""),
    "Seconds": ("Wait", (int, str), ""), "SecondsPath": ("Wait", str, "P"),
    "Timestamp": ("Wait", str, ""), "TimestampPath": ("Wait", str, "P"),
    "Error": ("Fail", str, ""), "Cause": ("Fail", str, ""),
    "ErrorPath": ("Fail", str, "P"), "CausePath": ("Fail", str, "P"),
    "Branches": ("Parallel", list, ""), "ItemProcessor": ("Map", dict, ""), "Iterator": ("Map", dict, ""),
    "Items": ("Map", object, "A"), "ItemsPath": ("Map", str, "P"), "ItemSelector": ("Map", object, ""),
    "ItemBatcher": ("Map", dict, ""), "ItemReader": ("Map", dict, ""), "ResultWriter": ("Map", dict, ""),
    "Label": ("Map", str, ""),
    **{f"{name}{path}": ("Map", str if path else (int, float, str), "P" if path else "")
       for name in ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage")
       for path in ("", "Path")},
}
_NAMES: dict[Any, str] = {str: "String", bool: "Boolean", dict: "Object", list: "Array", int: "Integer",
                          float: "Float"}
_MACHINE = frozenset(("Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"))
_RULE = OPERATORS | {"Variable", "And", "Or", "Not", "Comment"}
_NUMBERS: dict[str, tuple[Any, int]] = {  # of a retrier, with the least they may be
    "IntervalSeconds": (int, 1),
    "MaxAttempts": (int, 0),
    "BackoffRate": ((int, float), 1),
    "MaxDelaySeconds": (int, 1),
}
_OPERANDS: dict[str, Any] = {"String": str, "Numeric": (int, float), "Boolean": bool, "Timestamp": str,
                             "Is": bool}
_RETRIER = frozenset(("ErrorEquals", "JitterStrategy", "Comment", *_NUMBERS))
_CATCHER = frozenset(("ErrorEquals", "Next", "ResultPath", "Output", "Assign", "Comment"))
_REQUIRED = {"Task": ["Resource"], "Choice": ["Choices"], "Parallel": ["Branches"]}
_GROUPS = {"Wait": ("Seconds", "SecondsPath", "Timestamp", "TimestampPath"),
           "Map": ("ItemProcessor", "Iterator")}
_LANGUAGES = ("JSONPath", "JSONata")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.\$)?")


class Diagnostic(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that is wrong."""

    severity: str
    code: str
    message: str
    location: str | None = None


def validate(definition: str, *, express: bool = False) -> list[Diagnostic]:
    """All that is wrong with a definition, in AWS's order; nothing if it can be run."""
    try:
        tree = msgspec.json.decode(definition)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return [Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", str(error))]
    if not isinstance(tree, dict):
        return [Diagnostic("ERROR", _SCHEMA, "Definition must be a valid JSON object")]
    return list(_Check(tree.get("QueryLanguage") == "JSONata", express).machine(tree, "", top=True))


def validate_state(body: dict[str, Any], name: str = "StateName") -> list[Diagnostic]:
    """All that is wrong with a state that stands alone."""
    return list(_Check(False, False).state(body, f"/States/{name}", name))


def _wrong(message: str, location: str | None, code: str = _SCHEMA) -> Diagnostic:
    return Diagnostic("ERROR", code, message, location)


class _Check:
    """What holds for the whole definition while its parts are looked at."""

    def __init__(self, jsonata: bool, express: bool) -> None:
        self.jsonata, self.express = jsonata, express
        self.names: set[str] = set()

    def machine(self, tree: dict[str, Any], at: str, *, top: bool = False) -> Iterator[Diagnostic]:
        """A container of states: the machine, a branch or a processor."""
        allowed = _MACHINE if top else (_MACHINE - {"QueryLanguage", "Version", "TimeoutSeconds"}) | {
            "ProcessorConfig"}
        yield from _unknown(tree, allowed, at or "/")
        if missing := [name for name in ("States", "StartAt") if name not in tree]:
            yield _wrong(f"These fields are required: [{', '.join(missing)}]", at or "/")
            return
        if top and tree.get("QueryLanguage", "JSONPath") not in ("JSONPath", "JSONata"):
            yield _wrong(_one_of("QueryLanguage", _LANGUAGES), "/QueryLanguage")
        if not isinstance(tree["StartAt"], str):
            yield _wrong("Expected value of type String", f"{at}/StartAt")
            return
        if not isinstance(seconds := tree.get("TimeoutSeconds", 1), int) or not 0 < seconds <= WAIT_S:
            yield _wrong(f"Expected an integer from 1 to {WAIT_S}", "/TimeoutSeconds")
        states = tree["States"]
        if not isinstance(states, dict) or not states:
            said = "Value cannot be empty" if states == {} else "Expected value of type Object"
            yield _wrong(said, f"{at}/States")
            return
        for name, body in states.items():
            yield from self.state(body, f"{at}/States/{name}", name)
        yield from self._transitions(tree, at)

    def state(self, body: Any, at: str, name: str) -> Iterator[Diagnostic]:
        """One state and what is within it."""
        if len(name) > STATE_NAME:
            yield _wrong(f"State name exceeds {STATE_NAME} characters", at)
        if name in self.names:
            yield _wrong(f"Duplicate state name: {name}", at, "DUPLICATE_STATE_NAME")
        self.names.add(name)
        if not isinstance(body, dict):
            yield _wrong("Expected value of type Object", at)
            return
        kind = body.get("Type")
        if kind is None:
            yield _wrong("These fields are required: [Type]", at)
            return
        if kind not in TYPES:
            yield _wrong(_one_of("Type", TYPES), f"{at}/Type")
            return
        jsonata = body.get("QueryLanguage", "JSONata" if self.jsonata else "JSONPath") == "JSONata"
        found = [*self._fields(body, kind, at, jsonata), *self._contents(body, kind, at)]
        yield from found
        if not found:
            try:
                compile_state(name, body, self.jsonata)
            except BadTemplate as bad:
                yield _wrong(str(bad), at + bad.pointer)
            except (LookupError, TypeError, AttributeError, ValueError, StopIteration,
                    RecursionError) as error:
                yield _wrong(f"A value is of another kind than its field ({type(error).__name__})", at)

    def _fields(self, body: dict[str, Any], kind: str, at: str, jsonata: bool) -> Iterator[Diagnostic]:
        language = body.get("QueryLanguage")
        if language not in (None, "JSONPath", "JSONata"):
            yield _wrong(_one_of("QueryLanguage", _LANGUAGES), f"{at}/QueryLanguage")
        if self.jsonata and language == "JSONPath":
            yield _wrong("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                         at)
        spoken, other = ("JSONata", "JSONPath") if jsonata else ("JSONPath", "JSONata")
        for name, value in body.items():
            types, expected, only = _FIELDS.get(name, ("", object, ""))
            if kind not in types.split():
                yield _wrong(f"Field '{name}' is not supported", at)
            elif only and (only == "A") != jsonata:
                yield _wrong(f"The QueryLanguage is set to '{spoken}', but field '{name}' is only supported "
                             f"for the '{other}' QueryLanguage", at)
            elif not isinstance(value, expected) or (
                    isinstance(value, bool) and expected not in (bool, object)):
                first = expected if isinstance(expected, type) else expected[0]
                yield _wrong(f"Expected value of type {_NAMES[first]}", f"{at}/{name}")
        missing = [name for name in _REQUIRED.get(kind, ()) if name not in body]
        if missing:
            yield _wrong(f"These fields are required: [{', '.join(missing)}]", at)
        for group in (_GROUPS.get(kind), ("Next", "End") if kind in _MOVES.split() else None):
            if group and sum(name in body for name in group) != 1:
                yield _wrong(f"Exactly one of these fields is required: [{', '.join(group)}]", at)
        yield from _assign(body, at)

    def _contents(self, body: dict[str, Any], kind: str, at: str) -> Iterator[Diagnostic]:
        for place, target in _leads(body):
            if not isinstance(target, str):
                yield _wrong("Expected value of type String", f"{at}/{place}")
        for position, one in _list(body, "Retry"):
            yield from _entry(one, _RETRIER, ["ErrorEquals"], f"{at}/Retry[{position}]")
        for position, one in _list(body, "Catch"):
            yield from _entry(one, _CATCHER, ["ErrorEquals", "Next"], f"{at}/Catch[{position}]")
        for name in ("Choices", "Branches"):
            if body.get(name) == []:
                yield _wrong("Value cannot be empty", f"{at}/{name}")
        jsonata = self.jsonata or body.get("QueryLanguage") == "JSONata"
        for position, rule in _list(body, "Choices"):
            yield from _rule(rule, f"{at}/Choices[{position}]", jsonata)
        for position, branch in _list(body, "Branches"):
            yield from self._inner(branch, f"{at}/Branches[{position}]")
        if kind == "Wait" and isinstance(stamp := body.get("Timestamp"), str) and not is_expression(stamp) \
                and not moment(stamp):
            yield _wrong("String does not match RFC3339 timestamp", f"{at}/Timestamp")
        if kind == "Task" and isinstance(body.get("Resource"), str):
            yield from self._task(body, at)
        for name in ("ItemProcessor", "Iterator") if kind == "Map" else ():
            if name in body:
                yield from self._inner(body[name], f"{at}/{name}")

    def _inner(self, tree: Any, at: str) -> Iterator[Diagnostic]:
        if not isinstance(tree, dict):
            yield _wrong("Expected value of type Object", at)
            return
        yield from self.machine(tree, at)
        config = tree.get("ProcessorConfig")
        if isinstance(config, dict) and config.get("Mode") != "DISTRIBUTED" and "ExecutionType" in config:
            yield _wrong("Field 'ExecutionType' is not supported", f"{at}/ProcessorConfig")

    def _task(self, body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
        resource = body["Resource"]
        if not resource.startswith("arn:") or resource.count(":") < 5:
            yield _wrong("Value is not a valid resource ARN", f"{at}/Resource")
        if self.express:
            for ending, blank in ((".sync", ""), (".sync:2", ""), (".waitForTaskToken", " ")):
                if resource.endswith(ending):
                    yield _wrong(f"Express state machine does not support '{ending.partition(':')[0]}' "
                                 f"service integration{blank}", f"{at}/Resource")
            if ":activity:" in resource:
                yield _wrong("Express state machine does not support Activity ARN", f"{at}/Resource")
        credentials = body.get("Credentials")
        if isinstance(credentials, dict) and not {"RoleArn", "RoleArn.$"} & credentials.keys():
            yield _wrong("The field 'RoleArn' is required but was missing", f"{at}/Credentials")

    def _transitions(self, tree: dict[str, Any], at: str) -> Iterator[Diagnostic]:
        states = {name: body for name, body in tree["States"].items() if isinstance(body, dict)}
        targets: set[Any] = {tree["StartAt"]}
        if tree["StartAt"] not in states:
            yield _wrong(f"Missing 'Next' target: {tree['StartAt']}", f"{at}/StartAt", _TARGET)
        for name, body in states.items():
            for place, target in _leads(body):
                targets.add(str(target))
                if isinstance(target, str) and target not in states:
                    yield _wrong(f"Missing 'Next' target: {target}", f"{at}/States/{name}/{place}", _TARGET)
        if not any(body.get("End") is True or body.get("Type") in ("Succeed", "Fail")
                   for body in states.values()):
            yield _wrong("Workflow has no terminal state", None, "MISSING_END_STATE")
            return
        for name in states:
            if name not in targets:
                yield _wrong(f'State "{name}" is not reachable.', f"{at}/States/{name}", _TARGET)


def _leads(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Where a state may lead, and which of its fields says so."""
    for name in ("Next", "Default"):
        if name in body:
            yield name, body[name]
    for name in ("Choices", "Catch"):
        for position, one in _list(body, name):
            if isinstance(one, dict) and "Next" in one:
                yield f"{name}[{position}]/Next", one["Next"]


def _list(body: dict[str, Any], name: str) -> Iterator[tuple[int, Any]]:
    found = body.get(name)
    return enumerate(found if isinstance(found, list) else ())


def _one_of(field: str, values: tuple[str, ...]) -> str:
    return f"The field '{field}' should have one of these values: [{', '.join(values)}]"


def _unknown(body: dict[str, Any], allowed: frozenset[str], at: str) -> Iterator[Diagnostic]:
    for name in body:
        if name not in allowed:
            yield _wrong(f"Field '{name}' is not supported", at)


def _assign(body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
    values = body.get("Assign", {})
    if not isinstance(values, dict):
        yield _wrong("Expected value of type Object", f"{at}/Assign")
        return
    for name in values:
        if not _VARIABLE.fullmatch(name) or name == "states" or len(name) > VARIABLE_NAME:
            yield _wrong(f"'{name}' is not a valid variable name", f"{at}/Assign")


def _entry(one: Any, allowed: frozenset[str], needed: list[str], at: str) -> Iterator[Diagnostic]:
    """A retrier or a catcher."""
    if not isinstance(one, dict):
        yield _wrong("Expected value of type Object", at)
        return
    yield from _unknown(one, allowed, at)
    yield from _assign(one, at)
    if missing := [name for name in needed if name not in one]:
        yield _wrong(f"These fields are required: [{', '.join(missing)}]", at)
    elif not isinstance(names := one["ErrorEquals"], list) or not names or not all(
            isinstance(name, str) for name in names):
        yield _wrong("Expected a list of error names", f"{at}/ErrorEquals")
    for name, (kind, least) in _NUMBERS.items():
        if name in one and (not isinstance(value := one[name], kind) or isinstance(value, bool) or not (
                least <= value <= WAIT_S)):
            yield _wrong(f"Expected a number from {least} to {WAIT_S}", f"{at}/{name}")
    if one.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
        yield _wrong(_one_of("JitterStrategy", ("FULL", "NONE")), f"{at}/JitterStrategy")


def _rule(rule: Any, at: str, jsonata: bool, *, top: bool = True) -> Iterator[Diagnostic]:
    """A choice rule; only the outermost says where it leads."""
    if not isinstance(rule, dict):
        yield _wrong("Expected value of type Object", at)
        return
    said = frozenset(("Next", "Assign", "Output")) if top else frozenset()
    allowed = said | ({"Condition", "Comment"} if jsonata else _RULE)
    yield from _unknown(rule, allowed, at)
    yield from _assign(rule, at)
    if top and "Next" not in rule:
        yield _wrong("These fields are required: [Next]", at)
    if jsonata:
        if "Condition" not in rule:
            yield _wrong("These fields are required: [Condition]", at)
        return
    joined = [name for name in ("And", "Or", "Not") if name in rule]
    compared = [name for name in rule if name in OPERATORS]
    if len(joined) + len(compared) != 1 or (compared and "Variable" not in rule):
        yield _wrong("A choice rule needs a Variable and one comparison operator, or one of And, Or, Not", at)
    for name in compared:
        kind = next(kind for start, kind in _OPERANDS.items() if name.startswith(start))
        if not isinstance(rule[name], str if name.endswith("Path") else kind) or (
                kind is not bool and isinstance(rule[name], bool)):
            yield _wrong(f"Expected value of type {_NAMES.get(kind, 'Number')}", f"{at}/{name}")
    for name in joined:
        for position, one in enumerate(rule[name] if isinstance(rule[name], list) else [rule[name]]):
            place = f"{at}/{name}" if name == "Not" else f"{at}/{name}[{position}]"
            yield from _rule(one, place, jsonata, top=False)

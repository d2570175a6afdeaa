"""JSONata as AWS runs it: the library's language, less ``$eval``, with six functions more and bounds on time.

Expressions are compiled once per definition. The clock, randomness and identifiers that ``$now``,
``$millis``, ``$random`` and ``$uuid`` give come from the caller, so an expression is a function of what it is
given.
"""

import hashlib
import random
import re
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from .failures import EXPRESSION_DEPTH, EXPRESSION_MS, HASHES, RANGE_ITEMS, QueryFailure
from .intrinsics import json_text

if TYPE_CHECKING:
    from .templates import Scene

_FRAMES = 10_000  # of Python, that an expression as deep as it may be takes
_limit = sys.getrecursionlimit()
_library: Any = import_module("jsonata")  # which raises the whole process's limit when it is imported
sys.setrecursionlimit(_limit)
_ENGINE, JException, Utils = _library.Jsonata, _library.jexception.JException, _library.utils.Utils
_NULL = Utils.NULL_VALUE
_PATH = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_MISSING = object()
_NAMES = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_CONTEXT = re.compile(r"\$states(?!\s*\.\s*(?:input|result|errorOutput)\b)")
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"), ((int, float), "number"), (str, "string"), (list, "array"), (dict, "object"))


class BadExpression(Exception):
    """A text that is no expression; the message is the parser's."""


class _Room:
    """Deep expressions need more of Python's frames than it allows: it does while one is evaluated."""

    def __init__(self) -> None:
        self._lock, self._users, self._before = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self._before, _FRAMES))
            self._users += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                sys.setrecursionlimit(self._before)


_room = _Room()


class Expression:
    """A compiled expression; ``location`` is how AWS names the field it stands in."""

    __slots__ = ("_context", "_functions", "_names", "_path", "_program", "location", "text")

    def __init__(self, text: str, location: str) -> None:
        self.text, self.location = text, location
        try:
            with _room:
                self._program = _ENGINE(text)
        except JException as error:
            raise BadExpression(str(error)) from None
        except (RecursionError, ValueError, IndexError, TypeError, AttributeError) as error:
            raise BadExpression(f"The expression can't be parsed: {error}") from None
        if self._program.errors:
            raise BadExpression(str(self._program.errors[0]))
        self._program.set_validate_input(False)
        self._program.set_output_convert_nulls(False)
        names = set(_NAMES.findall(text))
        self._functions = [(name, _FUNCTIONS[name]) for name in names if name in _FUNCTIONS]
        self._names = [name for name in names if name != "states"]
        self._context = bool(_CONTEXT.search(text))
        self._path = text[1:].split(".") if _PATH.fullmatch(text) else None

    def __call__(self, around: "Scene") -> Any:
        """The value; :class:`QueryFailure` if there is none."""
        program = self._program
        if self._path:
            found = self._look(around, self._path)
            if found is not _MISSING:
                return found
        bindings: dict[str, Any] = {"states": around.states(context=self._context), "eval": None}
        for name, call in self._functions:
            bindings[name] = _ENGINE.JLambda(partial(call, around))
        if self._names:
            variables = around.variables()
            for name in self._names:
                if name in variables:
                    value = variables[name]
                    bindings[name] = _NULL if value is None else value
        bindings["__evaluate_entry"], bindings["__evaluate_exit"] = _bounds()
        program.environment = _ENGINE.static_frame
        try:
            with _room:
                found = program.evaluate(None, bindings)
        except (JException, RecursionError) as error:
            raise self._threw(error) from None
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise self._failure(f"threw an error during evaluation: {error}") from None
        if found is None:
            raise self._failure("returned nothing (undefined).")
        return self._plain(found)

    def _look(self, around: "Scene", path: list[str]) -> Any:
        """What a plain path through objects leads to, without the library; most expressions are one."""
        if path[0] == "states":
            value: Any = around.states(context=self._context)
        else:
            value = around.variables().get(path[0], _MISSING)
        for name in path[1:]:
            value = value.get(name, _MISSING) if type(value) is dict else _MISSING
        return value

    def _threw(self, error: Any) -> QueryFailure:
        if isinstance(error, RecursionError) or error.error == "D1011":
            return self._failure("threw an error during evaluation: Stack overflow error: Check for "
                                 "non-terminating recursive function. Consider rewriting as tail-recursive")
        return self._failure(f"threw an error during evaluation. {error.error}: {error}")

    def _failure(self, how: str) -> QueryFailure:
        return QueryFailure(f"The JSONata expression '{self.text}' specified for the field "
                            f"'{self.location}' {how}", self.location)

    def _plain(self, value: Any) -> Any:
        """The value as JSON has it, without the library's own kinds of lists and nulls."""
        kind = type(value)
        if kind is str or kind is int or kind is bool or kind is float:
            return value
        if value is None or value is _NULL:
            return None
        if isinstance(value, list | range):
            return [self._plain(one) for one in value]
        if isinstance(value, dict):
            return {key: self._plain(one) for key, one in value.items()}
        if isinstance(value, str | int | float):
            return value
        try:
            return [self._plain(one) for one in iter(value)]
        except TypeError:
            raise self._failure("returned an unsupported result type.") from None

    def expect(self, value: Any, kind: str) -> None:
        """Fail as AWS does if the value is of another kind than the field takes."""
        found = kind_of(value)
        if found != kind:
            raise self._failure(f"returned an unexpected result type. Expected '{kind}', but was '{found}' "
                                f"for value: {json_text(value)}")


def _bounds() -> tuple[Callable[..., None], Callable[..., None]]:
    """What the library calls before and after each part of an expression, so that none runs away.

    Its own bounds look at the clock twice for each part, which takes longer than most parts do.
    """
    depth = count = 0
    until = time.monotonic() + EXPRESSION_MS / 1000

    def enter(part: Any, value: Any, frame: Any) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > EXPRESSION_DEPTH:
            raise JException("D1011", -1)
        if not count % 32 and time.monotonic() > until:
            raise JException("D1012", -1, EXPRESSION_MS)

    def leave(part: Any, value: Any, frame: Any, result: Any) -> None:
        nonlocal depth
        depth -= 1

    return enter, leave


def kind_of(value: Any) -> str:
    """What JSON calls the value's kind."""
    return next((name for kinds, name in _KINDS if isinstance(value, kinds)), "null")


def is_expression(value: Any) -> bool:
    """Whether a field's value is an expression in ``{% … %}``."""
    return isinstance(value, str) and len(value) >= 4 and value.startswith("{%") and value.endswith("%}")


def _refuse(code: str, message: str) -> Exception:
    error: Exception = JException(code, 0)
    error.args = (message,)
    return error


def _mismatch(position: int, name: str) -> Exception:
    return _refuse("T0410", f'Argument {position} of function "{name}" does not match function signature')


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _partition(around: "Scene", array: Any = None, size: Any = None, *rest: Any) -> Any:
    if array is None:
        return None
    if not _is_number(size) or size < 1:
        raise _mismatch(2, "partition")
    items, step = list(array) if isinstance(array, list) else [array], int(size)
    return Utils.create_sequence_from_iter(items[at : at + step] for at in range(0, len(items), step))


def _range(around: "Scene", *arguments: Any) -> Any:
    for position in range(3):
        if position >= len(arguments) or not _is_number(arguments[position]):
            raise _mismatch(position + 1, "range")
    at, last, by = arguments[:3]
    if not by:
        raise _refuse("T0410", 'Argument 3 of function "range" must not be zero')
    found = Utils.create_sequence()
    while (at <= last) if by > 0 else (at >= last):
        found.append(at)
        if len(found) > RANGE_ITEMS:
            raise _refuse("D2014", f"$range may give no more than {RANGE_ITEMS} numbers")
        at += by
    return found


def _hash(around: "Scene", value: Any = None, algorithm: Any = None, *rest: Any) -> Any:
    if value is None:
        return None
    name = HASHES.get(algorithm if isinstance(algorithm, str) else "")
    if not isinstance(value, str) or not name:
        raise _mismatch(1 if name else 2, "hash")
    return hashlib.new(name, value.encode(), usedforsecurity=False).hexdigest()


def _random(around: "Scene", seed: Any = None, *rest: Any) -> float:
    return around.world.random() if seed is None else random.Random(str(seed)).random()


def _parse(around: "Scene", text: Any = None, *rest: Any) -> Any:
    if text is None:
        return None
    try:
        value = msgspec.json.decode(text) if isinstance(text, str) else None
    except msgspec.DecodeError as error:
        raise _refuse("D3001", f"Attempted to parse a text that is no JSON: {error}") from None
    return _NULL if value is None else value


def _now(around: "Scene", picture: Any = None, zone: Any = None, *rest: Any) -> str:
    return str(_library.datetimeutils.DateTimeUtils.format_datetime(around.now_ms, picture, zone))


# the functions that AWS adds or that would otherwise ask the machine
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "partition": _partition, "range": _range, "hash": _hash, "random": _random, "parse": _parse, "now": _now,
    "uuid": lambda around, *rest: around.world.uuid(), "millis": lambda around, *rest: around.now_ms,
}

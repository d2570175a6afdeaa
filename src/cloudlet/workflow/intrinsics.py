"""The eighteen ``States.`` functions: compiled from their text, then called.

Arguments are texts in single quotes, numbers, true, false, null, paths and further calls. What a call can't
do with its arguments is a ``States.IntrinsicFailure``, which can be caught.
"""

import base64
import binascii
import hashlib
import json
import math
import random
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from .failures import HASHES, INTRINSIC_NESTING, INTRINSIC_TEXT, RANGE_ITEMS, Failure, RuntimeFailure
from .jsonpath import BadText, NoResult, Path, Reader

if TYPE_CHECKING:
    from .templates import Scene


Call = Callable[["Scene"], Any]
_CALL = re.compile(r"States\.(\w+)\(")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_PIECE = re.compile(r"\\(['\\{}])|(\{\})|(.)", re.DOTALL)


class _Refused(Exception):
    """What a function says about its arguments."""


def compile_call(text: str) -> Call:
    """The call that ``text`` spells; :class:`BadText` if it spells none."""
    reader = Reader(text.strip())
    call = _call(reader, 1)
    if reader.at < len(reader.text):
        raise BadText(text)
    return call


def _call(reader: Reader, depth: int) -> Call:
    begin, match = reader.at, reader.match(_CALL)
    if not match or match[1] not in _FUNCTIONS or depth > INTRINSIC_NESTING:
        raise BadText(reader.text)
    least, most, function = _FUNCTIONS[match[1]]
    arguments: list[Call] = []
    reader.space()
    while not reader.take(")"):
        if arguments and not reader.take(","):
            raise BadText(reader.text)
        arguments.append(_argument(reader, depth, match[1] == "Format" and not arguments))
        reader.space()
    if not least <= len(arguments) <= most:
        raise BadText(reader.text)
    shown = reader.text[begin : reader.at]

    def run(around: "Scene") -> Any:
        values = [argument(around) for argument in arguments]
        try:
            return function(around, *values)
        except _Refused as refused:
            said = f"The function '{shown}' had the following error: {refused}"
            raise Failure("States.IntrinsicFailure", said, situated=True) from None

    return run


def _argument(reader: Reader, depth: int, template: bool) -> Call:
    reader.space()
    if reader.text.startswith("States.", reader.at):
        return _call(reader, depth + 1)
    if reader.text.startswith("$", reader.at):
        path = reader.path()
        return following(path, lambda scene, nowhere: (
            f"The JsonPath argument for the field '{path.text}' could not be found in the input "
            f"'{scene.shown()}'"))
    match = reader.match(_TEXT)
    value = _pieces(match[1], template) if match else reader.scalar()
    return lambda around: value


def _pieces(text: str, template: bool) -> Any:
    """What stands between quotes; of a template the pieces between its ``{}``."""
    pieces = [""]
    for escaped, hole, char in _PIECE.findall(text):
        if hole and template:
            pieces.append("")
        else:
            pieces[-1] += escaped or hole or char
    return tuple(pieces) if template else pieces[0]


def following(path: Path, said: "Callable[[Scene, NoResult], str]") -> Call:
    """What a path leads to; where it leads nowhere, the state fails with what is ``said`` of it."""
    def follow(scene: "Scene") -> Any:
        try:
            return scene.follow(path)
        except NoResult as nowhere:
            raise RuntimeFailure(said(scene, nowhere)) from None

    return follow


def json_text(value: Any) -> str:
    """The value as compact JSON."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JavaScript lets through
        return json.dumps(value, separators=(",", ":"))


def plain(value: Any) -> str:
    """The value within a text: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json_text(value)


def json_value(text: str | bytes) -> Any:
    """The value that JSON spells; ValueError if it is none."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def _format(around: "Scene", template: Any, *arguments: Any) -> str:
    pieces = template if isinstance(template, tuple) else _of(template, str, "a string").split("{}")
    if len(pieces) != len(arguments) + 1:
        raise _Refused("The number of arguments does not match the number of '{}' in the template")
    found = [pieces[0]]
    for argument, piece in zip(arguments, pieces[1:], strict=True):
        if isinstance(argument, list | dict):
            raise _Refused("The arguments of States.Format may not be arrays or objects")
        found += plain(argument), piece
    return "".join(found)


def _of(value: Any, kind: type | tuple[type, ...], named: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _Refused(f"The value {json_text(value)} is not {named}")
    return value


def _whole(value: Any) -> int:
    """A number, rounded where it has a fraction, as AWS does."""
    found: float = _of(value, (int, float), "a number")
    return math.floor(found + 0.5)


def _short(value: Any) -> str:
    text: str = _of(value, str, "a string")
    if len(text) > INTRINSIC_TEXT:
        raise _Refused(f"The string is longer than {INTRINSIC_TEXT} characters")
    return text


def _parse(around: "Scene", value: Any) -> Any:
    text = _of(value, str, "a string")
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise _Refused("The string is not valid JSON") from None


def _partition(around: "Scene", array: Any, size: Any) -> list[Any]:
    items, step = _of(array, list, "an array"), _whole(size)
    if step <= 0:
        raise _Refused("The chunk size must be a positive integer")
    return [items[at : at + step] for at in range(0, len(items), step)]


def _range(around: "Scene", first: Any, last: Any, step: Any) -> list[int]:
    start, end, by = _whole(first), _whole(last), _whole(step)
    if by == 0:
        raise _Refused("The step must not be zero")
    found = range(start, end + (1 if by > 0 else -1), by)
    if len(found) > RANGE_ITEMS:
        raise _Refused(f"The array would have more than {RANGE_ITEMS} elements")
    return list(found)


def _item(around: "Scene", array: Any, index: Any) -> Any:
    items, at = _of(array, list, "an array"), _of(index, int, "an integer")
    if not 0 <= at < len(items):
        raise _Refused(f"The index {at} is outside of the array of {len(items)} elements")
    return items[at]


def _contains(around: "Scene", array: Any, value: Any) -> bool:
    wanted = json_text(value)
    return any(one == value and json_text(one) == wanted for one in _of(array, list, "an array"))


def _unique(around: "Scene", array: Any) -> list[Any]:
    found: dict[str, Any] = {}
    for one in _of(array, list, "an array"):
        found.setdefault(json_text(one), one)
    return list(found.values())


def _decode(around: "Scene", value: Any) -> str:
    try:
        return base64.b64decode(_short(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _Refused("The string is not valid Base64") from None


def _hash(around: "Scene", value: Any, algorithm: Any) -> str:
    name = HASHES.get(algorithm if isinstance(algorithm, str) else "")
    if not name:
        raise _Refused(f"The algorithm must be one of {', '.join(HASHES)}")
    return hashlib.new(name, _short(plain(value)).encode(), usedforsecurity=False).hexdigest()


def _merge(around: "Scene", one: Any, other: Any, deep: Any) -> dict[str, Any]:
    if deep is not False:
        raise _Refused("Only the shallow merge is supported: the third argument must be false")
    merged: dict[str, Any] = {**_of(one, dict, "an object"), **_of(other, dict, "an object")}
    return merged


def _chance(around: "Scene", start: Any, end: Any, *seed: Any) -> int:
    first, last = _whole(start), _whole(end)
    if last <= first:
        raise _Refused("The start must be less than the end")
    chance = random.Random(_whole(seed[0])).random() if seed else around.world.random()
    return first + int(chance * (last - first))


def _split(around: "Scene", value: Any, delimiters: Any) -> list[str]:
    text, marks = _of(value, str, "a string"), _of(delimiters, str, "a string")
    if not marks:
        return [text]
    return [part for part in re.split(f"[{re.escape(marks)}]", text) if part]


# name: least and most arguments, and what it does
_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "Format": (1, 99, _format),
    "StringToJson": (1, 1, _parse),
    "JsonToString": (1, 1, lambda around, value: json_text(value)),
    "Array": (0, 999, lambda around, *values: list(values)),
    "ArrayPartition": (2, 2, _partition),
    "ArrayContains": (2, 2, _contains),
    "ArrayRange": (3, 3, _range),
    "ArrayGetItem": (2, 2, _item),
    "ArrayLength": (1, 1, lambda around, array: len(_of(array, list, "an array"))),
    "ArrayUnique": (1, 1, _unique),
    "Base64Encode": (1, 1, lambda around, value: base64.b64encode(_short(value).encode()).decode()),
    "Base64Decode": (1, 1, _decode),
    "Hash": (2, 2, _hash),
    "JsonMerge": (3, 3, _merge),
    "MathRandom": (2, 3, _chance),
    "MathAdd": (2, 2, lambda around, one, other: _whole(one) + _whole(other)),
    "StringSplit": (2, 2, _split),
    "UUID": (0, 0, lambda around: around.world.uuid()),
}

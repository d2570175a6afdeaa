"""Properties: held against a resource type's fields before anything is made, and made into it when it is.

The fields of the struct are the contract. The check goes all the way down, past intrinsic functions,
whose values nobody knows yet.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import inspect

from .document import Path, text_of
from .references import function_of

_NO_VALUE = {"Ref": "AWS::NoValue"}
_SCALARS = (
    inspect.StrType,
    inspect.IntType,
    inspect.FloatType,
    inspect.BoolType,
    inspect.LiteralType,
    inspect.EnumType,
)


def is_open(kind: type) -> bool:
    """Whether the type takes any property (``OPEN``), in its field ``properties``."""
    return bool(getattr(kind, "OPEN", False))


def build(kind: type, values: dict[str, Any]) -> Any:
    """The resource type with its properties, converted as CloudFormation does; ValueError if it can't be."""
    if is_open(kind):
        return kind(properties=values)
    try:
        return msgspec.convert(coerce(values, _info(kind)), kind, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"Properties validation failed: {error}") from None


def build_lenient(kind: type, values: dict[str, Any]) -> Any | None:
    """The type with those of the properties that it still has, to delete what was made of them; else None."""
    known = fields(kind)
    try:
        return build(kind, {name: value for name, value in values.items() if name in known})
    except ValueError:
        return None


def problems(kind: type, raw: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """What can be said against the properties of a template, and where."""
    if not is_open(kind):
        yield from _check(raw, _info(kind), path, "#")


def fields(kind: type) -> frozenset[str]:
    """The names of the properties that a type honours."""
    info = _info(kind)
    return (
        frozenset(field.encode_name for field in info.fields)
        if isinstance(info, inspect.StructType)
        else frozenset()
    )


@lru_cache(maxsize=1024)
def _info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _check(value: Any, info: inspect.Type, path: Path, where: str) -> Iterator[tuple[Path, str]]:
    function = function_of(value)
    if function == "Fn::If" and isinstance(value[function], list) and len(value[function]) == 3:
        for branch in (1, 2):
            yield from _check(value[function][branch], info, (*path, function, branch), where)
        return
    if function or value is None:
        return
    info = _fitting(info, value)
    if isinstance(info, inspect.StructType):
        yield from _check_struct(value, info, path, where)
    elif isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        if not isinstance(value, list):
            yield path, f"{where}: expected a list"
            return
        for n, item in enumerate(value):
            yield from _check(item, info.item_type, (*path, n), f"{where}/{n}")
    elif isinstance(info, inspect.DictType):
        if not isinstance(value, dict):
            yield path, f"{where}: expected an object"
            return
        for key, item in value.items():
            yield from _check(item, info.value_type, (*path, key), f"{where}/{key}")
    elif isinstance(info, _SCALARS):
        problem = _scalar_problem(value, info)
        if problem:
            yield path, f"{where}: {problem}"


def _check_struct(value: Any, info: inspect.StructType, path: Path, where: str) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, dict):
        yield path, f"{where}: expected an object"
        return
    known = {field.encode_name: field for field in info.fields}
    for name, item in value.items():
        if name in known:
            yield from _check(item, known[name].type, (*path, name), f"{where}/{name}")
        else:
            yield (*path, name), f"{where}: the property {name} is not honoured by cloudlet"
    for field in info.fields:
        if field.required and value.get(field.encode_name, _NO_VALUE) == _NO_VALUE:
            yield path, f"{where}: required key [{field.encode_name}] not found"


def _scalar_problem(value: Any, info: inspect.Type) -> str:
    if isinstance(value, dict | list):
        found = "JSONArray" if isinstance(value, list) else "JSONObject"
        return f"expected type: {_NAMES.get(type(info), 'String')}, found: {found}"
    try:
        msgspec.convert(coerce(value, info), _python(info), strict=False)
    except msgspec.ValidationError as error:
        if isinstance(info, inspect.LiteralType):
            return f"{text_of(value)} is not a valid enum value of [{', '.join(map(str, info.values))}]"
        return str(error)
    except TypeError:
        return ""
    return ""


_NAMES = {
    inspect.StrType: "String",
    inspect.IntType: "Integer",
    inspect.FloatType: "Number",
    inspect.BoolType: "Boolean",
}
_PYTHON: dict[type, Any] = {
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: bool,
}


def _python(info: inspect.Type) -> Any:
    """The annotation that an inspected scalar came from, without its constraints."""
    if isinstance(info, inspect.LiteralType):
        return Literal[tuple(info.values)]
    if isinstance(info, inspect.EnumType):
        return info.cls
    return _PYTHON[type(info)]


def _fitting(info: inspect.Type, value: Any) -> inspect.Type:
    """Of a union, the member that a value of this form is meant for."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    if not isinstance(info, inspect.UnionType):
        return info
    members = [_fitting(member, value) for member in info.types if not isinstance(member, inspect.NoneType)]
    if isinstance(value, dict):
        wanted: tuple[type, ...] = (inspect.StructType, inspect.DictType, inspect.AnyType)
    elif isinstance(value, list):
        wanted = (
            inspect.ListType,
            inspect.VarTupleType,
            inspect.SetType,
            inspect.FrozenSetType,
            inspect.AnyType,
        )
    else:
        wanted = (*_SCALARS, inspect.AnyType)
    fitting = [member for member in members if isinstance(member, wanted)]
    if len(fitting) > 1 and all(isinstance(member, _SCALARS) for member in fitting):
        return inspect.AnyType()  # several scalars: the conversion will tell
    return fitting[0] if fitting else members[0]


def coerce(value: Any, info: inspect.Type) -> Any:
    """``value`` with scalars as texts where texts are wanted; msgspec converts the rest."""
    if value is None:
        return None
    info = _fitting(info, value)
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        known = {field.encode_name: field.type for field in info.fields}
        return {name: coerce(item, known[name]) if name in known else item for name, item in value.items()}
    if isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        return [coerce(item, info.item_type) for item in value] if isinstance(value, list) else value
    if isinstance(info, inspect.DictType) and isinstance(value, dict):
        return {key: coerce(item, info.value_type) for key, item in value.items()}
    wants_text = isinstance(info, inspect.StrType | inspect.EnumType) or (
        isinstance(info, inspect.LiteralType) and all(isinstance(one, str) for one in info.values)
    )
    if wants_text and isinstance(value, bool | int | float):
        return text_of(value)
    if isinstance(info, inspect.IntType) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value

"""The condition functions, and those of rules: each gives true or false.

``Condition`` itself is no function but in a condition: elsewhere it is a key like any other.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .document import Path, text_of
from .sentinels import Sentinel

if TYPE_CHECKING:
    from .intrinsics import Resolver


def _and(resolver: "Resolver", argument: Any, path: Path) -> bool:
    return all(
        resolver.truth(item, (*path, n)) for n, item in enumerate(_some(resolver, argument, path, 2, 10))
    )


def _or(resolver: "Resolver", argument: Any, path: Path) -> bool:
    return any(
        resolver.truth(item, (*path, n)) for n, item in enumerate(_some(resolver, argument, path, 2, 10))
    )


def _not(resolver: "Resolver", argument: Any, path: Path) -> bool:
    return not resolver.truth(_some(resolver, argument, path, 1, 1)[0], (*path, 0))


def _equals(resolver: "Resolver", argument: Any, path: Path) -> bool:
    items = _some(resolver, argument, path, 2, 2)
    left, right = (_comparable(resolver.resolve(item, (*path, n))) for n, item in enumerate(items))
    return bool(left == right)


def _contains(resolver: "Resolver", argument: Any, path: Path) -> bool:
    items, value = resolver.arguments(argument, path, "Fn::Contains", list, str)
    return any(text_of(item) == value for item in items)


def _each_equals(resolver: "Resolver", argument: Any, path: Path) -> bool:
    items, value = resolver.arguments(argument, path, "Fn::EachMemberEquals", list, str)
    return all(text_of(item) == value for item in items)


def _each_in(resolver: "Resolver", argument: Any, path: Path) -> bool:
    items, allowed = resolver.arguments(argument, path, "Fn::EachMemberIn", list, list)
    return set(map(text_of, items)) <= set(map(text_of, allowed))


def _named(resolver: "Resolver", argument: Any, path: Path) -> bool:
    return resolver.condition(str(argument))


def _some(resolver: "Resolver", argument: Any, path: Path, least: int, most: int) -> list[Any]:
    if not isinstance(argument, list) or not least <= len(argument) <= most:
        number = f"exactly {least}" if least == most else f"at least {least} and at most {most}"
        raise resolver.refuse(
            f"Template error: every {path[-1]} object requires a list of {number} arguments", path
        )
    return argument


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return value if isinstance(value, Sentinel) else text_of(value)


CONDITIONAL: dict[str, Callable[["Resolver", Any, Path], bool]] = {
    "Fn::And": _and,
    "Fn::Or": _or,
    "Fn::Not": _not,
    "Fn::Equals": _equals,
    "Fn::Contains": _contains,
    "Fn::EachMemberEquals": _each_equals,
    "Fn::EachMemberIn": _each_in,
    "Condition": _named,
}

"""A statement of IoT SQL, taken apart."""

from typing import Any

import msgspec


class Literal(msgspec.Struct, frozen=True):
    """A value that stands in the statement."""

    value: Any


class Star(msgspec.Struct, frozen=True):
    """The whole message."""


class Name(msgspec.Struct, frozen=True):
    """An attribute of the message, or of what a nested query goes through."""

    name: str


class Member(msgspec.Struct, frozen=True):
    """``of.name``."""

    of: "Expression"
    name: str


class Application(msgspec.Struct, frozen=True):
    """A function and its arguments."""

    name: str
    arguments: tuple["Expression", ...]


class Cast(msgspec.Struct, frozen=True):
    """``cast(value AS kind)``."""

    value: "Expression"
    kind: str


class Unary(msgspec.Struct, frozen=True):
    """``NOT x``, ``-x``, ``EXISTS x``."""

    operator: str
    operand: "Expression"


class Binary(msgspec.Struct, frozen=True):
    """Two operands and what is between them."""

    operator: str
    left: "Expression"
    right: "Expression"


class Case(msgspec.Struct, frozen=True):
    """``CASE subject WHEN … THEN … ELSE … END``."""

    subject: "Expression"
    branches: tuple[tuple["Expression", "Expression"], ...]
    otherwise: "Expression | None"


class Object(msgspec.Struct, frozen=True):
    """``{'name': value}``."""

    members: tuple[tuple[str, "Expression"], ...]


class Array(msgspec.Struct, frozen=True):
    """``[value, value]``."""

    items: tuple["Expression", ...]


class Item(msgspec.Struct, frozen=True):
    """One thing that is selected, and the path under which it goes on."""

    value: "Expression"
    path: tuple[str, ...]


class Select(msgspec.Struct, frozen=True):
    """What is selected. ``bare`` (``SELECT VALUE``): the one item by itself and not an object of them."""

    items: tuple[Item, ...]
    bare: bool


class Query(msgspec.Struct, frozen=True):
    """A query within an expression, over an array or an object."""

    select: Select
    source: "Expression"
    where: "Expression | None"


class Statement(msgspec.Struct, frozen=True):
    """A whole rule. ``topic`` is the filter it listens to; without one it is reached by its name only."""

    select: Select
    topic: str
    where: "Expression | None"
    version: str


Expression = (Literal | Star | Name | Member | Application | Cast | Unary | Binary | Case | Object | Array
              | Query)

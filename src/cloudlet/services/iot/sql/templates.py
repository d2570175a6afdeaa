"""Substitution templates: texts of an action in which ``${expression}`` stands for what it gives."""

import msgspec

from .evaluation import evaluate
from .message import Facts
from .parser import parse_expression
from .syntax import Expression
from .tokens import WrongSql
from .values import UNDEFINED, to_text


class Template(msgspec.Struct, frozen=True):
    """Texts and expressions, one after the other."""

    parts: tuple[str | Expression, ...]

    def fill(self, facts: Facts) -> str:
        """The text for one message; what is undefined leaves nothing."""
        return "".join(part if isinstance(part, str) else _shown(part, facts) for part in self.parts)


def template(text: str, version: str) -> Template:
    """The template that ``text`` is; WrongSql if an expression in it is none.

    >>> template("things/${topic(2)}/x", "2016-03-23").parts[0]
    'things/'
    """
    parts: list[str | Expression] = []
    at = 0
    while (start := text.find("${", at)) >= 0:
        stop = _end(text, start + 2)
        if start > at:
            parts.append(text[at:start])
        parts.append(parse_expression(text[start + 2 : stop], version))
        at = stop + 1
    if at < len(text):
        parts.append(text[at:])
    return Template(tuple(parts))


def _end(text: str, at: int) -> int:
    """Where the brace is that closes the expression; not one in quotes, nor of a literal object."""
    depth, quote = 0, ""
    for place in range(at, len(text)):
        sign = text[place]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "{":
            depth += 1
        elif sign == "}":
            if not depth:
                return place
            depth -= 1
    raise WrongSql(f"The substitution template {text!r} has no closing brace.")


def _shown(expression: Expression, facts: Facts) -> str:
    found = to_text(evaluate(expression, facts, facts.value))
    return "" if found is UNDEFINED else str(found)

"""Wildcards and policy variables: how a text in a policy matches a text of a request.

``*`` stands for any run of characters and ``?`` for one; ``${aws:username}`` for what the request says.
In an ARN a wildcard stays within its part, between two colons; one at the end stands for all that follows.

>>> matches("arn:aws:sqs:*:123456789012:order*", "arn:aws:sqs:us-east-1:123456789012:orders", arn=True)
True
>>> matches("arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/ann/a.txt", {"aws:username": ("ann",)})
True
>>> matches("${*}", "anything"), matches("${*}", "*")
(False, True)
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

Context = Mapping[str, tuple[str, ...]]  # the condition keys of a request, in lower case, with their values
Match = Callable[[str], object]
_TOKEN = re.compile(r"\$\{([^{}]*)\}|[*?]")
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_LITERAL = frozenset("*?$")
_EMPTY: Context = {}


def matches(pattern: str, text: str, context: Context = _EMPTY, *, arn: bool = False, fold: bool = False,
            variables: bool = True) -> bool:
    """Whether ``text`` is what ``pattern`` means; ``fold`` ignores case.

    A pattern with a variable that the request does not say matches nothing.
    """
    if variables and "${" in pattern:
        values = _values(pattern, context)
        return values is not None and bool(_compiled(pattern, arn, fold, values)(text))
    return bool(_compiled(pattern, arn, fold, None)(text))


def keys_of(pattern: str) -> list[str]:
    """The condition keys that ``pattern`` refers to."""
    names = (name.partition(",")[0].strip() for name in _VARIABLE.findall(pattern))
    return [name for name in names if name and name not in _LITERAL]


def filled(pattern: str, context: Context) -> str | None:
    """``pattern`` with its variables as the request says them; None where it does not say one."""
    values = _values(pattern, context)
    if values is None:
        return None
    rest = iter(values)
    return _VARIABLE.sub(lambda _: next(rest), pattern)


def _values(pattern: str, context: Context) -> tuple[str, ...] | None:
    found = []
    for name in _VARIABLE.findall(pattern):
        if name in _LITERAL:
            found.append(name)
            continue
        key, _, default = name.partition(",")
        said = context.get(key.strip().lower())
        if said and len(said) == 1:
            found.append(said[0])
        elif default:
            found.append(default.strip().removeprefix("'").removesuffix("'"))
        else:
            return None
    return tuple(found)


@lru_cache(maxsize=16_384)
def _compiled(pattern: str, arn: bool, fold: bool, values: tuple[str, ...] | None) -> Match:
    """``values`` stand for the variables in order; None: there are none, and ``${`` is plain text."""
    rest = iter(values or ())
    by_part = arn and pattern.startswith("arn:")
    out, at, colons = [], 0, 0
    for token in _TOKEN.finditer(pattern):
        if token[1] is not None and values is None:
            continue
        literal = pattern[at : token.start()]
        at, colons = token.end(), colons + literal.count(":")
        out.append(re.escape(literal))
        if token[1] is not None:
            out.append(re.escape(next(rest)))
        else:
            within = by_part and colons < 5 and token.end() < len(pattern)
            out.append(("[^:]" if within else ".") + ("*" if token[0] == "*" else ""))
    out.append(re.escape(pattern[at:]))
    return re.compile("".join(out), re.DOTALL | (re.IGNORECASE if fold else 0)).fullmatch

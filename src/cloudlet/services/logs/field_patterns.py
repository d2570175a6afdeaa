"""Filter patterns for lines of fields: ``[ip, user, ..., status = 4*, bytes > 100]``.

A line's fields are parted by spaces; what stands in brackets or quotation marks is one field.
"""

import re
from collections.abc import Callable

from .comparisons import Value
from .errors import InvalidParameterException

Test = Callable[[str], bool]
Matcher = Callable[[str], dict[str, str] | None]
_FIELD = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
_COLUMN = re.compile(r'(?:"(?:[^"\\]|\\.)*"|%[^%]*%|[^,"%])+')
_CONDITION = re.compile(r'\s*([\w.@$-]+)\s*(?:(!=|<=|>=|=|<|>)\s*("(?:[^"\\]|\\.)*"|%[^%]*%|[^\s&|)]+))?\s*')


def compile_fields(text: str) -> Matcher:
    """The matcher of a pattern in brackets."""
    if not text.endswith("]"):
        raise InvalidParameterException("Invalid filter pattern")
    columns = [column.strip() for column in _COLUMN.findall(text[1:-1])]
    gap = columns.index("...") if "..." in columns else -1
    if not columns or columns.count("...") > 1:
        raise InvalidParameterException("Invalid filter pattern")
    compiled = [_column(column, n) for n, column in enumerate(columns, 1) if column != "..."]

    def matches(message: str) -> dict[str, str] | None:
        fields = [match[match.lastindex or 0] for match in _FIELD.finditer(message)]
        if gap >= 0 and len(fields) >= len(compiled):
            fields = fields[:gap] + fields[len(fields) - len(compiled) + gap:]
        if len(fields) != len(compiled):
            return None
        if not all(test(field) for (_, test), field in zip(compiled, fields, strict=True)):
            return None
        return {f"${name}": field for (name, _), field in zip(compiled, fields, strict=True)}

    return matches


def _column(text: str, position: int) -> tuple[str, Test]:
    """A field's name and test; one without a name is known by its position."""
    if not text:
        return str(position), lambda field: True
    name, groups = "", list[list[Test]]()
    plain = text.strip("()") if text.startswith("(") else text
    for alternative in _split(plain, "||"):
        tests: list[Test] = []
        for condition in _split(alternative, "&&"):
            match = _CONDITION.fullmatch(condition.strip().strip("()"))
            if match is None:
                raise InvalidParameterException("Invalid filter pattern")
            name = name or match[1]
            if match[2]:
                tests.append(_test(match[2], Value.of(match[3])))
        groups.append(tests)
    return name, lambda field: any(all(test(field) for test in tests) for tests in groups)


def _test(operator: str, value: Value) -> Test:
    return lambda field: value.compare(operator, field)


def _split(text: str, sign: str) -> list[str]:
    """Part at ``sign`` where it stands outside quotation marks and regular expressions."""
    parts, current = [], ""
    for piece in re.findall(rf'"(?:[^"\\]|\\.)*"|%[^%]*%|{re.escape(sign)}|.', text):
        if piece == sign:
            parts.append(current)
            current = ""
        else:
            current += piece
    return [*parts, current]

"""Paths into an event, as ``$.detail.items[0].id``: the part of JSONPath that EventBridge knows.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

import re
from functools import lru_cache
from typing import Any

NOTHING: Any = object()  # what stands at a path that leads nowhere
_STEP = re.compile(r"""\.([\w/-]+)|\[(\d+)\]|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\]|(\.\*|\[\*\])""",
                   re.ASCII)
Step = str | int | None  # a name, an index, or every one


class NoPath(ValueError):
    """A text is not a path."""


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Step, ...]:
    """The steps of a path.

    >>> parse("$.detail.items[0].*")
    ('detail', 'items', 0, None)
    """
    if not text.startswith("$"):
        raise NoPath(f"{text} does not begin with $.")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise NoPath(f"{text} is no path from its character {at + 1} on.")
        name, index, quoted, double, every = found.groups()
        if every:
            steps.append(None)
        elif index is not None:
            steps.append(int(index))
        else:
            steps.append(next(one for one in (name, quoted, double) if one is not None))
        at = found.end()
    return tuple(steps)


def read(value: Any, steps: tuple[Step, ...]) -> Any:
    """What stands there: a list where a step means several, ``NOTHING`` where there is nothing."""
    for at, step in enumerate(steps):
        if step is None:
            several = list(value.values()) if isinstance(value, dict) else value
            if not isinstance(several, list):
                return NOTHING
            rest = steps[at + 1:]
            return [one for each in several if (one := read(each, rest)) is not NOTHING]
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return NOTHING
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return NOTHING
    return value

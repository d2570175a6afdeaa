"""Input templates: what an enrichment or a target gets of an event. Pure.

``<$.path>`` stands for a part of the event, ``<aws.pipes.…>`` for what is known of the pipe. Within a JSON
text what is inserted is escaped, elsewhere it is inserted as JSON; a path that leads nowhere is an empty text
or null.
A body that is JSON can be looked into, and so can data in base64.
Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html

>>> render('{"id": <$.body.id>, "said": "it is <$.body.word>"}', {"body": '{"id": 7, "word": "a"}'}, {})
'{"id": 7, "said": "it is a"}'
>>> render("<aws.pipes.pipe-name>: <$.n[0]>", {"n": [1]}, {"pipe-name": "p"})
'p: 1'
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

_HOLE = re.compile(r"<(\$(?:\.[\w/-]+(?:\[(?:\d+|\*)\])*)*|aws\.pipes\.[a-z.-]+)>")
_STEP = re.compile(r"\.([\w/-]+)|\[(\d+|\*)\]")
KNOWN = ("pipe-arn", "pipe-name", "source-arn", "enrichment-arn", "target-arn", "event.ingestion-time",
         "event", "event.json")
_NONE: Any = object()


def unknown(template: str) -> list[str]:
    """The reserved variables of a template that there are not."""
    names = [name.removeprefix("aws.pipes.") for name in _HOLE.findall(template) if name.startswith("aws.")]
    return [name for name in names if name not in KNOWN]


def render(template: str, event: Any, said: Mapping[str, str]) -> str:
    """The template, filled in."""
    found: list[str] = []
    at, quoted = 0, False
    for hole in _HOLE.finditer(template):
        text = template[at : hole.start()]
        quoted = _quoted(text, quoted)
        found += [text, _shown(_value(hole[1], event, said), quoted, template)]
        at = hole.end()
    return "".join([*found, template[at:]])


def look(event: Any, path: str) -> Any:
    """What a path leads to in an event; None if it leads nowhere."""
    found = _walk(event, [(one[1], one[2]) for one in _STEP.finditer(path)])
    return None if found is _NONE else found


def _value(name: str, event: Any, said: Mapping[str, str]) -> Any:
    if name.startswith("$"):
        return _walk(event, [(one[1], one[2]) for one in _STEP.finditer(name)])
    short = name.removeprefix("aws.pipes.")
    return event if short in ("event", "event.json") else said.get(short, "")


def _walk(value: Any, steps: list[tuple[str | None, str | None]]) -> Any:
    for n, (name, index) in enumerate(steps):
        value = _opened(value)
        if name is not None:
            value = value.get(name, _NONE) if isinstance(value, dict) else _NONE
        elif not isinstance(value, list):
            return _NONE
        elif index == "*":
            return [one for item in value if (one := _walk(item, steps[n + 1:])) is not _NONE]
        else:
            value = value[int(index or 0)] if int(index or 0) < len(value) else _NONE
        if value is _NONE:
            return _NONE
    return value


def _opened(value: Any) -> Any:
    """What a text holds: JSON, or JSON in base64."""
    if not isinstance(value, str):
        return value
    for text in (value, value.encode()):
        try:
            return json.loads(text if isinstance(text, str) else base64.b64decode(text, validate=True))
        except ValueError:
            continue
    return value


def _quoted(text: str, quoted: bool) -> bool:
    """Whether a JSON text is open at the end of ``text``."""
    escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
    return quoted


def _shown(value: Any, quoted: bool, template: str) -> str:
    if not quoted and template.lstrip()[:1] in ("{", "["):
        return "null" if value is _NONE else json.dumps(value, separators=(",", ":"))
    text = "" if value is _NONE else value
    if not isinstance(text, str):
        text = json.dumps(text, separators=(",", ":"))
    return json.dumps(text)[1:-1] if quoted else text

"""Dynamic references: ``{{resolve:ssm:name}}`` and ``{{resolve:secretsmanager:…}}``.

They are replaced at the last moment, when a resource type is called: no secret is stored with a stack.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_REFERENCE = re.compile(r"\{\{resolve:(?P<service>[a-z-]+):(?P<rest>[^{}]*)\}\}")


class DynamicReference(msgspec.Struct, frozen=True):
    """Something that another service knows. ``service`` is ``ssm``, ``ssm-secure`` or ``secretsmanager``."""

    text: str
    service: str
    rest: str

    @property
    def secret_id(self) -> str:
        """The secret's name or ARN (which has colons of its own)."""
        parts = self.rest.split(":")
        return ":".join(parts[:7]) if parts[0] == "arn" else parts[0]

    @property
    def secret_parts(self) -> list[str]:
        """What follows the secret's id: ``SecretString``, the JSON key, the version's stage and its id."""
        rest = self.rest[len(self.secret_id) + 1 :]
        return [*(rest.split(":") if rest else []), "", "", "", ""][:4]


def find(value: Any) -> Iterator[DynamicReference]:
    """The dynamic references in ``value``.

    >>> [reference.rest for reference in find({"Password": "{{resolve:ssm:/db/password:3}}"})]
    ['/db/password:3']
    """
    if isinstance(value, dict):
        for item in value.values():
            yield from find(item)
    elif isinstance(value, list):
        for item in value:
            yield from find(item)
    elif isinstance(value, str) and "{{resolve:" in value:
        for match in _REFERENCE.finditer(value):
            yield DynamicReference(match[0], match["service"], match["rest"])


def substitute(value: Any, found: Mapping[str, str]) -> Any:
    """``value`` with each reference replaced by what was found for its text."""
    if isinstance(value, dict):
        return {key: substitute(item, found) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, found) for item in value]
    if isinstance(value, str) and "{{resolve:" in value:
        return _REFERENCE.sub(lambda match: found.get(match[0], match[0]), value)
    return value

"""Filter policies: SNS's own rules on top of event patterns.

They bound what a policy may cost: five keys, and 150 combinations, counted as the product of the values of
all keys, each times the depth it stands at; alternatives of an ``$or`` add up.
Source: https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
"""

import json
from functools import lru_cache
from typing import Any

from ...fabric import patterns
from ...fabric.operators import PatternError
from ...fabric.patterns import Leaf, Node, Pattern
from . import limits
from .errors import InvalidParameterException, invalid

SCOPES = ("MessageAttributes", "MessageBody")
_BARE = ("Malformed CIDR", "Nonstandard IP", "IPv")  # AWS does not say where these stand

compiled = lru_cache(maxsize=1024)(patterns.parse)


def check(text: str, scope: str, say: str) -> None:
    """Refuse a policy that is none; ``say`` is how the refusal begins, up to the attribute's name."""
    def refuse(reason: str) -> InvalidParameterException:
        return InvalidParameterException(f"Invalid parameter: {say}FilterPolicy: {reason}")

    if len(text.encode("utf-8", "replace")) > limits.FILTER_BYTES:
        raise refuse("Filter policy is too large")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse(f"failed to parse JSON. {error}") from None
    if scope == "MessageAttributes" and isinstance(document, dict) and _nests(document):
        raise invalid("Filter policy scope MessageAttributes does not support nested filter policy")
    try:
        pattern: Pattern = compiled(text)
    except PatternError as error:
        reason = str(error)
        raise refuse(reason.partition("\n")[0] if reason.startswith(_BARE) else reason) from None
    if len(_keys(pattern.root)) > limits.FILTER_KEYS:
        raise refuse(f"Filter policy can not have more than {limits.FILTER_KEYS} keys")
    if _combinations(pattern.root, scope == "MessageBody") > limits.FILTER_COMBINATIONS:
        raise refuse("Filter policy is too complex")


def is_empty(text: str) -> bool:
    """Whether a policy says nothing, which takes it away."""
    return not text or text.strip() == "{}"


def _nests(document: dict[str, Any]) -> bool:
    """Whether a key holds an object, here or in a branch of an ``$or``."""
    return any(isinstance(value, dict) or (key == "$or" and isinstance(value, list) and any(
        isinstance(branch, dict) and _nests(branch) for branch in value)) for key, value in document.items())


def _keys(node: Node) -> set[str]:
    """The names at the top of a policy, those of branches too."""
    return set(node.fields).union(*(_keys(branch) for choice in node.choices for branch in choice))


def _combinations(node: Node, deep: bool) -> int:
    found = 1
    for below in node.fields.values():
        if isinstance(below, Leaf):
            found *= (len(below.tests) + below.absent) * (len(below.path) if deep else 1)
        else:
            found *= _combinations(below, deep)
    for choice in node.choices:
        found *= sum(_combinations(branch, deep) for branch in choice)
    return found

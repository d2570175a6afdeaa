"""Policy documents: JSON compiled once into statements that are quick to ask.

Compiling is lenient: a document that was stored has passed :mod:`.grammar`, and one that AWS's own
services made may say more than we know. A statement says whether it speaks of a request; what follows
from all of them together is :mod:`.evaluation`'s.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any

import msgspec

from . import patterns
from .conditions import Condition, Unknown, compile_conditions
from .patterns import Context
from .principal import Principal


class Malformed(ValueError):
    """The document is no policy; the message is AWS's."""


class Principals(msgspec.Struct, frozen=True):
    """Who is meant, by kind, as ``"AWS"`` and ``"Service"``; ``negated`` for NotPrincipal."""

    named: tuple[tuple[str, str], ...]
    negated: bool = False

    def match(self, principal: Principal) -> str:
        """How the principal is meant: ``self``, ``role``, ``account``, ``everyone``, or not: ``""``."""
        found = {how for kind, name in self.named if (how := _meant(kind, name, principal))}
        if self.negated:
            return "" if found else "everyone"
        return next((how for how in ("self", "role", "everyone", "account") if how in found), "")


class Statement(msgspec.Struct, frozen=True):
    """One statement. ``principals`` is None in an identity's policy."""

    index: int
    sid: str
    allows: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...] | None
    not_resources: bool
    principals: Principals | None
    conditions: tuple[Condition, ...]
    variables: bool

    def speaks_of(self, action: str, resource: str, context: Context) -> bool:
        """Whether action, resource and conditions are all meant."""
        return (self.names_action(action) and self.names_resource(resource, context)
                and all(condition.holds(context) for condition in self.conditions))

    def names_action(self, action: str) -> bool:
        """Whether the action is meant; case does not count."""
        named = any(patterns.matches(each, action, fold=True, variables=False) for each in self.actions)
        return named != self.not_actions

    def names_resource(self, resource: str, context: Context) -> bool:
        """Whether the resource is meant; a statement that names none (a trust policy) means its own."""
        if self.resources is None:
            return True
        named = any(
            each == "*" or patterns.matches(each, resource, context, arn=True, variables=self.variables)
            for each in self.resources)
        return named != self.not_resources


class Document(msgspec.Struct, frozen=True):
    """A whole policy."""

    statements: tuple[Statement, ...]
    text: str
    id: str = ""


@lru_cache(maxsize=4096)
def compiled(text: str) -> Document:
    """The policy that ``text`` spells; :class:`Malformed` if it spells none."""
    try:
        tree = json.loads(text)
        variables = tree.get("Version") == "2012-10-17"
        statements = tuple(
            _statement(n, each, variables) for n, each in enumerate(as_list(tree["Statement"])))
    except (ValueError, KeyError, TypeError, AttributeError, Unknown, RecursionError):
        raise Malformed("Syntax errors in policy.") from None
    return Document(statements, text, str(tree.get("Id", "")))


def context_keys(document: Document) -> list[str]:
    """The condition keys that a policy asks for, in conditions and in variables, each once."""
    found: dict[str, str] = {}
    for statement in document.statements:
        for condition in statement.conditions:
            found.setdefault(condition.key.lower(), condition.key)
        texts = [*(statement.resources or ()), *(v for c in statement.conditions for v in c.values)]
        for key in (key for text in texts for key in patterns.keys_of(text) if statement.variables):
            found.setdefault(key.lower(), key)
    return list(found.values())


def as_list(value: Any) -> list[Any]:
    """What may be one or several, as several."""
    return value if isinstance(value, list) else [value]


def _statement(index: int, tree: dict[str, Any], variables: bool) -> Statement:
    actions = tree.get("NotAction", tree.get("Action", []))
    resources = tree.get("NotResource", tree.get("Resource"))
    return Statement(
        index, str(tree.get("Sid", "")), tree["Effect"] == "Allow", _texts(actions), "NotAction" in tree,
        None if resources is None else tuple(map(_whole, _texts(resources))), "NotResource" in tree,
        _principals(tree),
        compile_conditions(tree.get("Condition", {}), variables), variables)


def _texts(value: Any) -> tuple[str, ...]:
    texts = tuple(as_list(value))
    if not all(isinstance(text, str) for text in texts):
        raise TypeError
    return texts


def _whole(arn: str) -> str:
    """An ARN that lacks parts stands for all that begin so, as AWS completes it."""
    lacking = 5 - arn.count(":")
    return arn + ":*" * lacking if arn.startswith("arn:") and lacking > 0 and "${" not in arn else arn


def _principals(tree: dict[str, Any]) -> Principals | None:
    said = tree.get("NotPrincipal", tree.get("Principal"))
    if said is None:
        return None
    if said == "*":
        return Principals((("*", "*"),), "NotPrincipal" in tree)
    named = tuple((kind, name) for kind, names in said.items() for name in _texts(names))
    return Principals(named, "NotPrincipal" in tree)


def _meant(kind: str, name: str, principal: Principal) -> str:
    if name == "*" and kind in ("*", "AWS"):
        return "everyone"
    if kind == "Service":
        return "self" if principal.kind == "service" and _serves(name, principal.arn) else ""
    if kind == "CanonicalUser":
        return "account" if name == canonical_id(principal.account) else ""
    if kind == "Federated":
        return "self" if name == principal.arn else ""
    if kind != "AWS" or principal.kind in ("service", "anonymous"):
        return ""
    if name in (principal.arn, principal.id):
        return "account" if principal.kind == "root" else "self"
    if principal.role_arn and name in (principal.role_arn, principal.id.partition(":")[0]):
        return "role"
    return "account" if name in (principal.account, f"arn:aws:iam::{principal.account}:root") else ""


def _serves(name: str, service: str) -> bool:
    """A service's regional name (``states.us-east-1.amazonaws.com``) means the service as well."""
    first = name.partition(".")[0]
    return name == service or (name.endswith(".amazonaws.com") and f"{first}.amazonaws.com" == service)


def canonical_id(account: str) -> str:
    """The canonical user id of an account: S3's name for it, 64 hexadecimal digits."""
    return hashlib.sha256(f"account {account}".encode()).hexdigest()

"""Canonical ids: how S3 names accounts in owners and grants."""

import re

from ...identity.policy import canonical_id

_ID = re.compile(r"[0-9a-f]{64}")


def is_canonical_id(text: str) -> bool:
    """Whether ``text`` can be the id of an account; any account may be one here."""
    return bool(_ID.fullmatch(text))


def owner(account: str) -> dict[str, str]:
    """An account as an answer names it."""
    return {"ID": canonical_id(account)}


__all__ = ["canonical_id", "is_canonical_id", "owner"]

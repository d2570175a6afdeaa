"""Accounts in owners and grants: S3 names them by canonical ids.

AWS stopped to add the name of an account on 21 November 2025. Here an account has none until it is given an
alias (IAM's CreateAccountAlias), and is shown with that from then on: who names accounts wants to read names.
"""

import re
from collections.abc import Callable
from functools import cache

from ...identity.policy import canonical_id
from ...kernel import Call
from ...kernel.accounts import name_of

_ID = re.compile(r"[0-9a-f]{64}")
Named = dict[str, str]


def is_canonical_id(text: str) -> bool:
    """Whether ``text`` can be the id of an account; any account may be one here."""
    return bool(_ID.fullmatch(text))


def named(call: Call, id: str) -> Named:
    """An account as an answer names it, by its canonical id."""
    name = name_of(call, id)
    return {"ID": id, "DisplayName": name} if name else {"ID": id}


def owner(call: Call, account: str) -> Named:
    """An account as an answer names it."""
    return named(call, canonical_id(account))


def owners(call: Call) -> Callable[[str], Named]:
    """The same for an answer with many: each account is looked up once."""
    return cache(lambda account: owner(call, account))


__all__ = ["canonical_id", "is_canonical_id", "named", "owner", "owners"]

"""What accounts are called: IAM writes it, and whoever shows an owner reads it by the canonical id."""

import msgspec

from ..identity.policy import canonical_id
from ..store import Scope, Table


class Account(msgspec.Struct):
    """An account with a name."""

    number: str
    name: str


_accounts = Table("accounts", Account, reach="global")  # (canonical id,)


def rename(scope: Scope, name: str) -> None:
    """The account of the call is called so from now on; ``""`` takes its name away."""
    where = canonical_id(scope.account)
    if name:
        _accounts.put(scope, where, record=Account(scope.account, name))
    else:
        _accounts.delete(scope, where)


def name_of(scope: Scope, canonical_id: str) -> str:
    """What an account is called; ``""`` if it has no name."""
    found = _accounts.get(scope, canonical_id)
    return found.name if found else ""

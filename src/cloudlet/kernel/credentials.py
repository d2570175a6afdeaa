"""Access keys: which principal a key id stands for, and the secret that proves it.

IAM and STS write here and the gateway reads, at every request; so what was read is kept in memory
until the bell says that something changed.
"""

import msgspec

from ..identity import Principal
from ..store import Scope, Store, Table, Transaction

_BELL = "credentials"
_MOST = 10_000


class Credential(msgspec.Struct):
    """One access key. ``expires_ms`` is 0 for a user's long-lived key."""

    access_key: str
    secret: str
    principal: Principal
    token: str = ""
    expires_ms: int = 0
    active: bool = True


_credentials = Table("credentials", Credential, reach="global")


def save(scope: Scope, credential: Credential) -> None:
    """Make the key valid (or replace what it stands for)."""
    _credentials.put(scope, credential.access_key, record=credential)
    scope.tx.ring(_BELL)


def forget(scope: Scope, access_key: str) -> None:
    """The key is no more; requests signed with it are refused from the next on."""
    credential = _credentials.get(scope, access_key)
    if credential:
        credential.active = False
        _credentials.put(scope, access_key, record=credential)
        scope.tx.ring(_BELL)


class Keyring:
    """The keys as the gateway sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Credential | None] = {}
        self._ear = store.listen(_BELL)

    async def find(self, access_key: str) -> Credential | None:
        """The key called ``access_key``; None if nobody created it."""
        if self._ear.rung():
            self._known.clear()
        if access_key not in self._known:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = await self._store.transact(lambda tx: _credentials.get(_Global(tx), access_key))
            self._known[access_key] = found
        return self._known[access_key]


class _Global(msgspec.Struct):
    """The scope of what belongs to no account."""

    tx: Transaction
    account: str = ""
    region: str = ""

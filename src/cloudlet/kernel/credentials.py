"""Access keys: which principal a key id stands for, and the secret that proves it.

IAM and STS write here and the gateway reads, at every request; so what was read is kept in memory
until the bell says that something changed.
"""

import string

import msgspec

from ..identity import Principal, root
from ..ids import BASE32, Ids
from ..store import Scope, Store, Table, Transaction

SECRET = string.ascii_letters + string.digits + "+/"  # what a secret is made of
_BELL = "credentials"
_MOST = 10_000
_NOTED_EVERY_MS = 60_000  # how exactly the last use of a key is known


class Session(msgspec.Struct):
    """What limits and describes a session beside its principal. ``policies`` None: nothing limits it."""

    policies: list[str] | None = None  # documents
    tags: dict[str, str] = {}
    transitive: list[str] = []  # keys of tags that roles assumed from this session inherit
    source_identity: str = ""
    lender: Principal | None = None  # the user whose permissions a federated user has


class Credential(msgspec.Struct):
    """One access key. ``expires_ms`` is 0 for a user's long-lived key."""

    access_key: str
    secret: str
    principal: Principal
    token: str = ""
    expires_ms: int = 0
    active: bool = True
    session: Session | None = None


class LastUse(msgspec.Struct):
    """When, where and for which service a key last signed a request."""

    at_ms: int
    service: str
    region: str


class RootKey(msgspec.Struct):
    """Which key is an account's own."""

    access_key: str


_credentials = Table("credentials", Credential, reach="global")
_root_keys = Table("credentials.root", RootKey, reach="global")
_uses = Table("credentials.used", LastUse, reach="global")


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


def get(scope: Scope, access_key: str) -> Credential | None:
    """The key called ``access_key``, be it valid or not."""
    return _credentials.get(scope, access_key)


def last_use(scope: Scope, of: str) -> LastUse | None:
    """When the key, or the role with that ARN, was last used, to the minute; None if it never was."""
    return _uses.get(scope, of)


def root_key(tx: Transaction, ids: Ids, account: str) -> Credential:
    """The key of an account itself; it is made when it is first asked for, as one that no user has."""
    scope = _Global(tx)
    known = _root_keys.get(scope, account)
    found = _credentials.get(scope, known.access_key) if known else None
    return found if found is not None and found.active else new_root_key(tx, ids, account)


def new_root_key(tx: Transaction, ids: Ids, account: str) -> Credential:
    """Another key of an account itself; the one it had is no more."""
    scope = _Global(tx)
    known = _root_keys.get(scope, account)
    if known:
        forget(scope, known.access_key)
    access_key = "AKIA" + ids.text(16, BASE32)
    found = Credential(access_key, ids.text(40, SECRET), root(account, access_key))
    _root_keys.put(scope, account, record=RootKey(access_key))
    save(scope, found)
    return found


class Keyring:
    """The keys as the gateway sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Credential | None] = {}
        self._used: dict[str, LastUse] = {}
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

    async def used(self, credential: Credential, service: str, region: str, now_ms: int) -> None:
        """Remember that the key has signed a request now; written down once a minute at most."""
        known = self._used.get(credential.access_key)
        if known and known.service == service and now_ms - known.at_ms < _NOTED_EVERY_MS:
            return
        if len(self._used) >= _MOST:
            self._used.clear()
        use = self._used[credential.access_key] = LastUse(now_ms, service, region)

        def note(tx: Transaction) -> None:
            for of in filter(None, (credential.access_key, credential.principal.role_arn)):
                _uses.put(_Global(tx), of, record=use)
        await self._store.transact(note)


class _Global(msgspec.Struct):
    """The scope of what belongs to no account."""

    tx: Transaction
    account: str = ""
    region: str = ""

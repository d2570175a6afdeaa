"""Who a request is from.

A key that IAM or STS made must have signed rightly. A key nobody made is taken at its word, as
every local tool does: twelve digits name its account, anything else stands for the default one.
"""

import re

from ..errors import AwsError
from ..identity import ANONYMOUS, Principal, root
from ..identity.signature import Signed
from ..kernel import Kernel
from ..kernel.credentials import Keyring
from ..wire.http import Request

DEFAULT_ACCOUNT = "000000000000"
_ACCOUNT = re.compile(r"\d{12}")


class InvalidClientTokenId(AwsError):
    """The security token included in the request is invalid."""

    status = 403


class Authenticator:
    """Knows the keys that were made here."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._keyring = Keyring(kernel.store)
        self._roots: dict[str, Principal] = {}

    async def principal_of(self, request: Request, signed: Signed | None, service: str) -> Principal:
        """The principal a request is from; an :class:`AwsError` if it isn't."""
        if signed is None:
            return ANONYMOUS
        credential = await self._keyring.find(signed.access_key)
        if credential is None:
            return self._stranger(signed.access_key)
        if not credential.active:
            raise InvalidClientTokenId
        return credential.principal

    def _stranger(self, access_key: str) -> Principal:
        found = self._roots.get(access_key)
        if found is None:
            account = access_key if _ACCOUNT.fullmatch(access_key) else DEFAULT_ACCOUNT
            found = root(account, access_key)
            if len(self._roots) < 10_000:
                self._roots[access_key] = found
        return found

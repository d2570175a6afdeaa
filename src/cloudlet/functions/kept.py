"""Workers that are kept initialised, whether or not there are events: provisioned concurrency."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from .spec import Credentials, Spec

if TYPE_CHECKING:
    from .pool import Pool

log = logging.getLogger(__name__)


class InitFailed(Exception):
    """A function could not be loaded; the text is the error in Lambda's JSON."""


class _Provision(NamedTuple):
    spec: Spec
    most: int
    credentials: Credentials


class Kept:
    """How many workers of which functions the pool keeps."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._provisions: dict[str, _Provision] = {}

    async def keep(self, spec: Spec, count: int, credentials: Credentials) -> None:
        """Keep ``count`` initialised workers; they stand when this returns.

        :class:`InitFailed` if the function can't be loaded; then none are kept.
        """
        self._provisions[spec.key] = _Provision(spec, count, credentials)
        try:
            await self._fill(spec.key)
        except BaseException:
            self.release(spec.key)
            raise

    def release(self, key: str) -> None:
        """Keep no more workers of that function than are used."""
        self._provisions.pop(key, None)

    def forget(self, concerns: Callable[[Spec], bool]) -> None:
        """Keep none of the functions that ``concerns`` says are concerned."""
        self._provisions = {key: one for key, one in self._provisions.items() if not concerns(one.spec)}

    def most(self, key: str) -> int:
        """How many are to be kept of a function."""
        kept = self._provisions.get(key)
        return kept.most if kept else 0

    def standing(self, key: str) -> int:
        """How many of those have loaded the function."""
        most = self.most(key)
        return min(most, sum(worker.loaded for worker in self._pool.workers(key))) if most else 0

    async def refill(self, key: str) -> None:
        """One has ended: replace it."""
        try:
            await self._fill(key)
        except Exception as error:
            log.warning("a provisioned worker of %s could not be replaced: %s", key.partition(" ")[0], error)

    def _fill(self, key: str) -> Awaitable[list[None]]:
        kept = self._provisions.get(key)
        missing = kept.most - len(self._pool.workers(key)) if kept else 0
        starts = [self._pool.prepare(kept.spec, kept.credentials) for _ in range(missing)] if kept else []
        return asyncio.gather(*starts)

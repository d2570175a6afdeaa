"""Bells: how one who waits hears of another's commit, within this process."""

import asyncio
from collections.abc import Iterable


class Ear:
    """Listens for a few bells; remembers that one has rung until asked."""

    def __init__(self, belfry: "Belfry", bells: tuple[str, ...]) -> None:
        self._belfry, self._bells = belfry, bells
        self._rung = asyncio.Event()
        for bell in bells:
            belfry.ears.setdefault(bell, set()).add(self)

    def hear(self) -> None:
        """One of the bells has rung."""
        self._rung.set()

    async def wait(self) -> None:
        """Until one of the bells has rung since the last ``wait``."""
        await self._rung.wait()
        self._rung.clear()

    def rung(self) -> bool:
        """Whether one of the bells has rung since this was last asked; never waits."""
        rung = self._rung.is_set()
        self._rung.clear()
        return rung

    def close(self) -> None:
        """Listen no more."""
        for bell in self._bells:
            ears = self._belfry.ears.get(bell)
            if ears:
                ears.discard(self)
                if not ears:
                    del self._belfry.ears[bell]


class Belfry:
    """Who listens for what."""

    def __init__(self) -> None:
        self.ears: dict[str, set[Ear]] = {}

    def listen(self, *bells: str) -> Ear:
        """Hear ``bells`` from now on."""
        return Ear(self, bells)

    def ring(self, bells: Iterable[str]) -> None:
        """Wake whoever listens for one of ``bells``."""
        for bell in bells:
            for ear in tuple(self.ears.get(bell, ())):
                ear.hear()

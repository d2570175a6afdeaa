"""Turns: how many invocations run at once, by whatever they are counted under, and who is next."""

import asyncio
from collections import Counter, deque


class Turns:
    """Counts, and queues of those who wait until one that is counted is over."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    def enter(self, key: str) -> None:
        """Count one more under ``key``."""
        self.running[key] += 1

    def leave(self, key: str) -> None:
        """One is over: count it off, and let one who waits go on."""
        self.running[key] -= 1
        if not self.running[key]:
            del self.running[key]
        queue = self._queues.get(key)
        while queue:
            place = queue.popleft()
            if not place.done():
                place.set_result(None)
                break
        if not queue:
            self._queues.pop(key, None)

    async def wait(self, key: str) -> None:
        """Until one that is counted under ``key`` is over; those who wait take turns."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(place)
        await place

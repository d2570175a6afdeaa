"""Snapshots over the cloudlet's own API: ``GET`` and ``POST /_cloudlet/snapshots``."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from ..store import StoreError, snapshots
from ..store.snapshots import Snapshot
from ..wire.http import Request, Response

Act = Callable[[str], Awaitable[Snapshot]]
Answer = Callable[[Request], Awaitable[Response]]
_FORM = 'Snapshots are asked for as {"save": NAME}, {"restore": NAME} or {"delete": NAME}'


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    save: str | None = None
    restore: str | None = None
    delete: str | None = None


class Snapshots:
    """Answers requests about the snapshots in one folder."""

    def __init__(self, save: Act, restore: Act, place: Path) -> None:
        self._save, self._restore, self._place = save, restore, place

    @property
    def answers(self) -> dict[tuple[str, str], Answer]:
        """What answers, by method and path."""
        return {("GET", "snapshots"): self._list, ("POST", "snapshots"): self._act}

    async def _list(self, request: Request) -> Response:
        found = await asyncio.to_thread(snapshots.listed, self._place)
        return _json({"snapshots": found})

    async def _act(self, request: Request) -> Response:
        try:
            wish = msgspec.json.decode(await request.read(1 << 16) or b"", type=_Wish)
        except msgspec.DecodeError as error:
            return _json({"message": f"{_FORM}: {error}"}, 400)
        if sum(name is not None for name in (wish.save, wish.restore, wish.delete)) != 1:
            return _json({"message": f"{_FORM}, one at a time."}, 400)
        try:
            if wish.save is not None:
                found = await self._save(wish.save)
            elif wish.restore is not None:
                found = await self._restore(wish.restore)
            else:
                found = await asyncio.to_thread(snapshots.delete, self._place, wish.delete or "")
        except StoreError as error:
            return _json({"message": str(error)}, 409)
        return _json(found)


def _json(document: object, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/json"}, msgspec.json.encode(document))

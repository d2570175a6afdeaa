"""A server to measure: a cloudlet, or only its HTTP stack, with one answer (``bare``) or files (``copy``).

Prints its port once it answers.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop

from cloudlet.app import Options, collect_rarely, running
from cloudlet.gateway.server import Server
from cloudlet.services.events import limits
from cloudlet.wire.http import Request, Response

_PIECE = 1 << 18  # bytes read from a file at a time
TOKEN = "bench"  # who shows it may move the clock
_ANSWER = (
    b'{"MessageId":"00000000-0000-0000-0000-000000000000",'
    b'"MD5OfMessageBody":"5eb63bbbe01eeed093cb22bb8f5acdc3"}'
)


async def bare() -> None:
    """The limit: what this HTTP stack does when there is nothing to do."""

    async def handle(request: Request) -> Response:
        return Response(200, {"content-type": "application/x-amz-json-1.0"}, _ANSWER)

    print(await Server(handle, print).start("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


async def copy(folder: Path) -> None:
    """The limit: files in and out, by this HTTP stack and nothing else."""
    loop = asyncio.get_running_loop()

    async def handle(request: Request) -> Response:
        path = folder / request.path[1:]
        if request.method == "PUT":
            with path.open("wb", buffering=0) as file:
                if request.stream is None:
                    file.write(request.body)
                else:
                    async for piece in request.stream:
                        await loop.run_in_executor(None, file.write, piece)
            return Response(200)
        return Response(200, {"content-length": str(path.stat().st_size)}, _pieces(path))

    async def _pieces(path: Path) -> AsyncIterator[bytes]:
        with path.open("rb", buffering=0) as file:
            while piece := await loop.run_in_executor(None, file.read, _PIECE):
                yield piece

    print(await Server(handle, print).start("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


async def whole(folder: Path) -> None:
    """A cloudlet that keeps its data in ``folder``."""
    limits.RULES_PER_BUS = 10_000  # AWS raises that quota for who asks; what many rules cost is measured
    collect_rarely()
    async with running(Options(data=folder, port=0, token=TOKEN)) as cloudlet:
        print(cloudlet.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare"]:
            uvloop.run(bare())
        case ["copy", folder]:
            uvloop.run(copy(Path(folder)))
        case [folder]:
            uvloop.run(whole(Path(folder)))

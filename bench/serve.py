"""A server to measure: a cloudlet, or (``bare``) only its HTTP stack with a constant answer.

Prints its port once it answers.
"""

import asyncio
import sys
from pathlib import Path

import uvloop

from cloudlet.app import Options, running
from cloudlet.gateway.server import Server
from cloudlet.services.events import limits
from cloudlet.wire.http import Request, Response

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


async def whole(folder: Path) -> None:
    """A cloudlet that keeps its data in ``folder``."""
    limits.RULES_PER_BUS = 10_000  # AWS raises that quota for who asks; what many rules cost is measured
    async with running(Options(data=folder, port=0, token=TOKEN)) as cloudlet:
        print(cloudlet.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(bare() if sys.argv[1] == "bare" else whole(Path(sys.argv[1])))

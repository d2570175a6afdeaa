"""A cloudlet that may be killed: run as a program on a data folder, it prints its port once it answers."""

import asyncio
import sys
from pathlib import Path

import uvloop

from cloudlet.app import Options, running


async def main(folder: str, port: str, durability: str, postgres: str = "") -> None:
    async with running(Options(data=Path(folder), port=int(port), durability=durability, postgres=postgres,
                               token="a crash")) as cloudlet:
        print(cloudlet.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))

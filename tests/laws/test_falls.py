"""A store that is killed exactly before or after its n-th commit."""

import asyncio
import signal
import subprocess
import sys

import pytest

from cloudlet.store.sqlite import SqliteStore

FALLING = """
import asyncio, os, signal, sys
from pathlib import Path
from cloudlet.store.sqlite import SqliteStore

async def main(folder, durability, commits, before):
    store = SqliteStore(Path(folder), durability)
    inner, done = store._connection, 0

    class Falling:
        def __getattr__(self, name):
            return getattr(inner, name)

        def execute(self, statement, *values):
            nonlocal done
            if statement == "COMMIT":
                done += 1
                if before and done == commits:
                    os.kill(os.getpid(), signal.SIGKILL)
            found = inner.execute(statement, *values)
            if statement == "COMMIT" and done == commits:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

    store._connection = Falling()
    for n in range(100):
        def pair(tx, n=n):
            tx.put(b"a%03d" % n, b"")
            tx.put(b"b%03d" % n, b"x" * 5000)
            tx.put(b"n", b"%d" % (n + 1))
        await asyncio.gather(store.transact(pair), store.transact(lambda tx, n=n: tx.put(b"c%03d" % n, b"")))
        print(n, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "before"))
"""


@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("commits", [1, 2, 3, 17])
def test_a_store_that_falls_at_its_nth_commit_stands_up_whole(tmp_path, durability, moment, commits):
    fallen = subprocess.run(
        [sys.executable, "-c", FALLING, tmp_path, durability, str(commits), moment],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert fallen.returncode == -signal.SIGKILL, fallen.stderr
    acknowledged = len(fallen.stdout.split())
    kept = commits if moment == "after" else commits - 1
    assert acknowledged == commits - 1

    async def look():
        store = SqliteStore(tmp_path)
        try:
            return dict(await store.transact(lambda tx: list(tx.scan(b"", b"\xff"))))
        finally:
            store.close()

    found = asyncio.run(look())
    expected = {
        b"%s%03d" % (letter, n): b"x" * 5000 if letter == b"b" else b""
        for n in range(kept)
        for letter in (b"a", b"b", b"c")
    }
    assert found == expected | ({b"n": b"%d" % kept} if kept else {})

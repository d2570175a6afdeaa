"""A copy of a store in use is of one moment of it, and so is a snapshot with its bodies."""

import asyncio
import json
import urllib.error

import pytest
import uvloop

from cloudlet.store import Blobs, StoreError, snapshots
from cloudlet.store.blobs import references
from cloudlet.store.integrity import View
from cloudlet.store.sqlite import SqliteStore, reading
from cloudlet.store.sqlite_copies import damages


def count(tx):
    """Two keys that are always equal, and a heap that grows with them."""
    n = int(tx.get(b"one") or 0) + 1
    tx.put(b"one", b"%d" % n)
    tx.put(b"heap%06d" % n, b"x" * 3000)
    tx.put(b"two", b"%d" % n)


async def counting(store, over):
    while not over.is_set():
        await asyncio.gather(*(store.transact(count) for _ in range(5)))


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_copy_is_of_one_moment_while_others_write(tmp_path, durability):
    async def story():
        store, over = SqliteStore(tmp_path, durability), asyncio.Event()
        work = asyncio.create_task(counting(store, over))
        for n in range(6):
            await asyncio.gather(*(store.transact(count) for _ in range(40)))
            before = int(await store.transact(lambda tx: tx.get(b"one")))
            (tmp_path / str(n)).mkdir()
            await store.save(tmp_path / str(n) / "store.sqlite")
            after = int(await store.transact(lambda tx: tx.get(b"one")))
            assert damages(tmp_path / str(n), immutable=True) == []
            with reading(tmp_path / str(n), immutable=True) as tx:
                one = int(tx.get(b"one"))
                assert before <= one == int(tx.get(b"two")) <= after
                assert len(list(tx.scan(b"heap", b"heaq"))) == one
        assert store._connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (4000,)
        over.set()
        await work
        store.close()

    uvloop.run(asyncio.wait_for(story(), 60))


@pytest.mark.parametrize("durability", ["process", "power", "memory"])
def test_a_store_goes_back_while_others_write_and_what_they_lose_they_are_told(tmp_path, durability):
    async def story():
        store = SqliteStore(None if durability == "memory" else tmp_path,
                            "power" if durability == "power" else "process")
        told = 0
        await store.transact(count)
        await store.save(tmp_path / "copy")
        for _ in range(5):
            some = [asyncio.ensure_future(store.transact(count)) for _ in range(20)]
            await asyncio.sleep(0)
            (tmp_path / "again").write_bytes((tmp_path / "copy").read_bytes())
            ear = store.listen("any")
            await store.replace(tmp_path / "again")
            await ear.wait()
            assert await store.transact(lambda tx: tx.get(b"one")) == b"1"
            outcomes = await asyncio.gather(*some, return_exceptions=True)
            told += sum(isinstance(one, StoreError) for one in outcomes)
            assert all(one is None or isinstance(one, StoreError) for one in outcomes)
            await store.transact(count)
            assert await store.transact(lambda tx: tx.get(b"two")) == b"2"
        store.close()

    uvloop.run(asyncio.wait_for(story(), 60))


def test_a_snapshot_has_every_body_that_its_records_refer_to_while_bodies_come_and_go(tmp_path):
    """Each body is replaced by the next, and removed as soon as that is committed."""
    async def story():
        store, blobs, over = SqliteStore(tmp_path), Blobs(tmp_path / "blobs"), asyncio.Event()

        async def churn():
            former, n = "", 0
            while not over.is_set():
                n += 1
                writer = blobs.write(f"{n:032x}")
                writer.add(b"%d" % n * 50_000)
                name = writer.keep()

                def replace(tx, name=name, former=former):
                    blobs.refer(View(tx), name, "owner")
                    if former:
                        blobs.release(View(tx), former, "owner")
                await store.transact(replace)
                if former:
                    blobs.remove(former)
                former = name

        work = asyncio.create_task(churn())
        while await store.transact(lambda tx: not list(references.items(View(tx)))):
            pass
        for n in range(5):
            made = await snapshots.save(store, blobs, tmp_path / "snapshots", str(n))
            assert made.bodies == 1
            kept = Blobs(tmp_path / "snapshots" / str(n) / "blobs")
            names = [one for some in kept.names() for one in some]
            assert len(names) == 1
            assert b"".join(kept.read(names[0])) == b"%d" % int(names[0], 16) * 50_000
        over.set()
        await work
        assert sum(len(some) for some in blobs.names()) == 1
        store.close()

    uvloop.run(asyncio.wait_for(story(), 60))


def test_a_body_that_is_referred_to_again_before_it_goes_is_spared(tmp_path):
    async def story():
        store, blobs = SqliteStore(tmp_path), Blobs(tmp_path / "blobs")

        def body(text):
            writer = blobs.write()
            writer.add(text)
            return writer.keep(), writer

        name, writer = body(b"one")
        assert await store.transact(lambda tx: blobs.doom(View(tx), name))
        await store.transact(lambda tx: blobs.refer(View(tx), name, "owner"))
        del writer
        assert blobs.path(name).exists()
        other, writer = body(b"two")
        assert await store.transact(lambda tx: blobs.doom(View(tx), other))
        assert blobs.path(other).exists()  # its writer may still refer to it
        del writer
        assert not blobs.path(other).exists()
        store.close()

    uvloop.run(story())


def test_a_cloudlet_on_postgresql_says_what_keeps_its_state(postgres, fresh):
    running = fresh(postgres=postgres.dsn)
    with pytest.raises(urllib.error.HTTPError) as error:
        running.control("snapshots", {"save": "clean"})
    assert error.value.code == 409
    assert "`pg_dump -Fc DSN` keeps the state" in json.load(error.value)["message"]

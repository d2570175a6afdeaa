"""What a store does when the world is against it: it says so clearly, and loses nothing."""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import uvloop

from cloudlet.store import Newer, StoreError
from cloudlet.store.postgres import PostgresStore
from cloudlet.store.sqlite import SqliteStore


def put(key, value=b""):
    return lambda tx: tx.put(key, value)


def keys(tx):
    return [key for key, _ in tx.scan(b"", b"\xff")]


def inside(store, story):
    async def main():
        try:
            return await asyncio.wait_for(story(store), 60)
        finally:
            store.close()

    return uvloop.run(main())


# -- SQLite


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_full_disk_is_refused_and_what_was_there_stays(tmp_path, durability):
    async def story(store):
        await store.transact(put(b"kept", b"1"))
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(
            StoreError, match=r"could not be written: .*full.* Nothing of the request was kept"
        ):
            await store.transact(put(b"large", b"x" * 100_000))
        got = await asyncio.gather(
            store.transact(put(b"small")),
            store.transact(put(b"large", b"x" * 100_000)),
            store.transact(put(b"other")),
            return_exceptions=True,
        )
        assert isinstance(got[1], StoreError)
        acknowledged = [
            key for key, outcome in zip((b"small", b"large", b"other"), got, strict=True) if outcome is None
        ]
        assert await store.transact(keys) == sorted([b"kept", *acknowledged])
        store._connection.execute("PRAGMA max_page_count = 1000000")
        await store.transact(put(b"large", b"x" * 100_000))
        return sorted({b"kept", b"large", *acknowledged})

    expected = inside(SqliteStore(tmp_path, durability), story)
    assert inside(SqliteStore(tmp_path), lambda store: store.transact(keys)) == expected


def test_a_failed_write_that_is_passed_over_is_still_a_failure(tmp_path):
    def careless(tx):
        tx.put(b"half", b"")
        try:
            tx.put(b"large", b"x" * 100_000)
        except Exception:
            return "fine"

    async def story(store):
        store._connection.execute("PRAGMA max_page_count = 6")
        with pytest.raises(StoreError, match="full"):
            await store.transact(careless)
        assert await store.transact(keys) == []

    inside(SqliteStore(tmp_path), story)


def test_one_that_can_only_be_written_in_part_undoes_only_itself(tmp_path):
    def unfit(tx):
        tx.put(b"half", b"")
        tx.put(b"other", object())

    async def story(store):
        await store.transact(put(b"kept", b"1"))
        got = await asyncio.gather(
            *(store.transact(work) for work in (unfit, put(b"one"), unfit, put(b"two"))),
            return_exceptions=True,
        )
        assert [isinstance(outcome, StoreError) for outcome in got] == [True, False, True, False]
        assert await store.transact(keys) == [b"kept", b"one", b"two"]

    inside(SqliteStore(tmp_path), story)


FILLER = """
import asyncio, resource, sys
from pathlib import Path
from cloudlet.store import StoreError
from cloudlet.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]), sys.argv[2])
    limit, refused = 300_000, 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    for n in range(400):
        try:
            await store.transact(lambda tx: tx.put(b"%04d" % n, b"x" * 3000))
            print(n, flush=True)
        except StoreError as error:
            assert "Nothing of the request was kept" in str(error), error
            refused += 1
            if refused % 20 == 0:
                limit += 200_000
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    print("refused", refused, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_file_that_may_not_grow_loses_nothing_that_was_acknowledged(tmp_path, durability):
    done = subprocess.run(
        [sys.executable, "-c", FILLER, tmp_path / "data", durability],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *acknowledged, (_, refused) = [line.split() for line in done.stdout.splitlines()]
    assert int(refused) > 0
    got = inside(SqliteStore(tmp_path / "data"), lambda store: store.transact(keys))
    assert got == [b"%04d" % int(n) for (n,) in acknowledged]


def test_a_second_cloudlet_on_one_folder_is_told_who_has_it(tmp_path):
    first = SqliteStore(tmp_path)
    with pytest.raises(
        StoreError, match=rf"{tmp_path} is in use by another cloudlet \(process {os.getpid()}\)"
    ):
        SqliteStore(tmp_path)
    inside(first, lambda store: store.transact(put(b"a")))
    assert inside(SqliteStore(tmp_path), lambda store: store.transact(keys)) == [b"a"]


def test_data_of_a_newer_cloudlet_is_left_alone(tmp_path):
    inside(SqliteStore(tmp_path), lambda store: store.transact(put(b"a")))
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Newer, match=r"newer cloudlet \(layout 99"):
        SqliteStore(tmp_path)
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM map").fetchone() == (1,)
    connection.close()


def test_a_folder_under_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"can't be written: Not a directory.*--data"):
        SqliteStore(tmp_path / "file" / "data")


def test_a_file_that_is_no_store_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"my letters to the mayor " * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(tmp_path)
    assert path.read_bytes() == b"my letters to the mayor " * 100


READONLY = """
import sys
from pathlib import Path
from cloudlet.store import StoreError
from cloudlet.store.sqlite import SqliteStore
try:
    SqliteStore(Path(sys.argv[1]))
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("there_already", [False, True])
def test_a_folder_that_may_not_be_written_is_refused(tmp_path, there_already):
    folder = tmp_path / "data"
    folder.mkdir()
    if there_already:
        SqliteStore(folder).close()
    open_it = [sys.executable, "-c", READONLY, str(folder)]
    if os.geteuid():
        folder.chmod(0o500)
        for file in folder.iterdir():
            file.chmod(0o400)
    else:  # permissions do not bind root: only a read-only mount does
        if not shutil.which("unshare"):
            pytest.skip("unshare is not installed")
        script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        open_it = ["unshare", "--mount", "sh", "-c", script, str(folder), *open_it]
    done = subprocess.run(open_it, capture_output=True, text=True, timeout=30)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"a read-only mount can't be had here: {done.stderr.strip()}")
    assert "can't be written" in done.stdout, done.stderr
    assert done.returncode == 0


def test_limits_of_this_process_were_left_alone():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_sqlite_is_built_for_more_than_one_thread():
    assert sqlite3.threadsafety in (1, 3)  # 1: a connection may pass between threads that take turns


# -- PostgreSQL


@pytest.fixture
def shared(postgres):
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS map, layout")
    return postgres


def test_two_machines_share_one_map_and_hear_each_other(shared):
    async def story(store):
        other = PostgresStore(shared.dsn, connections=2)
        ear, own = other.listen("a"), store.listen("a")
        await store.transact(lambda tx: (tx.put(b"k", b"1"), tx.ring("a")))
        await ear.wait()
        await own.wait()
        assert await other.transact(lambda tx: tx.get(b"k")) == b"1"

        def count(tx):
            tx.put(b"n", b"%d" % (int(tx.get(b"n") or 0) + 1))

        await asyncio.gather(*(s.transact(count) for _ in range(30) for s in (store, other)))
        assert await other.transact(lambda tx: tx.get(b"n")) == b"60"
        other.close()

    inside(PostgresStore(shared.dsn, connections=4), story)


def test_a_connection_that_breaks_between_transactions_goes_unnoticed(shared):
    async def story(store):
        await asyncio.gather(*(store.transact(put(b"%d" % n)) for n in range(8)))
        ear = store.listen("bell")
        with psycopg.connect(shared.dsn, autocommit=True) as killer:
            killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        await asyncio.gather(*(store.transact(put(b"1%d" % n)) for n in range(8)))
        assert len(await store.transact(keys)) == 16
        await ear.wait()  # what rang meanwhile is unknown: everyone is woken
        await store.transact(lambda tx: tx.ring("bell"))
        await ear.wait()
        ear.close()

    inside(PostgresStore(shared.dsn, connections=4), story)


def test_a_server_that_is_down_is_an_error_and_when_it_is_back_all_is_well(shared):
    async def story(store):
        await store.transact(put(b"a"))
        ear = store.listen("bell")
        await asyncio.to_thread(shared.stop)
        try:
            for _ in range(3):  # more often than there are connections: none may get lost
                got = await asyncio.gather(
                    *(store.transact(put(b"lost")) for _ in range(4)), return_exceptions=True
                )
                assert [type(outcome) for outcome in got] == [StoreError] * 4
                assert "PostgreSQL" in str(got[0])
            with pytest.raises(StoreError, match="can't be reached"):
                PostgresStore(shared.dsn)
        finally:
            await asyncio.to_thread(shared.start)
        await asyncio.gather(*(store.transact(put(b"b%d" % n)) for n in range(8)))
        assert await store.transact(keys) == [b"a"] + [b"b%d" % n for n in range(8)]
        await ear.wait()
        await store.transact(lambda tx: tx.ring("bell"))
        await ear.wait()

    inside(PostgresStore(shared.dsn, connections=4), story)


def test_a_collision_that_is_passed_over_is_run_again(shared):
    """Work that swallows errors must not make PostgreSQL roll back what was answered."""

    def careless(tx):
        try:
            tx.put(b"n", b"%d" % (int(tx.get(b"n") or 0) + 1))
        except Exception:
            return

    async def story(store):
        await asyncio.gather(*(store.transact(careless) for _ in range(40)))
        assert await store.transact(lambda tx: tx.get(b"n")) == b"40"

    inside(PostgresStore(shared.dsn, connections=4), story)


def test_a_database_of_a_newer_cloudlet_is_left_alone(shared):
    PostgresStore(shared.dsn).close()
    with psycopg.connect(shared.dsn, autocommit=True) as connection:
        connection.execute("UPDATE layout SET version = 99")
    with pytest.raises(Newer, match="layout 99"):
        PostgresStore(shared.dsn)


def test_what_lies_in_a_long_range_is_found_through_the_index(shared):
    async def story(store):
        await store.transact(lambda tx: [tx.put(b"%06d" % n, b"") for n in range(5000)])

    inside(PostgresStore(shared.dsn), story)
    with psycopg.connect(shared.dsn, autocommit=True) as connection:
        connection.execute("ANALYZE map")
        for order in ("head, rest", "head DESC, rest DESC"):
            plan = connection.execute(
                "EXPLAIN SELECT value FROM map"
                " WHERE (head, rest) >= ('002000', '') AND (head, rest) < ('002100', '')"
                f" ORDER BY {order} LIMIT 10"
            ).fetchall()
            assert "Index" in str(plan), plan
            assert "Seq Scan" not in str(plan), plan


def test_no_secret_of_the_address_is_in_a_message(shared):
    with pytest.raises(StoreError) as error:
        PostgresStore("host=127.0.0.1 port=1 user=u password=hunter2 dbname=x connect_timeout=2")
    assert "hunter2" not in str(error.value)
    assert Path(shared.folder).exists()

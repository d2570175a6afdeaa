"""Savepoints: a part of a transaction that is undone alone, asked of every driver."""

import asyncio
import sqlite3

import psycopg
import pytest

from cloudlet.store import StoreError


class Refused(Exception):
    """Something a part of a transaction raises of its own."""


def everything(tx):
    return dict(tx.scan(b"", b"\xff"))


def attempt(tx, work):
    """Do ``work`` in a savepoint, and pass over its refusal."""
    try:
        with tx.savepoint():
            work()
    except Refused:
        return False
    return True


def refuse(*deeds):
    def work():
        for deed in deeds:
            deed()
        raise Refused

    return work


def test_what_a_refused_part_wrote_is_undone_and_the_rest_is_kept(run):
    def work(tx):
        tx.put(b"before", b"1")
        assert not attempt(tx, refuse(lambda: tx.put(b"before", b"2"), lambda: tx.put(b"inside", b"")))
        tx.put(b"after", b"")
        return everything(tx)

    async def story(store):
        assert await store.transact(work) == {b"before": b"1", b"after": b""}
        assert await store.transact(everything) == {b"before": b"1", b"after": b""}

    run(story)


def test_a_part_that_goes_well_is_kept_and_a_first_write_may_be_inside(run):
    def work(tx):
        assert attempt(tx, lambda: tx.put(b"a", b"1"))
        assert not attempt(tx, refuse(lambda: tx.delete(b"a")))
        assert not attempt(tx, refuse())

    async def story(store):
        await store.transact(work)
        assert await store.transact(everything) == {b"a": b"1"}

    run(story)


def test_parts_nest(run):
    def work(tx):
        def outer():
            tx.put(b"outer", b"")
            assert not attempt(tx, refuse(lambda: tx.put(b"inner", b"")))
            assert attempt(tx, lambda: tx.put(b"sound", b""))

        assert attempt(tx, outer)
        assert not attempt(tx, refuse(lambda: attempt(tx, lambda: tx.put(b"lost", b""))))

    async def story(store):
        await store.transact(work)
        assert await store.transact(everything) == {b"outer": b"", b"sound": b""}

    run(story)


def test_a_transaction_that_fails_undoes_the_parts_that_went_well(run):
    def work(tx):
        attempt(tx, lambda: tx.put(b"a", b""))
        raise Refused

    async def story(store):
        with pytest.raises(Refused):
            await store.transact(work)
        assert await store.transact(everything) == {}

    run(story)


def test_a_bell_rung_in_a_part_that_was_refused_is_not_heard(run):
    def work(tx):
        attempt(tx, refuse(lambda: tx.ring("undone")))
        attempt(tx, lambda: tx.ring("done"))

    async def story(store):
        undone, done = store.listen("undone"), store.listen("done")
        await store.transact(work)
        await asyncio.wait_for(done.wait(), 5)
        assert not undone.rung()

    run(story)


def test_an_error_of_the_store_fails_the_whole_whoever_passes_over_it(run):
    def work(tx):
        tx.put(b"before", b"")
        try:
            with tx.savepoint():
                tx._execute("THIS IS NO SQL", ())
        except (StoreError, sqlite3.Error, psycopg.Error):
            pass
        tx.put(b"after", b"")

    async def story(store):
        if type(store).__name__ != "PostgresStore":
            pytest.skip("SQLite undoes a failed statement alone; its failed writes are law elsewhere")
        with pytest.raises((StoreError, psycopg.Error)):
            await store.transact(work)
        assert await store.transact(everything) == {}

    run(story)


def test_a_refused_part_leaves_what_was_written_before_it_as_it_was(run):
    def part(tx):
        tx.put(b"a", b"2")
        tx.delete(b"b")
        tx.put(b"c", b"new")
        tx.put(b"stored", b"2")
        assert list(tx.scan(b"", b"\xff", limit=2)) == [(b"a", b"2"), (b"c", b"new")]
        assert list(tx.scan(b"", b"\xff", limit=1, reverse=True)) == [(b"stored", b"2")]
        raise Refused

    def work(tx):
        tx.put(b"a", b"1")
        tx.put(b"b", b"1")
        assert not attempt(tx, lambda: part(tx))
        return everything(tx)

    async def story(store):
        await store.transact(lambda tx: tx.put(b"stored", b"1"))
        expected = {b"a": b"1", b"b": b"1", b"stored": b"1"}
        assert await store.transact(work) == await store.transact(everything) == expected

    run(story)

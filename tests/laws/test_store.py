"""What every store promises, asked of every driver."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudlet.store import StoreError

LAWFUL = settings(max_examples=40, suppress_health_check=list(HealthCheck))


class Here(msgspec.Struct):
    """A scope: some account's corner of a transaction."""

    tx: object
    account: str = "1"
    region: str = "r"


class Refused(Exception):
    """Something a transaction raises of its own."""


def put(key, value):
    return lambda tx: tx.put(key, value)


def get(key):
    return lambda tx: tx.get(key)


def everything(tx):
    return list(tx.scan(b"", b"\xff"))


# -- transactions


def test_what_is_put_is_found_and_what_is_deleted_is_not(run):
    async def story(store):
        await store.transact(put(b"a", b""))
        assert await store.transact(get(b"a")) == b""
        assert await store.transact(get(b"b")) is None
        await store.transact(lambda tx: (tx.delete(b"a"), tx.delete(b"never")))
        assert await store.transact(get(b"a")) is None

    run(story)


def test_a_transaction_sees_what_it_wrote(run):
    def work(tx):
        tx.put(b"a", b"1")
        tx.put(b"a", b"2")
        tx.put(b"b", b"3")
        tx.delete(b"b")
        return tx.get(b"a"), everything(tx)

    async def story(store):
        assert await store.transact(work) == (b"2", [(b"a", b"2")])

    run(story)


def test_a_transaction_that_fails_leaves_nothing_and_says_why(run):
    def work(tx):
        tx.put(b"a", b"1")
        tx.delete(b"kept")
        raise Refused("no")

    async def story(store):
        await store.transact(put(b"kept", b"0"))
        with pytest.raises(Refused, match="no"):
            await store.transact(work)
        assert await store.transact(everything) == [(b"kept", b"0")]

    run(story)


def test_one_that_fails_in_a_crowd_undoes_only_itself(run):
    def work(n):
        def inner(tx):
            tx.put(b"%d" % n, b"")
            if n % 3 == 0:
                raise Refused
            return n

        return inner

    async def story(store):
        got = await asyncio.gather(*(store.transact(work(n)) for n in range(9)), return_exceptions=True)
        assert [n for n in got if isinstance(n, int)] == [1, 2, 4, 5, 7, 8]
        assert [type(n) for n in got if not isinstance(n, int)] == [Refused] * 3
        assert [key for key, _ in await store.transact(everything)] == [b"1", b"2", b"4", b"5", b"7", b"8"]

    run(story)


@pytest.mark.parametrize("stray", [StopIteration("x"), StoreError("mine"), RecursionError("deep")])
def test_whatever_a_transaction_raises_is_answered(run, stray):
    def work(tx):
        tx.put(b"a", b"1")
        raise stray

    async def story(store):
        first, second = await asyncio.gather(
            store.transact(work), store.transact(put(b"b", b"2")), return_exceptions=True
        )
        assert isinstance(first, RuntimeError | StoreError), first
        assert second is None
        assert await store.transact(everything) == [(b"b", b"2")]

    run(story)


def test_no_update_is_lost(run):
    def count(tx):
        tx.put(b"n", b"%d" % (int(tx.get(b"n") or 0) + 1))

    async def story(store):
        await asyncio.gather(*(store.transact(count) for _ in range(60)))
        assert await store.transact(get(b"n")) == b"60"

    run(story)


def test_only_one_of_many_creators_creates(run):
    def create(tx):
        if tx.get(b"bucket") is not None:
            raise Refused
        tx.put(b"bucket", b"")

    async def story(store):
        got = await asyncio.gather(*(store.transact(create) for _ in range(24)), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in got) == ["NoneType"] + ["Refused"] * 23

    run(story)


def test_money_moves_and_is_never_made(run):
    """Isolation: whoever looks sees every transfer wholly or not at all."""

    def transfer(n):
        def work(tx):
            source, target = b"%d" % (n % 5), b"%d" % ((n * 3 + 1) % 5)
            if source != target:
                tx.put(source, b"%d" % (int(tx.get(source)) - n))
                tx.put(target, b"%d" % (int(tx.get(target)) + n))

        return work

    def total(tx):
        return sum(int(value) for _, value in everything(tx)) + sum(int(tx.get(b"%d" % n)) for n in range(5))

    async def story(store):
        await asyncio.gather(*(store.transact(put(b"%d" % n, b"100")) for n in range(5)))
        got = await asyncio.gather(
            *(store.transact(work) for n in range(30) for work in (transfer(n), total))
        )
        assert set(got) == {None, 1000}

    run(story)


def test_two_takers_never_claim_the_same(run):
    def take(tx):
        found = tx.claim(b"job/", b"job0", limit=3)
        for key, _ in found:
            tx.delete(key)
        return [key for key, _ in found]

    async def story(store):
        jobs = [b"job/%03d" % n for n in range(90)]
        await store.transact(lambda tx: [tx.put(job, b"") for job in jobs])
        taken = []
        while len(taken) < len(jobs):
            for some in await asyncio.gather(*(store.transact(take) for _ in range(10))):
                taken += some
        assert sorted(taken) == jobs

    run(story)


def test_a_waiting_transaction_can_be_cancelled(run):
    async def story(store):
        tasks = [asyncio.ensure_future(store.transact(put(b"%d" % n, b""))) for n in range(4)]
        tasks[2].cancel()
        assert [type(x) for x in await asyncio.gather(*tasks, return_exceptions=True)] == [
            type(None),
            type(None),
            asyncio.CancelledError,
            type(None),
        ]
        assert [key for key, _ in await store.transact(everything)] == [b"0", b"1", b"3"]

    run(story)


def test_a_store_that_is_closed_refuses_and_never_hangs(run):
    async def story(store):
        waiting = asyncio.ensure_future(store.transact(put(b"a", b"")))
        await asyncio.sleep(0)
        store.close()
        store.close()
        [outcome] = await asyncio.gather(waiting, return_exceptions=True)
        assert outcome is None or isinstance(outcome, StoreError)
        with pytest.raises(StoreError, match="closed"):
            await store.transact(get(b"a"))

    run(story)


# -- scans and keys


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [-1, 0, 1, 7, 255, 256, 257, 512, 999, 5000])
def test_a_scan_is_in_order_and_stops_where_it_is_told(run, limit, reverse):
    keys = [b"k%04d" % n for n in range(1000)]

    async def story(store):
        await store.transact(lambda tx: [tx.put(key, key[1:]) for key in reversed(keys)])
        got = await store.transact(lambda tx: list(tx.scan(b"k0003", b"k0998", limit=limit, reverse=reverse)))
        inside = [(key, key[1:]) for key in keys[3:998]]
        inside = inside[::-1] if reverse else inside
        assert got == (inside if limit < 0 else inside[:limit])
        assert await store.transact(lambda tx: list(tx.scan(b"k5", b"k4"))) == []

    run(story)


def test_what_a_scan_has_passed_may_be_changed(run):
    def work(tx):
        for n, (key, _) in enumerate(tx.scan(b"", b"\xff")):
            if n % 2:
                tx.delete(key)
            else:
                tx.put(key, b"seen")
        return everything(tx)

    async def story(store):
        await store.transact(lambda tx: [tx.put(b"%03d" % n, b"") for n in range(600)])
        assert await store.transact(work) == [(b"%03d" % n, b"seen") for n in range(0, 600, 2)]

    run(story)


@pytest.mark.parametrize("size", [1, 255, 2048, 2700, 3400, 9000])
def test_keys_may_be_as_long_as_dynamodbs_are_and_longer(run, size):
    """A partition key of 2,048 bytes and a sort key of 1,024, and NULs that take two."""
    tails = [bytes((n * 7 + i * i * 31 + (i >> 3)) % 256 for i in range(size)) for n in range(5)]

    async def story(store):
        for twice in (b"1", b"2"):
            await store.transact(lambda tx, v=twice: [tx.put(b"k" + tail, v) for tail in tails])
        ordered = sorted(b"k" + tail for tail in tails)
        found = await store.transact(lambda tx: list(tx.scan(b"k", b"l")))
        assert found == [(key, b"2") for key in ordered]
        assert await store.transact(lambda tx: list(tx.scan(ordered[1], ordered[3]))) == found[1:3]
        assert (
            await store.transact(lambda tx: list(tx.scan(ordered[1], ordered[4], reverse=True)))
            == found[3:0:-1]
        )
        await store.transact(lambda tx: tx.delete(ordered[2]))
        assert await store.transact(get(ordered[2])) is None
        assert await store.transact(get(ordered[3])) == b"2"

    run(story)


@LAWFUL
@given(st.data())
def test_a_store_is_a_sorted_map(run, data):
    """Against a dict: any verbs, any bytes, in transactions that succeed or fail."""
    keys = st.binary(max_size=3) | st.sampled_from([b"", b"\0", b"\xff", b"\xff\xff", b"a\0b"])
    verbs = data.draw(
        st.lists(
            st.lists(
                st.tuples(
                    st.sampled_from(["put", "delete", "scan", "fail"]),
                    keys,
                    keys,
                    st.booleans(),
                    st.integers(-1, 4),
                ),
                max_size=6,
            ),
            max_size=6,
        )
    )

    async def story(store):
        model = {}

        def work(tx, steps, draft):
            for verb, a, b, flag, limit in steps:
                if verb == "put":
                    tx.put(a, b)
                    draft[a] = b
                elif verb == "delete":
                    tx.delete(a)
                    draft.pop(a, None)
                elif verb == "fail" and flag:
                    raise Refused
                else:
                    inside = sorted((k, v) for k, v in draft.items() if a <= k < b)
                    inside = inside[::-1] if flag else inside
                    expected = inside if limit < 0 else inside[:limit]
                    assert list(tx.scan(a, b, limit=limit, reverse=flag)) == expected
                assert tx.get(a) == draft.get(a)

        for steps in verbs:
            draft = dict(model)
            try:
                await store.transact(lambda tx, s=steps, d=draft: work(tx, s, d))
                model = draft
            except Refused:
                pass
        # a range is half open, so the greatest keys need a stop beyond them
        assert await store.transact(lambda tx: list(tx.scan(b"", b"\xff" * 9))) == sorted(model.items())

    run(story)


# -- bells


def test_a_bell_is_heard_after_the_commit_and_only_then(run):
    async def story(store):
        ear = store.listen("sqs/orders", "other")
        seen = []

        async def waiter():
            await ear.wait()
            seen.append(await store.transact(get(b"a")))

        def work(tx):
            tx.ring("sqs/orders")
            tx.put(b"a", b"1")
            seen.append("written")

        waiting = asyncio.ensure_future(waiter())
        await store.transact(work)
        await waiting
        assert seen == ["written", b"1"]
        ear.close()

    run(story)


def test_a_bell_of_a_transaction_that_failed_is_not_heard(run):
    def work(tx):
        tx.ring("a")
        raise Refused

    async def story(store):
        failed, good = store.listen("a"), store.listen("b")
        with pytest.raises(Refused):
            await store.transact(work)
        await store.transact(lambda tx: tx.ring("b"))
        await good.wait()
        assert not failed.rung()
        failed.close()
        good.close()

    run(story)


def test_one_ear_hears_many_bells_and_a_closed_one_none(run):
    async def story(store):
        both, closed = store.listen("a", "b"), store.listen("b")
        closed.close()
        closed.close()
        for bell in ("a", "b", "a"):
            await store.transact(lambda tx, bell=bell: (tx.ring(bell), tx.ring(bell)))
            await both.wait()
            assert not both.rung()
        assert not closed.rung()
        both.close()

    run(story)


@pytest.mark.parametrize(
    "bell", ["", "ä€\U0001f514", "nul\0inside", "\ud800", "x" * 20_000, "new\nline", "#1"]
)
def test_a_bell_may_have_any_name(run, bell):
    async def story(store):
        ear = store.listen(bell)
        await store.transact(lambda tx: tx.ring(bell))
        await ear.wait()
        ear.close()

    run(story)

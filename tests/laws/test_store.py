"""What every store promises, asked of every driver."""

import asyncio
import sqlite3

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudlet.store import Agenda, Log, StoreError, Table
from cloudlet.store.keys import pack, span, unpack

LAWFUL = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


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


parts = st.text(max_size=6) | st.integers(-(1 << 63), (1 << 63) - 1) | st.binary(max_size=6)
surrogates = st.text(st.characters(), max_size=4)


@given(
    st.tuples(surrogates, st.integers(-(1 << 63), (1 << 63) - 1), st.binary()),
    st.tuples(surrogates, st.integers(-(1 << 63), (1 << 63) - 1), st.binary()),
)
def test_packed_keys_sort_as_their_tuples_do(a, b):
    assert (pack(a) < pack(b)) == (a < b)
    assert (pack(a) == pack(b)) == (a == b)


@given(st.lists(parts).map(tuple))
def test_a_packed_key_can_be_unpacked(key):
    assert unpack(pack(key)) == key


@given(st.lists(parts, max_size=4).map(tuple), st.lists(parts, max_size=4).map(tuple))
def test_a_span_holds_what_starts_with_it_and_nothing_else(prefix, key):
    start, stop = span(prefix)
    assert (start <= pack(key) < stop) == (key[: len(prefix)] == prefix)


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


# -- shapes


class Pet(msgspec.Struct):
    kind: str
    age: int = 0


pets = Table(
    "t.pets",
    Pet,
    indexes={"kind": lambda pet: (pet.kind,) if pet.kind else None, "age": lambda pet: (pet.age, pet.kind)},
)
kinds = st.sampled_from(["", "cat", "ca", "cat\0", "dog"])
names = st.sampled_from(["a", "a\0", "aa", "b", "ä", "\U0001f431"])


@LAWFUL
@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "delete"]), names, st.builds(Pet, kinds, st.integers(-2, 2))),
        max_size=25,
    ),
    st.sampled_from(["region", "account", "global"]),
)
def test_a_table_and_its_indexes_always_agree(run, steps, reach):
    table = Table("t.pets", Pet, reach=reach, indexes=pets._indexes)

    def check(tx, model):
        here = Here(tx)
        ordered = sorted(model.items())
        assert [(key, pet) for (key,), pet in table.items(here)] == ordered
        assert [(key, pet) for (key,), pet in table.items(here, reverse=True)] == ordered[::-1]
        for name in ["a", "a\0", "b", "zz"]:
            assert [k for (k,), _ in table.items(here, after=(name,))] == [k for k, _ in ordered if k > name]
            assert [k for (k,), _ in table.items(here, after=(name,), reverse=True, limit=2)] == [
                k for k, _ in ordered[::-1] if k < name
            ][:2]
            assert [k for (k,), _ in table.starting(here, name)] == [
                k for k, _ in ordered if k.startswith(name)
            ]
            assert table.get(here, name) == model.get(name)
        for kind in ["cat", "ca", "cat\0", "dog", ""]:
            assert [(k, p) for (k,), p in table.find(here, "kind", kind)] == [
                (k, p) for k, p in ordered if kind and p.kind == kind
            ]
        assert [(k, p) for (k,), p in table.find(here, "age")] == sorted(
            ordered, key=lambda pair: (pair[1].age, pair[1].kind, pair[0])
        )
        far = Here(tx, "2", "s")
        assert len(list(table.items(far))) == (len(model) if reach == "global" else 0)

    def work(tx):
        model = {}
        for verb, name, pet in steps:
            if verb == "put":
                table.put(Here(tx), name, record=pet)
                model[name] = pet
            else:
                table.delete(Here(tx), name)
                model.pop(name, None)
        check(tx, model)

    async def story(store):
        await store.transact(work)

    run(story)


class Job(msgspec.Struct):
    n: int


jobs = Agenda("t.jobs", Job)


@LAWFUL
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "take", "due", "remove", "clear"]),
            st.integers(-3, 9),
            st.integers(0, 5),
            st.integers(1, 4),
        ),
        max_size=25,
    )
)
def test_an_agenda_gives_what_is_due_and_the_oldest_first(run, steps):
    def work(tx):
        here, model = Here(tx), {}
        jobs.add(here, "other", at_ms=0, id="x", work=Job(1))
        for n, (verb, at, id, limit) in enumerate(steps):
            due = [key for key in sorted(model) if key[0] <= at][:limit]
            if verb == "add":
                jobs.add(here, "mine", at_ms=at, id=str(id), work=Job(n))
                model[at, str(id)] = n
            elif verb == "remove":
                jobs.remove(here, "mine", at_ms=at, id=str(id))
                model.pop((at, str(id)), None)
            elif verb == "clear":
                jobs.clear(here, "mine")
                model.clear()
            elif verb == "due":
                got = jobs.due(here, "mine", now_ms=at, limit=limit)
                assert [(d.at_ms, d.id, d.work.n) for d in got] == [(*key, model[key]) for key in due]
            else:
                until = at + 100 + n  # later than anything there is: two of one id never meet
                got = jobs.take(here, "mine", now_ms=at, limit=limit, until_ms=until)
                assert sorted(d.id for d in got) == sorted(key[1] for key in due)
                moved = {}
                for key in due:
                    moved[until, key[1]] = model.pop(key)
                model |= moved
            assert jobs.earliest_ms(here, "mine") == min((at for at, _ in model), default=None)
            assert [(d.at_ms, d.id) for d in jobs.items(here, "mine")] == sorted(model)
        assert len(list(jobs.items(here, "other"))) == 1

    async def story(store):
        await store.transact(work)

    run(story)


logs = Log("t.log", Job)


@LAWFUL
@given(st.lists(st.tuples(st.sampled_from(["append", "trim"]), st.integers(0, 12)), max_size=25))
def test_a_log_only_grows_and_its_numbers_never_return(run, steps):
    def work(tx):
        here, model, last = Here(tx), [], 0
        for verb, n in steps:
            if verb == "append":
                last += 1
                assert logs.append(here, "a", entry=Job(n)) == last
                model.append((last, Job(n)))
            else:
                logs.trim(here, "a", upto=n)
                model = [entry for entry in model if entry[0] > n or entry[0] == last]
            assert logs.last(here, "a") == last
            assert list(logs.after(here, "a")) == model
            assert list(logs.after(here, "a", cursor=n, limit=2)) == [e for e in model if e[0] > n][:2]
            assert list(logs.after(here, "a", cursor=n, reverse=True)) == [e for e in model if e[0] > n][::-1]
        assert logs.last(here, "b") == 0

    async def story(store):
        await store.transact(work)

    run(story)


def test_a_log_that_many_append_to_has_no_gaps(run):
    async def story(store):
        got = await asyncio.gather(
            *(store.transact(lambda tx, n=n: logs.append(Here(tx), "a", entry=Job(n))) for n in range(40))
        )
        assert sorted(got) == list(range(1, 41))

    run(story)


def test_competing_workers_take_each_job_once(run):
    def take(now):
        return lambda tx: [d.id for d in jobs.take(Here(tx), "q", now_ms=now, limit=4, until_ms=now + 1000)]

    async def story(store):
        await store.transact(
            lambda tx: [jobs.add(Here(tx), "q", at_ms=0, id=f"{n:02}", work=Job(n)) for n in range(50)]
        )
        taken = []
        while len(taken) < 50:
            for some in await asyncio.gather(*(store.transact(take(5)) for _ in range(8))):
                taken += some
        assert sorted(taken) == [f"{n:02}" for n in range(50)]
        assert await store.transact(take(5)) == []

    run(story)


def test_sqlite_is_what_we_think_it_is():
    assert sqlite3.threadsafety in (1, 3)  # in 1 a connection may pass between threads that take turns

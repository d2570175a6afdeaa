"""Keys, tables, agendas and logs: each against a model that is plainly right, on every driver."""

import asyncio

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudlet.store import Agenda, Log, Table
from cloudlet.store.keys import pack, span, unpack

LAWFUL = settings(max_examples=40, suppress_health_check=list(HealthCheck))


class Here(msgspec.Struct):
    """A scope: some account's corner of a transaction."""

    tx: object
    account: str = "1"
    region: str = "r"


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
    table = Table("t.pets", Pet, reach=reach, indexes=pets.indexes)

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

"""Tables against a dictionary, on every store: what they hold, what they held, what many clients do to them.

The model keeps every state that the table has been in. So the same machine checks items, indexes, pages and
parallel scans, and that every moment can be had again (point-in-time recovery).
"""

import asyncio
import itertools
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from cloudlet.clock import Clock
from cloudlet.errors import AwsError
from cloudlet.identity.principal import root
from cloudlet.ids import Ids
from cloudlet.kernel import Kernel, Services
from cloudlet.services.dynamodb import history, rows, tables
from cloudlet.store.sqlite import SqliteStore
from cloudlet.telemetry import Tracer

from .clouds import examples

ME = root("000000000000")
SERVICES = Services()
STEPS, EXAMPLES = 40, {"memory": 20, "postgres": 5}
PARTITIONS, SORTS, COLOURS = ("a", "b", "c"), tuple(range(-2, 4)), ("red", "blue")


def open_memory(_):
    return SqliteStore(None)


def open_postgres(dsn):
    import psycopg

    from cloudlet.store.postgres import PostgresStore
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS map, layout")
    return PostgresStore(dsn, connections=6)


@pytest.fixture(params=["memory", "postgres"])
def opened(request):
    """How a store is opened, empty; and which it is."""
    if request.param == "memory":
        return open_memory, "", request.param
    return open_postgres, request.getfixturevalue("postgres").dsn, request.param


class Cloud:
    """Operations on a store, and nothing else: no sockets, no timers; the clock stands until it is moved."""

    def __init__(self, store):
        ids, self.clock = Ids(), Clock()
        self.clock.freeze()
        self.store = store
        self.kernel = Kernel(store, SERVICES, self.clock, ids, Tracer(ids))

    async def __call__(self, operation, **params):
        return await self.kernel.invoke(ME, "dynamodb", operation, params)

    async def inside(self, work):
        return await self.kernel.conversation(ME, "dynamodb").transact(work)

    async def make(self, name="things", **more):
        """A table of numbers sorted in partitions, with an index of each kind, that can be had as it was."""
        def index(name, *keys):
            return {
                "IndexName": name,
                "Projection": {"ProjectionType": "ALL"},
                "KeySchema": [
                    {"AttributeName": key, "KeyType": kind}
                    for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)
                ],
            }
        await self("CreateTable", TableName=name, BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in (
                       ("p", "S"), ("c", "N"), ("g", "S"), ("l", "N"))],
                   KeySchema=index("", "p", "c")["KeySchema"],
                   LocalSecondaryIndexes=[index("by-l", "p", "l")],
                   GlobalSecondaryIndexes=[index("by-g", "g", "l")], **more)
        await self("UpdateContinuousBackups", TableName=name,
                   PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})


def item(p, c, **more):
    kinds = {"g": "S", "l": "N", "v": "N"}
    return {"p": {"S": p}, "c": {"N": str(c)},
            **{name: {kinds[name]: str(value)} for name, value in more.items() if value is not None}}


def key(p, c):
    return item(p, c)


def place(one):
    return one["p"]["S"], int(one["c"]["N"])


def number(one, name):
    return Decimal(one[name]["N"])


KEYS = {"p": st.sampled_from(PARTITIONS), "c": st.sampled_from(SORTS)}
VALUES = {
    "g": st.sampled_from((None, *COLOURS)),
    "l": st.sampled_from((None, -1, 0, 10, 2)),
    "v": st.integers(0, 9),
}


class Things(RuleBasedStateMachine):
    """A table, and the dictionary that it should be."""

    open, where = staticmethod(open_memory), ""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.model, self.states = {}, []
        self.runner.run(self.start())

    async def start(self):
        self.cloud = Cloud(self.open(self.where))
        await self.cloud.make()

    def teardown(self):
        async def close():
            self.cloud.store.close()
        self.runner.run(close())
        self.runner.close()

    def ask(self, operation, **params):
        return self.runner.run(self.cloud(operation, **params))

    def pages(self, operation, **params):
        found, more = [], {}
        while True:
            page = self.ask(operation, TableName="things", **params, **more)
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    # -- what changes it

    @rule(**KEYS, **VALUES)
    def put(self, p, c, **values):
        self.ask("PutItem", TableName="things", Item=item(p, c, **values))
        self.model[p, c] = item(p, c, **values)

    @rule(**KEYS)
    def delete(self, p, c):
        old = self.ask("DeleteItem", TableName="things", Key=key(p, c), ReturnValues="ALL_OLD")
        assert old.get("Attributes") == self.model.pop((p, c), None)

    @rule(**KEYS, by=st.integers(-5, 5), to=VALUES["l"])
    def update(self, p, c, by, to):
        change = "ADD v :by" + (" SET l = :to" if to is not None else " REMOVE l")
        values = {":by": {"N": str(by)}, **({":to": {"N": str(to)}} if to is not None else {})}
        new = self.ask("UpdateItem", TableName="things", Key=key(p, c), UpdateExpression=change,
                       ExpressionAttributeValues=values, ReturnValues="ALL_NEW")["Attributes"]
        was = self.model.get((p, c), key(p, c))
        told = {**was, "v": {"N": str(int(was.get("v", {"N": "0"})["N"]) + by)}}
        told.pop("l", None)
        self.model[p, c] = told | ({"l": {"N": str(to)}} if to is not None else {})
        assert new == self.model[p, c]

    @rule(**KEYS, v=VALUES["v"])
    def put_if_new(self, p, c, v):
        try:
            self.ask("PutItem", TableName="things", Item=item(p, c, v=v),
                     ConditionExpression="attribute_not_exists(p)")
        except AwsError as error:
            assert error.code == "ConditionalCheckFailedException" and (p, c) in self.model
        else:
            assert (p, c) not in self.model
            self.model[p, c] = item(p, c, v=v)

    @rule(places=st.lists(st.tuples(KEYS["p"], KEYS["c"]), min_size=2, max_size=4, unique=True),
          v=VALUES["v"], must_be=st.booleans())
    def transact(self, places, v, must_be):
        """All are written, if the first is there or is not; else none is."""
        (p, c), *rest = places
        condition = f"attribute_{'' if must_be else 'not_'}exists(p)"
        steps = [
            {"ConditionCheck": {"TableName": "things", "Key": key(p, c), "ConditionExpression": condition}}
        ]
        steps += [{"Put": {"TableName": "things", "Item": item(*one, v=v, g="red", l=v)}} for one in rest]
        try:
            self.ask("TransactWriteItems", TransactItems=steps)
        except AwsError as error:
            assert error.code == "TransactionCanceledException" and ((p, c) in self.model) != must_be
        else:
            assert ((p, c) in self.model) == must_be
            self.model.update({one: item(*one, v=v, g="red", l=v) for one in rest})

    @rule(
        places=st.lists(st.tuples(KEYS["p"], KEYS["c"]), min_size=1, max_size=6, unique=True), v=VALUES["v"]
    )
    def batch(self, places, v):
        """Every second is put, the others go."""
        requests = [
            {"PutRequest": {"Item": item(*one, v=v)}} if n % 2 else {"DeleteRequest": {"Key": key(*one)}}
            for n, one in enumerate(places)
        ]
        self.ask("BatchWriteItem", RequestItems={"things": requests})
        for n, one in enumerate(places):
            if n % 2:
                self.model[one] = item(*one, v=v)
            else:
                self.model.pop(one, None)

    @rule(by_ms=st.sampled_from((1, 1000, 3_600_000, 86_400_000)))
    def go_on(self, by_ms):
        """Time passes, and what there is now can be asked for later."""
        self.states.append((self.cloud.clock.now_ms(), dict(self.model)))
        self.cloud.clock.advance(by_ms)

    # -- what it tells

    @rule(**KEYS)
    def get(self, p, c):
        assert self.ask("GetItem", TableName="things", Key=key(p, c)).get("Item") == self.model.get((p, c))

    @rule(p=KEYS["p"], low=KEYS["c"], forward=st.booleans(), limit=st.integers(1, 4))
    def query(self, p, low, forward, limit):
        found = self.pages("Query", KeyConditionExpression="p = :p AND c >= :low", ScanIndexForward=forward,
                           ExpressionAttributeValues={":p": {"S": p}, ":low": {"N": str(low)}}, Limit=limit)
        places = sorted((one for one in self.model if one[0] == p and one[1] >= low), reverse=not forward)
        assert found == [self.model[one] for one in places]

    @rule(p=KEYS["p"], forward=st.booleans(), limit=st.integers(1, 4))
    def query_local(self, p, forward, limit):
        self.same("by-l", "p", p, forward, limit)

    @rule(g=st.sampled_from(COLOURS), forward=st.booleans(), limit=st.integers(1, 4))
    def query_global(self, g, forward, limit):
        self.same("by-g", "g", g, forward, limit)

    def same(self, index, name, value, forward, limit):
        """An index has the items that have its key, in its order."""
        found = self.pages("Query", IndexName=index, KeyConditionExpression=f"{name} = :v", Limit=limit,
                           ScanIndexForward=forward, ExpressionAttributeValues={":v": {"S": value}})
        wanted = [one for one in self.model.values() if one.get(name) == {"S": value} and "l" in one]
        assert sorted(map(place, found)) == sorted(map(place, wanted))
        assert all(self.model[place(one)] == one for one in found)
        numbers = [number(one, "l") for one in found]
        assert numbers == sorted(numbers, reverse=not forward)

    @rule(segments=st.integers(1, 3), limit=st.integers(1, 5))
    def scan(self, segments, limit):
        found = [one for n in range(segments)
                 for one in self.pages("Scan", TotalSegments=segments, Segment=n, Limit=limit)]
        assert {place(one): one for one in found} == self.model and len(found) == len(self.model)

    @rule(which=st.integers(0, 1000), limit=st.integers(1, 5))
    def as_it_was(self, which, limit):
        """A state that the table has been in, read in slices."""
        if self.states:
            at_ms, state = self.states[which % len(self.states)]
            assert self.runner.run(self.cloud.inside(lambda call: seen(call, at_ms, limit))) == state


def seen(call, at_ms, limit):
    """What was in the table at a moment."""
    table = tables.find(call, "things")
    found, after = [], b""
    while True:
        pairs, after = history.read(
            call, history.Watched(table.rows, table.history, history.Moment(at_ms)), after, limit)
        found += [rows.row_of(raw).item for _, raw in pairs]
        if not after:
            return {place(one): one for one in found}


def test_a_table_is_the_dictionary_that_it_should_be(opened):
    opener, dsn, name = opened

    class Machine(Things):
        open, where = staticmethod(opener), dsn

    run_state_machine_as_test(Machine, settings=settings(
        max_examples=examples(EXAMPLES[name]), stateful_step_count=STEPS, deadline=None,
        suppress_health_check=list(HealthCheck)))


def tell(opened, story):
    """A story, told to an empty store."""
    opener, dsn, _ = opened

    async def main():
        cloud = Cloud(opener(dsn))
        try:
            await cloud.make()
            await asyncio.wait_for(story(cloud), 60)
        finally:
            cloud.store.close()

    with asyncio.Runner() as runner:
        runner.run(main())


def test_no_update_is_lost_however_many_clients_make_them(opened):
    clients, times = 6, 8

    async def story(cloud):
        async def add():
            for _ in range(times):
                await cloud("UpdateItem", TableName="things", Key=key("a", 1), UpdateExpression="ADD v :one",
                            ExpressionAttributeValues={":one": {"N": "1"}})

        async def compare_and_set():
            done = 0
            while done < times:
                now = (await cloud("GetItem", TableName="things", Key=key("b", 1))).get("Item", {})
                v = int(now.get("v", {"N": "0"})["N"])
                try:
                    await cloud(
                        "PutItem",
                        TableName="things",
                        Item=item("b", 1, v=v + 1, g="red", l=v),
                        ConditionExpression="v = :v OR attribute_not_exists(v)" if not v else "v = :v",
                        ExpressionAttributeValues={":v": {"N": str(v)}},
                    )
                    done += 1
                except AwsError as error:
                    assert error.code == "ConditionalCheckFailedException"

        await asyncio.gather(*(add() for _ in range(clients)), *(compare_and_set() for _ in range(clients)))
        for p in "ab":
            there = (await cloud("GetItem", TableName="things", Key=key(p, 1)))["Item"]
            assert number(there, "v") == clients * times
        assert (await cloud("Scan", TableName="things", IndexName="by-g"))["Count"] == 1

    tell(opened, story)


def test_operations_on_one_item_are_linearisable(opened):
    """There is an order of all that clients did at the same time that each of their answers agrees with."""
    async def story(cloud):
        ticks, done = itertools.count(), []

        async def client(n):
            for turn in range(5):
                begun, value = next(ticks), str(n * 100 + turn + 1)
                if (n + turn) % 2:
                    old = await cloud("PutItem", TableName="things", Item=item("a", 1, v=value),
                                      ReturnValues="ALL_OLD")
                    done.append((begun, next(ticks), value, old.get("Attributes", {}).get("v", {}).get("N")))
                else:
                    there = await cloud("GetItem", TableName="things", Key=key("a", 1), ConsistentRead=True)
                    done.append((begun, next(ticks), None, there.get("Item", {}).get("v", {}).get("N")))

        await asyncio.gather(*(client(n) for n in range(8)))
        assert is_linearisable(frozenset(range(len(done))), None, done, set())

    tell(opened, story)


def is_linearisable(left, value, done, failed):
    """Whether what is ``left`` can follow upon ``value``: first comes one that began before any had ended."""
    if not left:
        return True
    if (left, value) in failed:
        return False
    first_end = min(done[n][1] for n in left)
    for n in left:
        begun, _, written, told = done[n]
        if begun < first_end and told == value and is_linearisable(
                left - {n}, value if written is None else written, done, failed):
            return True
    failed.add((left, value))
    return False


def test_what_was_asked_for_first_and_done_last_counts_as_done_last(opened):
    async def story(cloud):
        start_ms = cloud.clock.now_ms()

        def put(at_ms, v):
            def work(call):
                call.now_ms = at_ms
                call.kernel.nested(call, "dynamodb", "PutItem", {
                    "TableName": "things", "Item": item("a", 1, v=v)}, ME, call.account, call.region)
            return work

        for at_ms, v in ((start_ms, 0), (start_ms + 10, 1), (start_ms + 5, 2), (start_ms + 20, 3)):
            await cloud.inside(put(at_ms, v))
        cloud.clock.advance(1000)
        for at_ms, v in ((0, 0), (4, 0), (7, 0), (10, 2), (19, 2), (20, 3)):
            was = await cloud.inside(lambda call, at_ms=at_ms: seen(call, start_ms + at_ms, 10))
            assert was == {("a", 1): item("a", 1, v=v)}

    tell(opened, story)


class Died(Exception):
    """What was under way is over."""


class Dying:
    """A transaction whose n-th write is the last thing that happens."""

    def __init__(self, tx, after):
        self._tx, self.left = tx, after

    def __getattr__(self, name):
        found = getattr(self._tx, name)
        if name not in ("put", "delete"):
            return found

        def write(*arguments):
            if not self.left:
                raise Died
            self.left -= 1
            found(*arguments)
        return write


def test_a_write_that_dies_half_way_has_not_happened_whichever_of_its_writes_was_the_last(opened):
    async def story(cloud):
        await cloud("UpdateTable", TableName="things", StreamSpecification={
            "StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        await cloud("PutItem", TableName="things", Item=item("a", 1, g="red", l=1))
        steps = [{"Put": {"TableName": "things", "Item": item("a", 1, g="blue", l=2)}},
                 {"Put": {"TableName": "things", "Item": item("b", 1, g="blue", l=3)}}]

        def everything(call):
            return list(call.tx.scan(b"", b"\xff" * 4))

        def write(call, after):
            call.tx = Dying(call.tx, after)
            call.invoke("dynamodb", "TransactWriteItems", TransactItems=steps)

        before = await cloud.inside(everything)
        for after in itertools.count():
            try:
                await cloud.inside(lambda call, after=after: write(call, after))
            except Died:
                assert await cloud.inside(everything) == before
            else:
                break
        assert after > 8  # items, their entries, what they were, their changes
        assert (await cloud("Scan", TableName="things", IndexName="by-g"))["Count"] == 2

    tell(opened, story)

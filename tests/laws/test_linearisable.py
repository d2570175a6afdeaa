"""Many clients at once, of one cloudlet and of two on one PostgreSQL: no update is lost.

Whatever is done to one item or one object can have been done one after another.
"""

import asyncio
import itertools
import random
import uuid

import pytest

from cloudlet.errors import AwsError
from cloudlet.services.s3 import bodies

from .clouds import Cloud, empty_postgres, examples
from .histories import NEVER, Done, History, is_linearisable
from .test_objects import told

CLIENTS, TURNS = 6, 8
PLACES = ("sqlite", "postgres", "two on postgres")
TABLE = {"BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
         "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}]}


@pytest.fixture(params=PLACES)
def tell(request, tmp_path):
    """Tells a story to the clouds of a place: one, or two that share a PostgreSQL and a folder."""
    dsn = "" if request.param == "sqlite" else request.getfixturevalue("postgres").dsn

    def tell(story, service="dynamodb"):
        async def main():
            if dsn:
                empty_postgres(dsn)
            clouds = [Cloud(dsn, tmp_path, service) for _ in range(2 if "two" in request.param else 1)]
            try:
                await asyncio.wait_for(story(clouds), 120)
                await clouds[0].check()
            finally:
                for one in clouds:
                    one.store.close()

        with asyncio.Runner() as runner:
            runner.run(main())

    return tell


async def clients(clouds, work):
    """What ``work(cloud, number)`` gives to each of many clients at once, spread over the clouds."""
    return await asyncio.gather(*(work(clouds[n % len(clouds)], n) for n in range(CLIENTS)))


# -- the checker itself

def register(state, asked):
    """A thing that is written and read."""
    return (state, state) if asked is None else (asked, "ok")


@pytest.mark.parametrize(("done", "so"), [
    ([Done(0, 1, 1, "ok"), Done(2, 3, None, 1)], True),
    ([Done(0, 1, 1, "ok"), Done(2, 3, None, 0)], False),  # a stale read
    ([Done(0, 3, 1, "ok"), Done(1, 2, None, 0)], True),  # at once
    ([Done(0, 9, 1, "ok"), Done(1, 2, None, 1), Done(3, 4, None, 0)], False),  # back in time
    ([Done(0, NEVER, 1, None), Done(1, 2, None, 0), Done(3, 4, None, 1)], True),  # done after all
    ([Done(0, NEVER, 1, None), Done(1, 2, None, 1), Done(3, 4, None, 0)], False),
    ([Done(0, 9, 1, "ok"), Done(1, 8, 2, "ok"), Done(10, 11, None, 1), Done(12, 13, None, 2)], False),
])
def test_the_checker_knows_what_can_have_been(done, so):
    assert is_linearisable(done, 0, register) is so


# -- items

def item(state, asked):
    """An item with a number ``v``, as one client after another would see it."""
    what, *given = asked
    match what:
        case "put":
            return given[0], state
        case "get":
            return state, state
        case "delete":
            return None, state
        case "add":
            after = (state or 0) + given[0]
            return after, after
        case "put if":  # it is what he thinks
            return (given[1], "ok") if state == given[0] else (state, "no")
        case "transact":
            return (given[0], "ok") if (state is None) == given[1] else (state, "no")
    raise AssertionError(what)


def number(attributes):
    return int(attributes["v"]["N"]) if attributes else None


async def do_item(cloud, asked):
    """Ask for an operation on the item."""
    what, *given = asked
    there, values = {"TableName": "things"}, [{"N": str(one)} for one in given]
    key = {"p": {"S": "a"}}
    try:
        match what:
            case "put":
                return number((await cloud("PutItem", **there, Item={**key, "v": values[0]},
                                           ReturnValues="ALL_OLD")).get("Attributes"))
            case "get":
                return number((await cloud("GetItem", **there, Key=key, ConsistentRead=True)).get("Item"))
            case "delete":
                return number((await cloud("DeleteItem", **there, Key=key, ReturnValues="ALL_OLD")).get(
                    "Attributes"))
            case "add":
                return number((await cloud(
                    "UpdateItem", **there, Key=key, UpdateExpression="ADD v :by", ReturnValues="ALL_NEW",
                    ExpressionAttributeValues={":by": values[0]}))["Attributes"])
            case "put if":
                condition = {"ConditionExpression": "attribute_not_exists(p)"} if given[0] is None else {
                    "ConditionExpression": "v = :v", "ExpressionAttributeValues": {":v": values[0]}}
                await cloud("PutItem", **there, Item={**key, "v": values[1]}, **condition)
            case "transact":
                check = "attribute_not_exists(p)" if given[1] else "attribute_exists(p)"
                await cloud("TransactWriteItems", TransactItems=[
                    {"Put": {**there, "Item": {**key, "v": values[0]}, "ConditionExpression": check}},
                    {"Put": {**there, "Item": {"p": {"S": str(uuid.uuid4())}}}}])
    except AwsError as error:
        assert error.code in ("ConditionalCheckFailedException", "TransactionCanceledException")
        return "no"
    return "ok"


def some_item(chance, seen):
    return chance.choice((
        ("put", chance.randrange(100)), ("get",), ("get",), ("delete",), ("add", chance.randrange(1, 9)),
        ("put if", seen, chance.randrange(100)), ("put if", None, chance.randrange(100)),
        ("transact", chance.randrange(100), chance.random() < 0.5)))


@pytest.mark.parametrize("seed", range(examples(3)))
def test_what_is_done_to_an_item_can_have_been_done_one_after_another(tell, seed):
    history = History()

    async def story(clouds):
        await clouds[0]("CreateTable", TableName="things", **TABLE)

        async def client(cloud, n):
            chance, seen = random.Random(f"{seed}/{n}"), None
            for _ in range(TURNS):
                asked = some_item(chance, seen)
                began = history.begin()
                answer = await do_item(cloud, asked)
                history.end(began, asked, answer)
                if asked[0] == "get":
                    seen = answer

        await clients(clouds, client)

    tell(story)
    assert len(history.done) == CLIENTS * TURNS
    assert is_linearisable(history.done, None, item)


def test_sums_and_swaps_and_transfers_lose_nothing(tell):
    """An ADD, a conditional write of what was read, and a transaction over two items."""
    accounts, start = ("x", "y", "z"), 100

    async def story(clouds):
        await clouds[0]("CreateTable", TableName="things", **TABLE)
        for one in ("sum", "swap", *accounts):
            await clouds[0]("PutItem", TableName="things", Item={"p": {"S": one}, "v": {
                "N": str(start if one in accounts else 0)}})

        async def read(cloud, key):
            return number((await cloud("GetItem", TableName="things", Key={"p": {"S": key}},
                                       ConsistentRead=True))["Item"])

        async def client(cloud, n):
            chance, swapped = random.Random(n), 0
            for _ in range(TURNS):
                await cloud("UpdateItem", TableName="things", Key={"p": {"S": "sum"}},
                            UpdateExpression="ADD v :one", ExpressionAttributeValues={":one": {"N": "1"}})
                a, b = chance.sample(accounts, 2)
                await transfer(cloud, a, b, chance.randrange(40))
            while swapped < TURNS:
                was = await read(cloud, "swap")
                try:
                    await cloud("PutItem", TableName="things", ConditionExpression="v = :was", Item={
                        "p": {"S": "swap"}, "v": {"N": str(was + 1)}},
                        ExpressionAttributeValues={":was": {"N": str(was)}})
                    swapped += 1
                except AwsError as error:
                    assert error.code == "ConditionalCheckFailedException"

        async def transfer(cloud, a, b, amount):
            by = {":by": {"N": str(amount)}}
            try:
                await cloud("TransactWriteItems", TransactItems=[
                    {"Update": {"TableName": "things", "Key": {"p": {"S": a}}, "ConditionExpression":
                                "v >= :by", "UpdateExpression": "SET v = v - :by",
                                "ExpressionAttributeValues": by}},
                    {"Update": {"TableName": "things", "Key": {"p": {"S": b}},
                                "UpdateExpression": "SET v = v + :by", "ExpressionAttributeValues": by}}])
            except AwsError as error:
                assert error.code == "TransactionCanceledException"

        async def look(over):
            """Whoever reads the accounts at one moment finds that nothing came or went."""
            while not over.is_set():
                found = await clouds[-1]("TransactGetItems", TransactItems=[
                    {"Get": {"TableName": "things", "Key": {"p": {"S": one}}}} for one in accounts])
                balances = [number(one["Item"]) for one in found["Responses"]]
                assert sum(balances) == start * len(accounts) and min(balances) >= 0

        over = asyncio.Event()
        looking = asyncio.create_task(look(over))
        await clients(clouds, client)
        over.set()
        await looking
        assert [await read(clouds[0], one) for one in ("sum", "swap")] == [CLIENTS * TURNS] * 2

    tell(story)


def test_of_two_that_each_may_only_be_while_the_other_is_not_there_is_never_both(tell):
    """A ConditionCheck holds until the commit: two that check what the other writes are not both done."""
    async def story(clouds):
        await clouds[0]("CreateTable", TableName="things", **TABLE)

        def write(cloud, mine, others):
            return cloud("TransactWriteItems", TransactItems=[
                {"ConditionCheck": {"TableName": "things", "Key": {"p": {"S": others}},
                                    "ConditionExpression": "attribute_not_exists(p)"}},
                {"Put": {"TableName": "things", "Item": {"p": {"S": mine}}}}])

        for turn in range(TURNS):
            pair = f"left{turn}", f"right{turn}"
            got = await asyncio.gather(write(clouds[0], *pair), write(clouds[-1], *reversed(pair)),
                                       return_exceptions=True)
            assert sum(not isinstance(one, BaseException) for one in got) == 1, got
            left = await clouds[0]("BatchGetItem", RequestItems={"things": {
                "Keys": [{"p": {"S": one}} for one in pair], "ConsistentRead": True}})
            assert len(left["Responses"]["things"]) == 1

    tell(story)


def test_an_index_that_comes_while_items_are_written_has_them_all(tell):
    """Also those whose writers saw the table before it had one, or who write what is just being entered."""
    async def story(clouds):
        await clouds[0]("CreateTable", TableName="things", **TABLE)
        for n in range(30):
            await clouds[0]("PutItem", TableName="things", Item={"p": {"S": str(n)}, "g": {"S": "before"}})
        over = asyncio.Event()

        async def client(cloud, n):
            chance = random.Random(n)
            for turn in itertools.count():
                await cloud("PutItem", TableName="things", Item={
                    "p": {"S": str(chance.randrange(40))}, "g": {"S": f"{n}.{turn % 3}"}})
                if over.is_set():
                    return

        async def make():
            await clouds[0]("UpdateTable", TableName="things", AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in "pg"],
                GlobalSecondaryIndexUpdates=[{"Create": {
                    "IndexName": "by-g", "Projection": {"ProjectionType": "ALL"},
                    "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}]}}])
            await clouds[-1].settle()
            over.set()

        await asyncio.gather(clients(clouds, client), make())

    tell(story)  # the examination at the end holds the index against the items


def test_what_expires_does_so_though_it_came_while_the_alarm_rang(tell):
    async def story(clouds):
        await clouds[0]("CreateTable", TableName="things", **TABLE)
        await clouds[0]("UpdateTimeToLive", TableName="things", TimeToLiveSpecification={
            "AttributeName": "until", "Enabled": True})
        await clouds[0].settle()
        now_s = clouds[0].clock.now_ms() // 1000

        async def client(cloud, n):
            for turn in range(TURNS):
                await cloud("PutItem", TableName="things", Item={
                    "p": {"S": f"{n}.{turn}"}, "until": {"N": str(now_s + turn)}})
                if n == 0:
                    cloud.clock.advance(1000)
                await cloud.settle()

        await clients(clouds, client)
        for cloud in clouds:
            cloud.clock.advance(60_000)
            await cloud.settle()
        assert (await clouds[0]("Scan", TableName="things"))["Count"] == 0

    tell(story)


# -- objects

def thing(state, asked):
    """An object, as one client after another would see it."""
    what, *given = asked
    match what:
        case "put":
            return given[0], "ok"
        case "get":
            return state, state
        case "delete":
            return None, "ok"
        case "put new":
            return (given[0], "ok") if state is None else (state, "no")
        case "put if":
            return (given[1], "ok") if state == given[0] and state is not None else (state, "no")
        case "delete if":
            if state is None:
                return state, "no"
            return (None, "ok") if state == given[0] else (state, "no")
        case "copy":
            return (state, "ok") if state is not None else (None, "no")
    raise AssertionError(what)


def body_of(text):
    return text.encode() * 30


async def do_thing(cloud, asked):
    """Ask for an operation on the object."""
    what, *given = asked
    there = {"Bucket": "things", "Key": "a"}
    try:
        match what:
            case "put":
                await cloud("PutObject", **there, Body=body_of(given[0]))
            case "get":
                body = await told(await cloud("GetObject", **there))
                text = body[:len(body) // 30].decode()
                assert body == body_of(text)  # of one write, and all of it
                return text
            case "delete":
                await cloud("DeleteObject", **there)
            case "put new":
                await cloud("PutObject", **there, Body=body_of(given[0]), IfNoneMatch="*")
            case "put if":
                await cloud("PutObject", **there, Body=body_of(given[1]), IfMatch=etag(given[0]))
            case "delete if":
                await cloud("DeleteObject", **there, IfMatch=etag(given[0]))
            case "copy":  # onto itself, with other metadata: it is what it was
                await cloud("CopyObject", **there, CopySource="things/a", MetadataDirective="REPLACE")
    except AwsError as error:
        assert error.code in ("NoSuchKey", "PreconditionFailed")
        return None if what == "get" else "no"
    return "ok"


def etag(text):
    import hashlib
    return f'"{hashlib.md5(body_of(text or "none")).hexdigest()}"'


def some_thing(chance, seen):
    text = str(chance.randrange(10, 99))
    return chance.choice((("put", text), ("get",), ("get",), ("delete",), ("put new", text), ("copy",),
                          ("put if", seen, text), ("put if", seen, text), ("delete if", seen)))


@pytest.mark.parametrize("large", [False, True], ids=["in the store", "in files"])
@pytest.mark.parametrize("seed", range(examples(2)))
def test_what_is_done_to_an_object_can_have_been_done_one_after_another(tell, seed, large, monkeypatch):
    monkeypatch.setattr(bodies, "INLINE_LIMIT", 1 if large else 10_000)
    history = History()

    async def story(clouds):
        for cloud in clouds:
            cloud.blobs.lingers_ms = 3_600_000 if len(clouds) > 1 else 0
        await clouds[0]("CreateBucket", Bucket="things")

        async def client(cloud, n):
            chance, seen = random.Random(f"{seed}/{n}"), None
            for _ in range(TURNS):
                asked = some_thing(chance, seen)
                began = history.begin()
                answer = await do_thing(cloud, asked)
                history.end(began, asked, answer)
                if asked[0] == "get":
                    seen = answer
                if chance.random() < 0.2:
                    await cloud.settle()

        await clients(clouds, client)
        for cloud in clouds:
            cloud.blobs.lingers_ms = 0
            cloud.clock.advance(3_600_001)

    tell(story, "s3")
    assert is_linearisable(history.done, None, thing)


def test_a_bucket_that_is_deleted_had_nothing_in_it(tell):
    async def story(clouds):
        for turn in range(TURNS):
            name = f"bucket{turn}"
            await clouds[0]("CreateBucket", Bucket=name)

            async def put(cloud, n, name=name):
                try:
                    if n == 0:
                        await cloud("DeleteBucket", Bucket=name)
                    else:
                        await cloud("PutObject", Bucket=name, Key=str(n), Body=b"mine")
                except AwsError as error:
                    assert error.code in ("NoSuchBucket", "BucketNotEmpty")
                    return False
                return True

            deleted, *put_there = await clients(clouds, put)
            assert not (deleted and any(put_there))

    tell(story, "s3")


def test_an_upload_that_is_completed_leaves_no_part_behind(tell, monkeypatch):
    monkeypatch.setattr(bodies, "INLINE_LIMIT", 1)

    async def story(clouds):
        await clouds[0]("CreateBucket", Bucket="things")
        for _ in range(TURNS):
            upload = {"Bucket": "things", "Key": "a"}
            upload["UploadId"] = (await clouds[0]("CreateMultipartUpload", **upload))["UploadId"]
            first = await clouds[0]("UploadPart", **upload, PartNumber=1, Body=b"first")

            async def work(cloud, n, upload=upload, first=first):
                try:
                    if n == 0:
                        await cloud("CompleteMultipartUpload", **upload, MultipartUpload={
                            "Parts": [{"PartNumber": 1, "ETag": first["ETag"]}]})
                    else:
                        await cloud("UploadPart", **upload, PartNumber=n + 1, Body=b"part")
                except AwsError as error:
                    assert error.code == "NoSuchUpload"

            await clients(clouds, work)

    tell(story, "s3")  # the examination at the end finds parts of no upload, and bodies of nobody

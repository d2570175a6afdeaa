"""PostgreSQL that fails in the middle of something: an error or another try, and nothing is lost."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest

from cloudlet.errors import AwsError
from cloudlet.store import Unsettled
from cloudlet.store.postgres import PostgresStore

from .clouds import Cloud, empty_postgres
from .conftest import ORDINARY, Server, binaries
from .test_linearisable import TABLE
from .test_objects import told

BALLAST = 8 << 20  # bytes that are given back in the end
SMALL_DISK = ('mount -t tmpfs -o size=32m,mode=777 none "$0" || exit 77; '
              f'head -c {BALLAST} /dev/zero > "$0/ballast"; exec setpriv --reuid={ORDINARY} '
              '--regid="$(id -g ' + ORDINARY + ')" --clear-groups "$@"')
LARGE = bytes(range(256)) * 400


@pytest.fixture
def tell(postgres, tmp_path):
    """Tells a story to a cloud on an empty PostgreSQL, and looks whether all is whole."""
    def tell(story, service="dynamodb", dsn=postgres.dsn):
        async def main():
            empty_postgres(dsn)
            cloud = Cloud(dsn, tmp_path, service)
            try:
                await asyncio.wait_for(story(cloud), 100)
                await cloud.check()
            finally:
                cloud.store.close()

        with asyncio.Runner() as runner:
            runner.run(main())

    return tell


def test_who_puts_back_what_another_has_deleted_meanwhile_is_run_again(postgres):
    """An upsert alone would not notice: the row it read is gone, so there is nothing to collide with."""
    empty_postgres(postgres.dsn)
    read, go_on = threading.Event(), threading.Event()
    seen = []

    def add(tx):
        seen.append(tx.get(b"n"))
        if len(seen) == 1:
            read.set()
            go_on.wait(20)
        tx.put(b"n", b"%d" % (int(seen[-1] or 0) + 1))

    async def main():
        store = PostgresStore(postgres.dsn, connections=2)
        try:
            await store.transact(lambda tx: tx.put(b"n", b"7"))
            adding = asyncio.create_task(store.transact(add))
            await asyncio.to_thread(read.wait, 20)
            await store.transact(lambda tx: tx.delete(b"n"))
            go_on.set()
            await adding
            return await store.transact(lambda tx: tx.get(b"n"))
        finally:
            store.close()

    assert asyncio.run(main()) == b"1"
    assert seen == [b"7", None]


@pytest.fixture
def lose_the_answer(monkeypatch):
    """Lets a commit happen, and its answer get lost, once the list has something in it."""
    armed, plain = [], psycopg.Connection.execute

    def execute(self, statement, *given, **named):
        found = plain(self, statement, *given, **named)
        if statement == "COMMIT" and armed:
            armed.pop()
            self.close()
            raise psycopg.OperationalError("the connection is lost")
        return found

    monkeypatch.setattr(psycopg.Connection, "execute", execute)
    return armed


def test_a_commit_whose_answer_is_lost_is_not_done_twice_and_not_denied(postgres, lose_the_answer):
    empty_postgres(postgres.dsn)

    async def main():
        store = PostgresStore(postgres.dsn, connections=2)
        try:
            lose_the_answer.append(1)
            with pytest.raises(Unsettled, match="whether the request was kept is not known"):
                await store.transact(lambda tx: tx.put(b"n", b"%d" % (int(tx.get(b"n") or 0) + 1)))
            return await store.transact(lambda tx: tx.get(b"n"))
        finally:
            store.close()

    assert asyncio.run(main()) == b"1"


@pytest.mark.parametrize("way", ["put", "copy", "part"])
def test_a_body_stays_where_the_answer_to_its_commit_was_lost(tell, lose_the_answer, way):
    async def story(cloud):
        await cloud("CreateBucket", Bucket="things")
        await cloud("PutObject", Bucket="things", Key="source", Body=LARGE)
        upload = {"Bucket": "things", "Key": "a"}
        upload["UploadId"] = (await cloud("CreateMultipartUpload", **upload))["UploadId"]
        plain, asked = cloud.store.transact, 0

        async def count(work):  # the last transaction of a request is the one that refers to the body
            nonlocal asked
            asked += 1
            if asked == 2:
                lose_the_answer.append(1)
            return await plain(work)

        cloud.store.transact = count
        with pytest.raises(AwsError) as error:
            if way == "put":
                await cloud("PutObject", Bucket="things", Key="a", Body=LARGE[::-1])
            elif way == "copy":
                await cloud("CopyObject", Bucket="things", Key="a", CopySource="things/source",
                            ServerSideEncryption="aws:kms")
            else:
                await cloud("UploadPart", **upload, PartNumber=1, Body=LARGE[::-1])
        assert error.value.code == "ServiceUnavailable"
        assert "is not known" in str(error.value)
        cloud.store.transact = plain
        if way == "part":
            part = (await cloud("ListParts", **upload))["Parts"][0]
            await cloud("CompleteMultipartUpload", **upload, MultipartUpload={
                "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        body = await told(await cloud("GetObject", Bucket="things", Key="a"))
        assert body == (LARGE if way == "copy" else LARGE[::-1])

    tell(story, "s3")


def test_connections_that_break_all_the_time_lose_and_double_nothing(tell, postgres):
    async def story(cloud):
        await cloud("CreateTable", TableName="things", **TABLE)
        over, sure, unsure = asyncio.Event(), 0, 0

        async def client():
            nonlocal sure, unsure
            for _ in range(40):
                try:
                    await cloud("UpdateItem", TableName="things", Key={"p": {"S": "a"}},
                                UpdateExpression="ADD v :one", ExpressionAttributeValues={":one": {"N": "1"}})
                    sure += 1
                except AwsError as error:
                    assert error.code == "ServiceUnavailable"
                    unsure += "is not known" in str(error)

        async def breaking():
            with psycopg.connect(postgres.dsn, autocommit=True) as killer:
                while not over.is_set():
                    await asyncio.to_thread(
                        killer.execute, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                        "pid <> pg_backend_pid() AND backend_type = 'client backend' AND random() < 0.3")
                    await asyncio.sleep(0.01)

        breaker = asyncio.create_task(breaking())
        await asyncio.gather(*(client() for _ in range(4)))
        over.set()
        await breaker
        found = await cloud("GetItem", TableName="things", Key={"p": {"S": "a"}}, ConsistentRead=True)
        assert sure <= int(found["Item"]["v"]["N"]) <= sure + unsure
        assert sure > 40

    tell(story)


class Cramped(Server):
    """A server whose tables lie on a disk of 32 MB."""

    def _run(self, program, *arguments):
        if arguments[-1] != "start":
            super()._run(program, *arguments)
            return
        self.small = self.folder / "small"
        self.small.mkdir(exist_ok=True)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", SMALL_DISK, self.small, self.binaries / program,
             *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{program} failed")


@pytest.fixture
def cramped():
    if os.geteuid() or not all(map(shutil.which, ("unshare", "setpriv"))):
        pytest.skip("a small disk can only be mounted by root, with unshare and setpriv (util-linux)")
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed here (apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = Cramped(binaries(), folder)
    except RuntimeError as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"a server on a small disk can't be started here: {error}")
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        inside = server.small / "tables"
        pid = int((server.data / "postmaster.pid").read_text().split()[0])
        server.seen = Path(f"/proc/{pid}/root{server.small}")
        (server.seen / "tables").mkdir(mode=0o777)
        shutil.chown(server.seen / "tables", ORDINARY)
        connection.execute(f"CREATE TABLESPACE small LOCATION '{inside}'")
        connection.execute("ALTER DATABASE postgres SET default_tablespace = small")
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_full_disk_refuses_keeps_all_and_is_forgotten_once_there_is_room(tell, cramped):
    async def story(cloud):
        await cloud("CreateTable", TableName="things", **TABLE)
        text = os.urandom(100_000).hex()

        def put(n):
            return cloud("PutItem", TableName="things", Item={"p": {"S": str(n)}, "text": {"S": text}})

        kept = 0
        with pytest.raises(AwsError) as error:
            for kept in range(1000):
                await put(kept)
        assert error.value.code == "ServiceUnavailable"
        assert "No space left on device" in str(error.value)
        assert "Nothing of the request was kept" in str(error.value)
        assert kept > 20

        async def there():
            found, more = [], {}
            while True:
                page = await cloud("Scan", TableName="things", ProjectionExpression="p", **more)
                found += [int(one["p"]["S"]) for one in page["Items"]]
                if "LastEvaluatedKey" not in page:
                    return sorted(found)
                more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

        assert await there() == list(range(kept))
        (cramped.seen / "ballast").unlink()
        await put(kept)
        assert await there() == list(range(kept + 1))

    tell(story, dsn=cramped.dsn)

"""``cloudlet fsck`` on either store: what is kept as a sum is counted again; PostgreSQL is read and repaired.

What else may be damaged is in ``tests/stories/test_fsck.py``.
"""

import asyncio
import json

import msgspec
import pytest
from click.testing import CliRunner

from cloudlet.cli import main
from cloudlet.services.events import archives
from cloudlet.services.iam.records import Counts, counts
from cloudlet.services.kinesis import account as kinesis
from cloudlet.services.lambda_.account import usage
from cloudlet.services.logs.records import groups, sizes
from cloudlet.services.s3 import nouns
from cloudlet.services.sns.records import counts as listeners
from cloudlet.services.sqs import fair, tally
from cloudlet.services.sqs.queue import queues
from cloudlet.store.integrity import View

from ..conftest import Running
from ..stories.test_fsck import furnish
from .clouds import empty_postgres, opened

ACCOUNT, REGION = "000000000000", "us-east-1"


def furnish_more(running):
    """What services count."""
    sqs, logs, events = (running.client(name) for name in ("sqs", "logs", "events"))
    url = sqs.create_queue(QueueName="fair")["QueueUrl"]
    for n in range(4):
        sqs.send_message(QueueUrl=url, MessageBody=str(n), MessageGroupId="tenant")
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2, VisibilityTimeout=3600)
    url = sqs.create_queue(QueueName="line.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for n in range(4):
        sqs.send_message(QueueUrl=url, MessageBody=str(n), MessageGroupId=str(n),
                         MessageDeduplicationId=str(n))
    sqs.receive_message(QueueUrl=url, VisibilityTimeout=3600)
    logs.create_log_group(logGroupName="told")
    for stream in ("one", "other"):
        logs.create_log_stream(logGroupName="told", logStreamName=stream)
        logs.put_log_events(logGroupName="told", logStreamName=stream, logEvents=[
            {"timestamp": int(running.cloudlet.clock.now_ms()), "message": "hello"}])
    running.client("kinesis").create_stream(StreamName="flow", ShardCount=3)
    running.client("iam").create_user(UserName="somebody")
    bus = events.describe_event_bus()["Arn"]
    events.create_archive(ArchiveName="all", EventSourceArn=bus)
    events.put_events(Entries=[{"Source": "me", "DetailType": "told", "Detail": "{}"}])


class Kept:
    """The rows of a cloudlet that was stopped, and how they are looked at and changed."""

    def __init__(self, dsn, data):
        self.dsn, self.data = dsn, data
        self.options = ["--data", str(data), *(["--postgres", dsn] if dsn else [])]
        self.rows = self.change(lambda everywhere, here: list(everywhere.tx.scan(b"", b"\xff" * 9)))

    def change(self, work):
        async def story():
            store = opened(self.dsn, self.data)
            try:
                return await store.transact(lambda tx: work(View(tx), View(tx, ACCOUNT, REGION)))
            finally:
                store.close()
        return asyncio.run(story())

    def put_back(self):
        def work(everywhere, here):
            for key, _ in list(everywhere.tx.scan(b"", b"\xff" * 9)):
                everywhere.tx.delete(key)
            for key, value in self.rows:
                everywhere.tx.put(key, value)
        self.change(work)

    def fsck(self, *options):
        done = CliRunner().invoke(main, ["fsck", "--json", *self.options, *options])
        assert done.exit_code in (0, 1), done.output
        return done.exit_code, json.loads(done.output)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def furnished(request, tmp_path_factory):
    dsn = request.getfixturevalue("postgres").dsn if request.param == "postgres" else ""
    if dsn:
        empty_postgres(dsn)
    running = Running(tmp_path_factory.mktemp("data"), postgres=dsn)
    try:
        furnish(running)
        furnish_more(running)
        running.advance(1)
    finally:
        running.stop()
    return Kept(dsn, running.options.data)


@pytest.fixture
def kept(furnished):
    yield furnished
    furnished.put_back()


# -- one wrong sum each

def home(here, name):
    return queues.get(here, name).home


def miscount_messages(everywhere, here):
    tally.keep(here, home(here, "fair"), tally.Tally(ready=100))


def miscount_a_line(everywhere, here):
    kept = tally.the_one(here, home(here, "line.fifo"))
    tally.keep(here, home(here, "line.fifo"), msgspec.structs.replace(kept, ready=0, sequence=1))


def miscount_a_tenant(everywhere, here):
    fair.tenants.put(here, home(here, "fair"), "tenant", record=fair.Count(50))


def miscount_a_crowd(everywhere, here):
    fair.crowds.put(here, home(here, "fair"), "nobody", record=fair.Count(5))


def miscount_listeners(everywhere, here):
    listeners.put(here, "news", record=msgspec.structs.replace(listeners.get(here, "news"), confirmed=7))


def miscount_users(everywhere, here):
    counts.put(here, "", record=Counts({"user": 5000}))


def miscount_shards(everywhere, here):
    kinesis.put_tally(here, 1, 1)


def miscount_code(everywhere, here):
    usage.put(here, record=msgspec.structs.replace(usage.get(here), code_size=1 << 40))


def miscount_an_archive(everywhere, here):
    (_, archive), = archives.archives.items(here)
    archives.set_tally(here, archive.home, 0, 0)


def miscount_bytes_of_logs(everywhere, here):
    sizes.delete(here, *next(key for key, _ in sizes.items(here)))


def miscount_filters_of_logs(everywhere, here):
    groups.put(here, "told", record=msgspec.structs.replace(groups.get(here, "told"), subscriptions=2))


WRONG = {
    miscount_messages: ("sqs", "ready: "),
    miscount_a_line: ("sqs", "sequence: 1 instead of 4"),
    miscount_a_tenant: ("sqs", "tenant: 50 instead of 2"),
    miscount_a_crowd: ("sqs", "nobody: 5 instead of 0"),
    miscount_listeners: ("sns", "confirmed: 7 instead of 1"),
    miscount_users: ("iam", "user: 5000 instead of 1"),
    miscount_shards: ("kinesis", "shards: 1 instead of 3"),
    miscount_code: ("lambda", f"bytes: {1 << 40} instead of "),
    miscount_an_archive: ("events", "events: 0 instead of 1"),
    miscount_bytes_of_logs: ("logs", "bytes: "),
    miscount_filters_of_logs: ("logs", "subscriptions: 2 instead of 0"),
}


def test_a_store_that_is_whole_is_found_to_be_so(kept):
    code, report = kept.fsck()
    assert (code, report["findings"]) == (0, [])
    assert report["counts"].items() >= {"items": 5, "bodies": 8, "queues": 3}.items()
    assert report["counts"]["tallies"] >= 10


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_sum_is_found_and_counted_again(kept, wrong):
    area, words = WRONG[wrong]
    kept.change(wrong)
    code, report = kept.fsck()
    assert code == 1
    assert [(one["area"], one["kind"]) for one in report["findings"]] == [(area, "tally")]
    assert words in report["findings"][0]["what"]
    code, report = kept.fsck("--repair")
    assert (code, [one["repaired"] for one in report["findings"]]) == (0, [True])
    code, report = kept.fsck()
    assert (code, report["findings"]) == (0, [])


def test_what_is_missing_is_found_and_taken_out(kept):
    def spoil(everywhere, here):
        nouns.objects.delete(everywhere, "things", b"small")
        nouns.owned.delete(here, "things")
    kept.change(spoil)
    code, report = kept.fsck()
    assert (code, len(report["findings"])) == (1, 2)
    assert kept.fsck("--repair")[0] == 0
    code, report = kept.fsck()
    assert (code, report["findings"], report["quarantined"]) == (0, [], 1)


def test_a_cloudlet_that_runs_on_it_is_looked_at_and_not_repaired(kept):
    if not kept.dsn:
        pytest.skip("on SQLite that is asked in tests/stories/test_fsck.py")
    running = Running(kept.data, postgres=kept.dsn)
    try:
        code, report = kept.fsck()
        assert (code, report["findings"], report["running"]) == (0, [], True)
        done = CliRunner().invoke(main, ["fsck", *kept.options, "--repair"])
        assert done.exit_code == 1
        assert "Repairs need all of them stopped" in done.output
    finally:
        running.stop()


def test_a_wrong_folder_is_refused_and_nothing_declared_missing(kept, tmp_path):
    if kept.dsn:
        done = CliRunner().invoke(main, ["fsck", "--data", str(tmp_path), "--postgres", kept.dsn, "--repair"])
        assert done.exit_code == 1
        assert "is not a cloudlet's data" in done.output


def test_snapshots_are_refused_with_what_to_do_instead(kept):
    if kept.dsn:
        running = Running(kept.data, postgres=kept.dsn)
        try:
            done = CliRunner().invoke(
                main, ["snapshot", "save", "clean", "--data", str(kept.data), "--endpoint", running.url],
                env={"CLOUDLET_TOKEN": running.cloudlet.token})
            assert done.exit_code == 1
            assert "pg_dump -Fc" in done.output
        finally:
            running.stop()
        done = CliRunner().invoke(main, ["snapshot", "save", "clean", "--data", str(kept.data)])
        assert done.exit_code == 1
        assert "pg_dump -Fc" in done.output

"""Fair queues: a tenant with a backlog does not delay the others."""

import itertools

import pytest

_numbers = itertools.count(1)


class Queue:
    """A standard queue of the test's own."""

    def __init__(self, cloudlet):
        self.sqs = cloudlet.client("sqs")
        self.url = self.sqs.create_queue(QueueName=f"fair-{next(_numbers)}")["QueueUrl"]
        self.handles = {}

    def send(self, group, count, body=""):
        """Messages of one group, or of none."""
        who = {"MessageGroupId": group} if group else {}
        for start in range(0, count, 10):
            self.sqs.send_message_batch(QueueUrl=self.url, Entries=[
                {"Id": str(n), "MessageBody": body or f"{group}-{n}", **who}
                for n in range(start, min(start + 10, count))])

    def take(self, count):
        """The bodies of up to so many messages, which stay in flight."""
        found = []
        while len(found) < count:
            got = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=min(10, count - len(found))).get("Messages", [])
            if not got:
                break
            self.handles |= {one["Body"]: one["ReceiptHandle"] for one in got}
            found += [one["Body"] for one in got]
        return found

    def delete(self, bodies):
        """Done with these."""
        for body in bodies:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=self.handles[body])

    def counts(self):
        """How many can be had, and how many are in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return tuple(int(found[name]) for name in names)


@pytest.fixture
def queue(cloudlet):
    return Queue(cloudlet)


def test_quiet_tenants_come_before_the_backlog_of_a_noisy_one(queue):
    queue.send("noisy", 300)
    noisy = queue.take(30)
    queue.send("quiet", 3)
    queue.send("", 2, "alone")
    assert queue.take(5) == ["quiet-0", "quiet-1", "quiet-2", "alone", "alone"]
    assert queue.take(10) == [f"noisy-{n}" for n in range(30, 40)]  # when there is nothing else
    assert noisy == [f"noisy-{n}" for n in range(30)]
    assert queue.counts() == (260, 45)


def test_below_thirty_in_flight_nobody_is_noisy(queue):
    queue.send("first", 40)
    queue.take(29)
    queue.send("second", 1)
    assert queue.take(10) == [f"first-{n}" for n in range(29, 39)]
    assert queue.take(1) == ["second-0"]  # for now it is


def test_a_tenth_of_what_is_in_flight_is_not_noisy(queue):
    queue.send("", 300, "alone")
    queue.take(300)
    queue.send("one", 32)
    queue.take(30)
    queue.send("two", 1)
    assert queue.take(3) == ["one-30", "one-31", "two-0"]


def test_of_several_noisy_tenants_the_least_noisy_comes_first(queue):
    queue.send("loud", 60)
    queue.send("louder", 60)
    first = queue.take(30)
    assert queue.take(30) == [f"louder-{n}" for n in range(30)]  # 30 of each are in flight now
    turns = [{body.partition("-")[0] for body in queue.take(10)} for _ in range(4)]
    assert turns[0] != turns[1] and turns[2] != turns[3] and all(len(turn) == 1 for turn in turns)
    queue.delete(first)
    assert queue.take(1) == ["loud-50"]  # now it is the quieter


def test_a_tenant_that_is_quiet_again_has_its_old_place(queue):
    queue.send("noisy", 60)
    noisy = queue.take(30)
    queue.send("quiet", 1)
    assert queue.take(1) == ["quiet-0"]
    queue.send("quiet", 3, "later")
    queue.delete(noisy)  # nothing of it is in flight any more, and its messages are the oldest
    assert queue.take(10) == [f"noisy-{n}" for n in range(30, 40)]


def test_messages_that_were_set_aside_are_counted_deleted_and_purged_as_others(queue):
    queue.send("noisy", 50)
    queue.take(30)
    queue.send("quiet", 1)
    queue.take(1)
    assert queue.counts() == (20, 31)
    rest = queue.take(20)
    assert len(rest) == 20 and queue.counts() == (0, 51)
    queue.delete(rest)
    assert queue.counts() == (0, 31)
    queue.send("noisy", 5)
    queue.sqs.purge_queue(QueueUrl=queue.url)
    assert queue.take(1) == [] and queue.counts() == (0, 0)


def test_a_message_set_aside_can_be_deleted_with_the_receipt_of_before(queue):
    queue.send("noisy", 60)
    queue.take(31)
    queue.sqs.change_message_visibility(
        QueueUrl=queue.url, ReceiptHandle=queue.handles["noisy-0"], VisibilityTimeout=0)
    queue.send("quiet", 1)
    assert queue.take(1) == ["quiet-0"]  # on the way the first of the noisy one was set aside again
    queue.delete(["noisy-0"])
    assert queue.take(1) == ["noisy-31"]


def test_what_is_aside_grows_too_old_as_others_do(cloudlet, queue):
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"MessageRetentionPeriod": "60"})
    queue.send("noisy", 50)
    queue.take(30)
    queue.send("quiet", 1)
    queue.take(1)
    cloudlet.advance(61)
    assert queue.take(1) == []
    assert queue.counts()[0] == 0

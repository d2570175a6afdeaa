"""Announcements: heard where somebody listens, and next to nothing where nobody does."""

import asyncio

from cloudlet.fabric import announcements
from cloudlet.identity import root


def test_what_nobody_listens_to_costs_one_read(cloudlet):
    reads = []

    class Counting:
        """A transaction that can be read, and counts."""

        def __init__(self, tx) -> None:
            self.tx = tx

        def get(self, key):
            reads.append(key)
            return self.tx.get(key)

    def say(call):
        call.tx = Counting(call.tx)
        announcements.announce(call, "aws.test", "Something", {"n": 1}, [])

    call = cloudlet.cloudlet.kernel.conversation(root("000000000000"), "s3", region="eu-west-3")
    asyncio.run_coroutine_threadsafe(call.transact(say), cloudlet._loop).result()
    assert len(reads) == 1

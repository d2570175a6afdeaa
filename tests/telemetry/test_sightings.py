"""What travelled is kept when it is committed, within bounds, and leaves no ghosts."""

import asyncio

import pytest

from cloudlet.errors import AwsError
from cloudlet.identity import root
from cloudlet.telemetry import Sighting, Sightings


class Refused(AwsError):
    """No."""


@pytest.fixture
def transact(cloudlet):
    """Run work in a transaction; what was seen in it comes back."""
    kernel = cloudlet.cloudlet.kernel
    call = kernel.conversation(root("000000000000"), "sqs")

    def run(work):
        before = kernel.sightings.newest
        asyncio.run_coroutine_threadsafe(call.transact(work), cloudlet._loop).result(20)
        return [(one.outcome, one.target) for one in kernel.sightings.after(before)]

    run.kernel = kernel
    return run


def test_what_a_transaction_saw_is_kept_when_it_is_committed(transact):
    def work(call):
        call.see("sent", "a")
        call.elsewhere(account="111111111111").see("delivered", "b")

    assert transact(work) == [("sent", "a"), ("delivered", "b")]


def test_what_is_undone_was_not_seen(transact):
    def work(call):
        call.see("sent", "ghost")
        raise Refused

    before = transact.kernel.sightings.newest
    with pytest.raises(Refused):
        transact(work)
    assert transact.kernel.sightings.newest == before


def test_a_transaction_that_is_run_again_is_seen_once(transact):
    store, tries = transact.kernel.store, []

    class Colliding:
        async def transact(self, work):
            def twice(tx):
                work(tx)
                return work(tx)  # as a store does when transactions collide

            return await store.transact(twice)

    def work(call):
        tries.append(1)
        call.see("sent", f"try {len(tries)}")

    transact.kernel.store = Colliding()
    try:
        assert transact(work) == [("sent", "try 2")]
    finally:
        transact.kernel.store = store


def test_the_newest_are_kept_within_a_number_and_a_size():
    kept = Sightings(kept=3, kept_bytes=10_000)
    for n in range(5):
        kept.keep([Sighting("sent", str(n))])
    assert [one.target for one in kept.after()] == ["2", "3", "4"]
    assert [one.number for one in kept.after(4)] == [5]
    assert kept.find(2) is None
    assert kept.find(4).target == "3"
    kept.keep([Sighting("sent", "large", payload=b"x" * 9_500)])
    assert [one.target for one in kept.after()] == ["large"]


def test_followers_see_what_comes_and_come_to_an_end():
    async def scene():
        kept, found = Sightings(), []
        kept.keep([Sighting("sent", "before")])

        async def follow():
            found.extend([one.target async for one in kept.follow()])

        task = asyncio.create_task(follow())
        for name in ("a", "b"):
            await asyncio.sleep(0)
            kept.keep([Sighting("sent", name)])
        await asyncio.sleep(0)
        kept.close()
        await task
        return found

    assert asyncio.run(scene()) == ["before", "a", "b"]

"""On PostgreSQL, too, what was acknowledged survives: the end of one cloudlet of two, and of the server.

CLOUDLET_KILLS, CLOUDLET_BODY_KILLS and CLOUDLET_CRASH_SEED are those of :mod:`.test_crash` and
:mod:`.test_body_crash`.
"""

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudlet.cli.fsck import examine_postgres
from cloudlet.fabric import leftovers
from cloudlet.store import blobs

from .clouds import empty_postgres
from .test_body_crash import KILLS as BODY_KILLS
from .test_body_crash import allowed, held
from .test_crash import KILLS, READS, SEED, Victim, Work, furnish, progress, verify

STEPS = 300  # there are some more in a life, for each write of a transaction is one


@pytest.mark.timeout(120 + KILLS * 15)
def test_what_was_acknowledged_survives_the_end_of_cloudlets_and_of_the_server(tmp_path, postgres):
    moments = random.Random(SEED)
    empty_postgres(postgres.dsn)
    victim, other = (Victim(tmp_path / "data", "process", postgres.dsn) for _ in range(2))
    works = []
    try:
        victim.start()
        kinds = furnish(victim, {"sqs", "dynamodb", "s3"})
        other.start()
        works = [Work(one, kind, number + at * READS[kind]) for kind in kinds for number in range(READS[kind])
                 for at, one in enumerate((victim, other))]
        for work in works:
            work.start()
        for kill in range(KILLS):
            progress(works, moments.randint(1, 40))
            time.sleep(moments.uniform(0, 0.03))
            if kill % 2:
                postgres.stop()  # as if it had been killed
                postgres.start()
            else:
                victim.kill()
                progress([work for work in works if work.victim is other], 5)  # the other goes on
                victim.start()
        progress(works, 20)
        for work in works:
            work.over.set()
        for work in works:
            work.join(30)
        done = verify(victim, works)
        assert all(done.values()), done
        victim.kill()
        other.kill()
        found = quietly(postgres.dsn, tmp_path / "data").findings
        assert [one for one in found if one.kind != "orphan"] == []  # those are swept an hour later
    finally:
        for work in works:
            work.over.set()
        for one in (victim, other):
            one.kill()
            one.log.close()


def quietly(dsn, folder):
    """What is found once the server has seen that everybody is gone."""
    until = time.monotonic() + 10
    while (report := examine_postgres(dsn, folder)).running:
        assert time.monotonic() < until
        time.sleep(0.02)
    return report


@pytest.fixture
def lives(postgres):
    """Lets a cloudlet live until a step, in a program that has imported everything already."""
    program = subprocess.Popen([sys.executable, Path(__file__).with_name("dying.py"), postgres.dsn],
                               text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def live(folder, last):
        program.stdin.write(f"{folder} {last} process\n")
        program.stdin.flush()
        return program.stdout.readline().strip()

    yield live
    program.stdin.close()
    program.wait(20)
    program.stdout.close()


@pytest.mark.timeout(1200)
def test_a_crash_at_any_step_leaves_the_old_or_the_new_and_nothing_else(tmp_path, fresh, lives, postgres,
                                                                       monkeypatch):
    monkeypatch.setattr(blobs, "LINGERS_MS", 0)
    chosen, killed = list(range(1, STEPS + 1)), 0
    if BODY_KILLS:
        chosen = random.Random(f"{SEED}/postgres").sample(chosen, max(1, BODY_KILLS // 3))
    for last in sorted(chosen):
        empty_postgres(postgres.dsn)
        folder = tmp_path / str(last)
        killed += lives(folder, last) == "killed"
        running = fresh(at=str(last), postgres=postgres.dsn)
        sweep = leftovers.sweep(running.cloudlet.kernel)
        asyncio.run_coroutine_threadsafe(sweep, running._loop).result(20)
        for key, digests in allowed(folder.with_suffix(".told")).items():
            assert held(running, key) in digests, (last, key)
        running.stop()
        assert [(one.what, one.where) for one in quietly(postgres.dsn, folder).findings] == [], last
    assert killed >= len(chosen) // 2


def test_a_life_that_nobody_ends_has_that_many_steps(tmp_path, lives, postgres):
    empty_postgres(postgres.dsn)
    assert lives(tmp_path / "whole", 0) == "lived"
    empty_postgres(postgres.dsn)
    assert lives(tmp_path / "other", STEPS) == "killed"

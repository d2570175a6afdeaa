"""The four phases of retries, and how delays grow in the third."""

from itertools import pairwise

import pytest

from cloudlet.services.sns.delivery_policies import delays_ms
from cloudlet.services.sns.dispatch import RETRIES

GUIDE = {"minDelayTarget": 1, "maxDelayTarget": 60, "numRetries": 50, "numNoDelayRetries": 3,
         "numMinDelayRetries": 2, "numMaxDelayRetries": 35, "backoffFunction": "exponential"}
CURVE = {"minDelayTarget": 5, "maxDelayTarget": 260}


def test_the_guides_own_policy_has_its_phases():
    delays = delays_ms(GUIDE)
    assert len(delays) == 50
    assert delays[:5] == (0, 0, 0, 1000, 1000) and delays[15:] == (60_000,) * 35
    assert (delays[5], delays[14]) == (1000, 60_000)


@pytest.mark.parametrize("function", ["linear", "arithmetic", "geometric", "exponential"])
def test_delays_grow_from_the_least_to_the_largest(function):
    delays = delays_ms(CURVE | {"numRetries": 10, "backoffFunction": function})
    assert (delays[0], delays[-1]) == (5000, 260_000)
    steps = [after - before for before, after in pairwise(delays)]
    assert all(step > 0 for step in steps)
    if function != "linear":
        assert steps == sorted(steps)


def test_one_function_grows_later_than_the_other():
    halfway = [delays_ms(CURVE | {"numRetries": 11, "backoffFunction": name})[5]
               for name in ("linear", "arithmetic", "geometric", "exponential")]
    assert halfway == sorted(halfway, reverse=True)


def test_a_single_retry_waits_the_least_delay():
    assert delays_ms({"minDelayTarget": 7, "maxDelayTarget": 9, "numRetries": 1}) == (7000,)


def test_queues_and_functions_are_tried_as_awss_table_says():
    waits = [RETRIES.pause_ms(tries) for tries in range(1, 18)]
    assert waits[:5] == [0, 0, 0, 1000, 1000] and waits[5] == 1000 and waits[14:] == [20_000] * 3
    assert RETRIES.attempts == 100_015
    assert sum(RETRIES.pauses_ms) + 100_000 * 20_000 > 23 * 86_400_000

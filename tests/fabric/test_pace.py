"""How many batches of a queue are handled at once."""

import pytest

from cloudlet.fabric.queue_feed import Pace

MINUTE = 60_000


@pytest.mark.parametrize("most, first, later", [(0, 5, 305), (2, 2, 2), (7, 5, 7), (1000, 5, 305)])
def test_it_begins_with_five_and_grows_by_three_hundred_a_minute(most, first, later):
    pace = Pace(most)
    assert pace.batches == first
    pace.busy(0)
    pace.busy(MINUTE)
    assert pace.batches == later


def test_it_never_exceeds_a_thousand_and_says_until_when_to_wait_for_one_more():
    pace = Pace(0)
    assert pace.busy(0) == 200
    assert pace.busy(60 * MINUTE) > 1 << 60
    assert pace.batches == 1000


def test_it_goes_back_to_five_when_there_is_no_more():
    pace = Pace(0)
    pace.busy(0)
    pace.busy(MINUTE)
    pace.idle()
    assert pace.batches == 5
    pace.busy(2 * MINUTE)  # the time in between does not count
    assert pace.batches == 5


def test_failures_halve_it_and_what_goes_well_brings_it_back():
    pace = Pace(0)
    for expected in (2, 1, 1):
        pace.slower()
        assert pace.batches == expected
    for expected in (2, 3, 4, 5, 5):
        pace.faster()
        assert pace.batches == expected

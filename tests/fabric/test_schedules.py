"""Schedules: when rates and crons come next."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.fabric.schedules import ScheduleError, parse


def ms(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


def shown(at_ms):
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(("text", "expected"), [
    ("rate(1 minute)", "2024-03-01 12:08"), ("rate(5 minutes)", "2024-03-01 12:12"),
    ("rate(2 days)", "2024-03-03 12:07"), ("cron(* * * * ? *)", "2024-03-01 12:08"),
    ("cron(0 10 * * ? *)", "2024-03-02 10:00"), ("cron(15 12 * * ? *)", "2024-03-01 12:15"),
    ("cron(0 18 ? * MON-FRI *)", "2024-03-01 18:00"), ("cron(0 8 1 * ? *)", "2024-04-01 08:00"),
    ("cron(0/15 * * * ? *)", "2024-03-01 12:15"), ("cron(0/5 8-17 ? * MON-FRI *)", "2024-03-01 12:10"),
    ("cron(0 2 ? * SAT *)", "2024-03-02 02:00"), ("cron(0 2 ? * SAT#3 *)", "2024-03-16 02:00"),
    ("cron(0 2 ? * 1#5 *)", "2024-03-31 02:00"), ("cron(15 10 ? * 6L 2024-2025)", "2024-03-29 10:15"),
    ("cron(15 10 ? * L *)", "2024-03-02 10:15"), ("cron(0 9 L * ? *)", "2024-03-31 09:00"),
    ("cron(0 9 16W * ? *)", "2024-03-15 09:00"), ("cron(0 9 1W JUN ? *)", "2024-06-03 09:00"),
    ("cron(0 9 31W * ? *)", "2024-03-29 09:00"), ("cron(0 0 29 2 ? *)", "2028-02-29 00:00"),
    ("cron(0 0 31 2 ? *)", None), ("cron(15 10 ? * 6L 2002-2005)", None),
    ("cron(0 0 1 1 ? 2199)", "2199-01-01 00:00"), ("cron(5,35 14 * * ? *)", "2024-03-01 14:05"),
])
def test_an_expression_says_when_it_comes_next(text, expected):
    assert shown(parse(text).next_ms(ms(2024, 3, 1, 12, 7))) == expected


@pytest.mark.parametrize("text", [
    "cron(0 1 * * * *)", "cron(0 1 ? * ? *)", "cron(7 20 * * NOT *)", "cron(INVALID)",
    "cron(0 dummy ? * MON-FRI *)",
    "cron(71 8 1 * ? *)", "cron(0 8 0 * ? *)", "cron(0 8 32 * ? *)", "cron(0 8 ? * 8 *)",
    "cron(0 8 ? * 1#6 *)",
    "cron(0 8 1 * ?)", "cron(0 8 1 * ? 2200)", "cron(10-5 8 1 * ? *)", "cron(0/0 8 1 * ? *)", "cron( )",
    "rate(10 seconds)", "rate(10 years)", "rate(1 minutes)", "rate(10 minute)", "rate()", "rate(10)",
    "rate(10 minutess)", "rate(foo minutes)", "rate(0 minutes)", "rate(-10 minutes)", "rate(10 MINUTES)",
    "rate( 10 minutes )", " rate(10 minutes)", "", "at(2024-01-01T00:00:00)", "rate(" + "9" * 400 + " days)"])
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(ScheduleError):
        parse(text)


def test_summer_time_leaves_out_what_is_leapt_over_and_repeats_nothing():
    daily = parse("cron(30 2 * * ? *)")
    assert shown(daily.next_ms(ms(2024, 3, 30, 3),
                               "Europe/Berlin")) == "2024-04-01 00:30"  # 03-31 has no 2:30
    at, seen = ms(2024, 10, 26, 23, 45), []
    for _ in range(4):
        at = parse("cron(0/30 * * * ? *)").next_ms(at, "Europe/Berlin")
        seen.append(shown(at)[-5:])
    assert seen == ["00:00", "00:30", "02:00",
                    "02:30"]  # 2:00 and 2:30 come twice, at 01:00 and 01:30 UTC too
    assert shown(parse("cron(0 9 * * ? *)").next_ms(ms(2024, 7, 1), "America/New_York")) == "2024-07-01 13:00"


fields = st.tuples(
    st.sampled_from(["0", "*", "0/7", "5,35", "58-59"]), st.sampled_from(["*", "0", "8-17", "22,23", "1/9"]),
    st.sampled_from([("*", "?"), ("?", "MON-FRI"), ("?", "*"), ("31", "?"), ("L", "?"), ("?", "2#1"),
                     ("?", "SUNL"),
                     ("1,15", "?"), ("15W", "?")]),
    st.sampled_from(["*", "2", "JAN,DEC", "1-3"]), st.sampled_from(["*", "2024", "2024-2026"]))


@given(fields, st.integers(ms(2023, 12, 1) // 60_000, ms(2026, 12, 31) // 60_000))
def test_no_moment_is_left_out_or_comes_twice(given_fields, minute):
    """Each moment is the first after the one before, and between two there is none that the fields allow."""
    minutes, hours, (days, weekdays), months, years = given_fields
    cron = parse(f"cron({minutes} {hours} {days} {months} {weekdays} {years})")
    at = minute * 60_000
    seen = []
    for _ in range(4):
        following = cron.next_ms(at)
        if following is None:
            break
        assert following > at and following % 60_000 == 0
        seen.append(following)
        at = following
    for one, other in pairwise(seen):
        between = one + (other - one) // 2
        assert cron.next_ms(between) == other or between == one
        assert cron.next_ms(one - 1) == one


def test_a_month_of_minutes_is_counted_out():
    at, count = ms(2024, 2, 1) - 1, 0
    every = parse("cron(* * ? 2 MON-FRI 2024)")
    while (following := every.next_ms(at)) is not None:
        at, count = following, count + 1
    assert count == 21 * 24 * 60
    assert datetime.fromtimestamp(at / 1000, UTC) + timedelta(minutes=1) == datetime(2024, 3, 1, tzinfo=UTC)

"""Local days, weeks, months and hours as instants."""

from datetime import date, time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattline.domain.instants import DAY_MS, HOUR_MS, INTERVAL_MS, format_instant
from wattline.domain.instants import parse_instant as utc
from wattline.domain.local_calendar import (
    Days,
    Grain,
    LocalRange,
    buckets,
    days_of,
    local,
    midnight,
    time_zone,
    wall_instant,
)

ZURICH = time_zone("Europe/Zurich")
ZONES = (
    "UTC",
    "Europe/Zurich",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Havana",
    "Asia/Beirut",
)


def instants(start: str, end: str, grain: Grain, zone: str = "Europe/Zurich", days: Days = Days.ALL) -> list[str]:
    wanted = LocalRange(utc(start), utc(end), time_zone(zone), days)
    return [format_instant(each.start_ms) for each in buckets(wanted, grain)]


@pytest.mark.parametrize(("day", "quarter_hours"), [("2023-03-26", 92), ("2023-10-29", 100), ("2023-02-01", 96)])
def test_local_days_have_92_96_or_100_quarter_hours(day: str, quarter_hours: int) -> None:
    start = midnight(date.fromisoformat(day), ZURICH)
    (found,) = buckets(LocalRange(start, start + HOUR_MS * 22, ZURICH), Grain.DAY)
    whole = next(stretch for _, stretch in days_of(start, start + 1, ZURICH))
    assert whole.quarter_hours == quarter_hours
    assert found.quarter_hours == 88


def test_months_weeks_and_hours_begin_on_local_edges() -> None:
    assert instants("2023-02-15T00:00:00Z", "2023-04-02T00:00:00Z", Grain.MONTH) == [
        "2023-01-31T23:00:00Z",
        "2023-02-28T23:00:00Z",
        "2023-03-31T22:00:00Z",
    ]
    assert instants("2023-03-24T00:00:00Z", "2023-03-28T00:00:00Z", Grain.WEEK) == [
        "2023-03-19T23:00:00Z",
        "2023-03-26T22:00:00Z",
    ]
    sunday = instants("2023-03-25T23:00:00Z", "2023-03-26T22:00:00Z", Grain.HOUR)
    assert len(sunday) == 23
    assert len(instants("2023-10-28T22:00:00Z", "2023-10-29T23:00:00Z", Grain.HOUR)) == 25
    assert instants("2023-01-01T00:00:00Z", "2023-01-01T01:00:00Z", Grain.HOUR, "Asia/Kathmandu") == [
        "2022-12-31T23:15:00Z",
        "2023-01-01T00:15:00Z",
    ]


def test_a_unit_that_the_range_cuts_counts_what_lies_inside() -> None:
    wanted = LocalRange(utc("2023-02-01T12:00:00Z"), utc("2023-02-03T00:00:00Z"), ZURICH)
    assert [each.quarter_hours for each in buckets(wanted, Grain.DAY)] == [44, 96, 4]
    (month,) = buckets(wanted, Grain.MONTH)
    assert month.quarter_hours == 144


def test_days_that_do_not_count_are_left_out_of_longer_units() -> None:
    week = LocalRange(utc("2023-02-05T23:00:00Z"), utc("2023-02-12T23:00:00Z"), ZURICH, Days.WEEKDAYS)
    (unit,) = buckets(week, Grain.WEEK)
    assert (unit.quarter_hours, len(unit.parts)) == (5 * 96, 1)
    month = LocalRange(utc("2023-01-31T23:00:00Z"), utc("2023-02-28T23:00:00Z"), ZURICH, Days.WEEKENDS)
    (unit,) = buckets(month, Grain.MONTH)
    assert (unit.quarter_hours, len(unit.parts)) == (8 * 96, 4)
    assert len(list(buckets(month, Grain.DAY))) == 8
    assert len(list(buckets(month, Grain.HOUR))) == 8 * 24


def test_midnights_that_are_skipped_or_come_twice() -> None:
    beirut, havana, apia = time_zone("Asia/Beirut"), time_zone("America/Havana"), time_zone("Pacific/Apia")
    assert format_instant(midnight(date(2022, 3, 27), beirut)) == "2022-03-26T22:00:00Z", "the clock goes to 01:00"
    assert format_instant(midnight(date(2022, 11, 6), havana)) == "2022-11-06T04:00:00Z", "the first of two"
    found = days_of(utc("2011-12-29T12:00:00Z"), utc("2012-01-01T00:00:00Z"), apia)
    assert [day.isoformat() for day, _ in found] == ["2011-12-29", "2011-12-31", "2012-01-01"], "Samoa had no 30th"


def test_a_wall_time_that_is_skipped_is_the_instant_of_the_change() -> None:
    assert format_instant(wall_instant(date(2023, 3, 26), time(2, 30), ZURICH)) == "2023-03-26T01:00:00Z"
    assert format_instant(wall_instant(date(2023, 10, 29), time(2, 30), ZURICH)) == "2023-10-29T00:30:00Z"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "UTC\0", "x" * 300])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        time_zone(name)


@settings(max_examples=200)
@given(
    st.sampled_from(ZONES),
    st.integers(utc("1990-01-01T00:00:00Z") // INTERVAL_MS, utc("2030-01-01T00:00:00Z") // INTERVAL_MS),
    st.integers(1, 40 * 96),
    st.sampled_from(Grain),
    st.sampled_from(Days),
)
def test_buckets_share_out_the_range_without_gap_or_overlap(
    zone_name: str, first: int, length: int, grain: Grain, days: Days
) -> None:
    zone = time_zone(zone_name)
    wanted = LocalRange(first * INTERVAL_MS, (first + length) * INTERVAL_MS, zone, days)
    units = list(buckets(wanted, grain))
    parts = [part for unit in units for part in unit.parts]
    assert all(earlier.end_ms <= later.start_ms for earlier, later in pairwise(parts))
    counted = sum(days.holds(local(at, zone).date()) for at in range(wanted.start_ms, wanted.end_ms, INTERVAL_MS))
    assert sum(unit.quarter_hours for unit in units) == counted
    assert [unit.start_ms for unit in units] == sorted({unit.start_ms for unit in units})
    for unit in units:
        assert unit.start_ms <= unit.parts[0].start_ms
        if grain is Grain.MONTH:
            assert len({local(part.start_ms, zone).date().replace(day=1) for part in unit.parts}) == 1


@settings(max_examples=200)
@given(st.sampled_from(ZONES), st.dates(date(1990, 1, 1), date(2030, 1, 1)))
def test_a_day_begins_when_its_date_does(zone_name: str, day: date) -> None:
    zone = time_zone(zone_name)
    start = midnight(day, zone)
    assert local(start, zone).date() >= day
    assert local(start - 1, zone).date() < day or local(start - DAY_MS, zone).date() < day

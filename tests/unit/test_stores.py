"""Business windows, and the fields of the files about stores."""

import pytest

from wattline.domain.instants import parse_instant
from wattline.domain.store_fields import closing_time, opening_time, weekday, zone_name
from wattline.domain.stores import ALWAYS_OPEN, DAY_S, Opening, Window, business_windows, timetable

NOON = 12 * 3600
NOW = parse_instant("2023-01-25T18:00:00Z")  # a Wednesday
NEW_YORK = "America/New_York"


def window(opens: str, closes: str) -> Window:
    return Window(parse_instant(f"{opens}Z"), parse_instant(f"{closes}Z"))


def test_windows_are_the_openings_of_the_week_before_now_in_utc() -> None:
    assert business_windows((Opening(0, 9 * 3600, NOON),), NEW_YORK, NOW) == [
        window("2023-01-23T14:00:00", "2023-01-23T17:00:00")
    ]


def test_a_window_that_the_week_cuts_is_whole_and_one_before_it_is_left_out() -> None:
    wednesdays = (Opening(2, 12 * 3600, 17 * 3600), Opening(2, 17 * 3600, 19 * 3600))
    assert business_windows(wednesdays, "UTC", NOW) == [
        window("2023-01-18T17:00:00", "2023-01-18T19:00:00"),
        window("2023-01-25T12:00:00", "2023-01-25T17:00:00"),
        window("2023-01-25T17:00:00", "2023-01-25T19:00:00"),
    ]


def test_a_chain_of_overlapping_windows_begins_on_the_local_day_of_nine_days_ago() -> None:
    chain = tuple(Opening(day, opens, opens) for day in range(7) for opens in (0, NOON))
    (found,) = business_windows(chain, NEW_YORK, NOW)
    assert found == window("2023-01-16T05:00:00", "2023-01-26T17:00:00")


def test_the_day_of_now_is_the_local_one() -> None:
    found = business_windows(ALWAYS_OPEN, "Pacific/Auckland", parse_instant("2023-01-25T12:00:00Z"))
    assert found[-1] == window("2023-01-25T11:00:00", "2023-01-26T11:00:00")


@pytest.mark.parametrize(
    ("zone", "now", "opening", "expected"),
    [
        (NEW_YORK, "2023-03-13T12:00:00Z", Opening(6, 5400, 12600), ("2023-03-12T06:30:00", "2023-03-12T07:30:00")),
        (NEW_YORK, "2023-03-13T12:00:00Z", Opening(6, 9000, 18000), ("2023-03-12T07:30:00", "2023-03-12T09:00:00")),
        (NEW_YORK, "2023-11-06T12:00:00Z", Opening(6, 5400, 7200), ("2023-11-05T05:30:00", "2023-11-05T07:00:00")),
        ("Australia/Lord_Howe", "2023-10-02T12:00:00Z", Opening(6, 7200, 10800),
         ("2023-09-30T15:30:00", "2023-09-30T16:00:00")),
    ],
)  # fmt: skip
def test_changes_of_the_clocks(zone: str, now: str, opening: Opening, expected: tuple[str, str]) -> None:
    assert business_windows((opening,), zone, parse_instant(now))[-1:] == [window(*expected)]


def test_equal_hours_in_one_zone_are_one_schedule_and_the_first_is_the_default() -> None:
    morning, evening = (Opening(0, 0, NOON),), (Opening(0, NOON, DAY_S),)
    hours = {"a": morning, "b": morning, "c": evening, "d": morning}
    table = timetable(hours, {"a": "UTC", "b": "UTC", "d": NEW_YORK, "e": "America/Chicago", "f": "UTC"}, NOW)
    schedule_of = table.schedule_of
    assert schedule_of["a"] == schedule_of["b"]
    assert len({schedule_of[store] for store in "acdef"}) == 5
    assert schedule_of["e"] == 0
    assert table.schedules[0] == business_windows(ALWAYS_OPEN, "America/Chicago", NOW)
    assert len(table.schedules) == 5


def test_fields_of_hours() -> None:
    assert [opening_time(text) for text in ("00:00:00", "09:30", " 23:59:59 ")] == [0, 34_200, 86_399]
    assert [closing_time(text) for text in ("23:59:59", "24:00:00", "23:59:00", "00:00:00")] == [
        DAY_S,
        DAY_S,
        86_340,
        0,
    ]
    assert [weekday(text) for text in ("0", " 6")] == [0, 6]
    assert zone_name(" America/Boise ") == "America/Boise"


@pytest.mark.parametrize("text", ["", "9:00:00", "24:00:01", "12:60:00", "12:00:60", "noon", "-1:00:00", "١٢:00:00"])
def test_times_of_day_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is"):
        closing_time(text)


def test_other_fields_that_are_none() -> None:
    for text in ("", "7", "-1", "1.0", "Monday"):
        with pytest.raises(ValueError, match="is"):
            weekday(text)
    for text in ("", "America", "Amerika/Chicago", "../etc/passwd", "america/chicago"):
        with pytest.raises(ValueError, match="is"):
            zone_name(text)
    with pytest.raises(ValueError, match="no start"):
        opening_time("24:00:00")

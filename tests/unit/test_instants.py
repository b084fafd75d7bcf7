from datetime import UTC, datetime

import pytest

from tests.factories import MIDNIGHT, at
from wattline.domain.instants import (
    INTERVAL_MS,
    MINUTE_MS,
    day_of,
    format_instant,
    interval_ceil,
    interval_floor,
    month_of,
    parse_instant,
    to_datetime,
    too_far_ahead,
)


@pytest.mark.parametrize(
    "text",
    [
        "2018-08-24T00:00:00Z",
        "2018-08-24T00:00:00z",
        "2018-08-24t00:00:00Z",
        "2018-08-24 00:00:00Z",
        "2018-08-24T00:00:00+00:00",
        "2018-08-24T00:00:00-00:00",
        "2018-08-24T02:00:00+02:00",
        "2018-08-23T18:30:00-05:30",
        "2018-08-24T00-00-00Z",
        "2018-08-24T02-00-00+02:00",
        "2018-08-24T00:00:00.000Z",
    ],
)
def test_every_way_to_write_an_instant_gives_the_same_instant(text: str) -> None:
    assert parse_instant(text) == MIDNIGHT


@pytest.mark.parametrize(
    ("fraction", "milliseconds"),
    [(".5", 500), (".05", 50), (".123", 123), (".1239", 123), (".999999999", 999), (".000999", 0)],
)
def test_fractions_beyond_a_millisecond_are_cut_off(fraction: str, milliseconds: int) -> None:
    assert parse_instant(f"2018-08-24T00:00:00{fraction}Z") == MIDNIGHT + milliseconds


def test_fractions_count_forward_before_1970_as_well() -> None:
    assert parse_instant("1969-12-31T23:59:59.250Z") == -750


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2018-08-24",
        "2018-08-24T00:00:00",
        "2018-08-24T00:00Z",
        "20180824T000000Z",
        "2018-8-24T00:00:00Z",
        "2018-08-24T00:00:00.Z",
        "2018-08-24T00:00:00+0200",
        "2018-08-24T00:00:00 Z",
        " 2018-08-24T00:00:00Z",
        "2018-08-24T00:00:00Z\n",
        "٢٠١٨-08-24T00:00:00Z",
        "1535068800",
        "yesterday",
    ],
)
def test_a_text_that_is_not_rfc_3339_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an RFC 3339 time .* like 2018-08-24T00:00:00Z"):
        parse_instant(text)


@pytest.mark.parametrize("other", [None, 1_535_068_800, 1.5, True, ["2018-08-24T00:00:00Z"], {}])
def test_what_is_not_a_text_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match="is not a text"):
        parse_instant(other)


@pytest.mark.parametrize(
    "text",
    [
        "2018-02-29T00:00:00Z",
        "2018-13-01T00:00:00Z",
        "2018-08-24T25:00:00Z",
        "2018-08-24T00:60:00Z",
        "2018-08-24T00:00:61Z",
        "2018-08-24T00:00:00+24:00",
        "0000-01-01T00:00:00Z",
    ],
)
def test_a_time_that_does_not_exist_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time that exists"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_an_offset_that_leads_out_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time that exists"):
        parse_instant(text)


def test_a_leap_day_exists_in_a_leap_year() -> None:
    assert day_of(parse_instant("2020-02-29T12:00:00Z")) == "2020-02-29"


def test_an_instant_is_written_with_milliseconds_only_where_there_are_any() -> None:
    assert format_instant(MIDNIGHT) == "2018-08-24T00:00:00Z"
    assert format_instant(MIDNIGHT + 7) == "2018-08-24T00:00:00.007Z"


@pytest.mark.parametrize("instant", [0, 1, -1, MIDNIGHT, MIDNIGHT + 999, 253_370_764_799_999])
def test_what_is_written_is_read_back(instant: int) -> None:
    assert parse_instant(format_instant(instant)) == instant


def test_an_instant_as_a_datetime_is_in_utc() -> None:
    assert to_datetime(MIDNIGHT + 1) == datetime(2018, 8, 24, 0, 0, 0, 1000, tzinfo=UTC)
    assert to_datetime(MIDNIGHT).tzinfo is UTC


def test_days_and_months_end_at_utc_midnight() -> None:
    midnight = parse_instant("2018-09-01T00:00:00Z")
    assert (day_of(midnight - 1), month_of(midnight - 1)) == ("2018-08-31", "2018-08-01")
    assert (day_of(midnight), month_of(midnight)) == ("2018-09-01", "2018-09-01")


def test_a_quarter_hour_holds_its_start_and_not_its_end() -> None:
    assert interval_floor(at(15)) == at(15)
    assert interval_floor(at(30) - 1) == at(15)
    assert interval_floor(at(30)) == at(30)


def test_the_next_quarter_hour_of_a_start_is_the_start_itself() -> None:
    assert interval_ceil(at(15)) == at(15)
    assert interval_ceil(at(15) + 1) == at(30)


def test_the_grid_reaches_back_before_1970() -> None:
    assert interval_floor(-1) == -INTERVAL_MS
    assert interval_ceil(-1) == 0


def test_a_clock_may_run_ten_minutes_ahead_and_no_millisecond_more() -> None:
    assert not too_far_ahead(MIDNIGHT + 10 * MINUTE_MS, MIDNIGHT)
    assert too_far_ahead(MIDNIGHT + 10 * MINUTE_MS + 1, MIDNIGHT)

"""How a post is judged: what is taken, what is rejected with which reason, and where its limits are."""

import math

import pytest

from tests.factories import MIDNIGHT, NEXT_DAY, at, energies, judged, nano, powers, when
from wattline.domain.energy import CAPACITY_NANO, Basis, split
from wattline.domain.energy_post import MISSING, RawItem, Units, infer_step, judge, reading_amount, reading_time
from wattline.domain.instants import INTERVAL_MS, MINUTE_MS, format_instant
from wattline.errors import FieldError, InvalidRequest, TooLarge

CAPACITY = 999_999_999
"""The largest whole kWh the column holds."""


def hourly(*values: object) -> list[RawItem]:
    """Items an hour apart from MIDNIGHT on."""
    return [(when(60 * index), value) for index, value in enumerate(values)]


def reasons(items: list[RawItem], units: Units = Units.KWH) -> dict[int, str]:
    """Why which items are rejected, beside a good one at the end of the day."""
    post = judged([*items, (when(1_380), 1)], units, interval_minutes=15)
    assert post.pieces[-1].interval_ms == at(1_380)
    return {rejection.index: rejection.reason for rejection in post.rejections}


def test_a_good_post_is_split_and_counted() -> None:
    post = judged(hourly(12, 26, 18))
    assert (post.step_ms, post.accepted, post.rejections) == (60 * MINUTE_MS, 3, [])
    assert post.pieces == split(energies({0: 12, 60: 26, 120: 18}), 60 * MINUTE_MS, Basis.ENERGY)
    assert (post.intervals, post.start_ms, post.end_ms) == (12, at(0), at(180))


def test_kw_is_taken_as_power() -> None:
    post = judged([(when(0), 22), (when(5), 24)], Units.KW)
    assert post.pieces == split(powers({0: 22, 5: 24}), 5 * MINUTE_MS, Basis.POWER)


def test_a_quarter_hour_of_several_pieces_is_counted_once() -> None:
    post = judged([(when(5), 1), (when(10), 1)])
    assert (len(post.pieces), post.intervals, post.start_ms, post.end_ms) == (2, 1, at(0), at(15))


def test_interval_minutes_decides_what_a_reading_covers() -> None:
    post = judged(hourly(1, 2), interval_minutes=30)
    assert post.step_ms == 30 * MINUTE_MS
    assert [piece.amount for piece in post.pieces] == [nano(0.5), nano(0.5), nano(1), nano(1)]


def test_the_times_of_rejected_values_count_for_the_step() -> None:
    post = judged([(when(0), 1), (when(5), "N/A"), (when(10), None), (when(60), 1)])
    assert post.step_ms == 5 * MINUTE_MS


def test_unreadable_times_do_not_count_for_the_step() -> None:
    post = judged([(when(0), 1), ("2018-08-24T00:05", 1), (when(60), 1), (when(120), 1)])
    assert post.step_ms == 60 * MINUTE_MS


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0, 0),
        (-0.0, 0),
        (3, nano(3)),
        (0.1, nano("0.1")),
        (1e-9, 1),
        ("26", nano(26)),
        (" 2.50 ", nano("2.5")),
        ("+.5", nano("0.5")),
        ("5.", nano(5)),
        ("1e3", nano(1_000)),
        ("12E-1", nano("1.2")),
        ("1e-9999", 0),
        (0.1 + 0.2, nano("0.3")),
        ("0.0000000004", 0),
        ("0.0000000005", 1),
        ("0.0000000025", 3),
        (CAPACITY, nano(CAPACITY)),
        ("999999999.999999999", CAPACITY_NANO),
    ],
)
def test_numbers_and_numeric_texts_are_rounded_half_up_to_a_nano_kwh(value: object, amount: int) -> None:
    assert reading_amount(value, Units.KWH) == amount


def test_a_power_is_held_as_the_energy_of_a_quarter_hour() -> None:
    assert reading_amount(22, Units.KW) == nano(5.5)
    assert reading_amount("0.000000002", Units.KW) == 1
    assert reading_amount(4 * CAPACITY, Units.KW) == nano(CAPACITY)


def test_a_text_with_many_digits_is_rounded_only_once() -> None:
    assert reading_amount("0.0000000014999999999999999999999999999999", Units.KWH) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "value: is null"),
        (MISSING, "value: is missing"),
        (True, "value: is a boolean"),
        (False, "value: is a boolean"),
        ("12,5", "value: is text that is not a number (a decimal point is a point)"),
        ("N/A", "value: is text that is not a number (a decimal point is a point)"),
        ("", "value: is text that is not a number (a decimal point is a point)"),
        (".", "value: is text that is not a number (a decimal point is a point)"),
        ("1_000", "value: is text that is not a number (a decimal point is a point)"),
        ("0x10", "value: is text that is not a number (a decimal point is a point)"),
        ("٣", "value: is text that is not a number (a decimal point is a point)"),
        ("NaN", "value: is text that is not a number (a decimal point is a point)"),
        ("Infinity", "value: is text that is not a number (a decimal point is a point)"),
        (math.nan, "value: is not a finite number"),
        (math.inf, "value: is not a finite number"),
        (-math.inf, "value: is not a finite number"),
        (-1, "value: is negative"),
        (-1e-12, "value: is negative"),
        ("-0.5", "value: is negative"),
        ("1e999", "value: is more than 999,999,999 kWh in a quarter hour, the most that can be stored"),
        (1e300, "value: is more than 999,999,999 kWh in a quarter hour, the most that can be stored"),
        (10**400, "value: is more than 999,999,999 kWh in a quarter hour, the most that can be stored"),
        (CAPACITY + 1, "value: is more than 999,999,999 kWh in a quarter hour, the most that can be stored"),
        ([1], "value: is not a number"),
        ({"kWh": 1}, "value: is not a number"),
    ],
)
def test_a_bad_value_is_rejected_with_its_reason_and_the_good_ones_stay(value: object, reason: str) -> None:
    post = judged(hourly(1, value, 2), interval_minutes=15)
    assert [(each.index, each.reason, each.datetime) for each in post.rejections] == [(1, reason, when(60))]
    assert post.rejections[0].value is value
    assert post.accepted == 2
    assert post.pieces == split(energies({0: 1, 120: 2}), INTERVAL_MS, Basis.ENERGY)


def test_a_power_over_capacity_is_rejected() -> None:
    assert list(reasons([(when(0), 4 * CAPACITY + 4), (when(60), 4 * CAPACITY)], units=Units.KW)) == [0]


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (MISSING, "datetime: is missing"),
        (None, "datetime: is missing"),
        (MIDNIGHT, "datetime: is not a text like 2018-08-24T00:00:00Z"),
        (True, "datetime: is not a text like 2018-08-24T00:00:00Z"),
        (
            "2018-08-24 00:00",
            "datetime: is not an RFC 3339 time with Z or an offset, like 2018-08-24T00:00:00Z",
        ),
        ("2018-02-30T00:00:00Z", "datetime: is not a time that exists: day is out of range for month"),
        ("1969-12-31T23:59:59.999Z", "datetime: lies before 1970, where the history begins"),
        ("9998-12-31T23:59:59Z", "datetime: lies more than 10 minutes ahead"),
    ],
)
def test_a_bad_time_is_rejected_with_its_reason(time: object, reason: str) -> None:
    assert reasons([(time, 1)]) == {0: reason}


def test_the_first_moment_of_1970_is_good() -> None:
    assert reading_time("1970-01-01T00:00:00Z", NEXT_DAY) == 0


def test_a_time_more_than_ten_minutes_ahead_is_rejected() -> None:
    items: list[RawItem] = [(format_instant(at(10)), 1), (format_instant(at(10) + 1), 1)]
    post = judge(items, Units.KWH, 15, MIDNIGHT)
    assert [(each.index, each.reason) for each in post.rejections] == [(1, "datetime: lies more than 10 minutes ahead")]


def test_of_two_good_values_for_one_time_the_later_one_is_kept_and_the_earlier_reported() -> None:
    post = judged([(when(0), 1), ("2018-08-24T02:00:00+02:00", 2), (when(15), 3)])
    assert [piece.amount for piece in post.pieces] == [nano(2), nano(3)]
    assert post.accepted == 2
    [rejection] = post.rejections
    assert (rejection.index, rejection.reason) == (0, "datetime: given again by item 1; the later one is kept")
    assert (rejection.datetime, rejection.value) == (when(0), 1)


def test_of_three_values_for_one_time_two_are_reported_each_by_the_next() -> None:
    post = judged([(when(0), 1), (when(0), 2), (when(0), 3)])
    assert [piece.amount for piece in post.pieces] == [nano(3)]
    assert [(each.index, each.reason.split(";")[0]) for each in post.rejections] == [
        (0, "datetime: given again by item 1"),
        (1, "datetime: given again by item 2"),
    ]


def test_a_bad_later_duplicate_does_not_displace_a_good_earlier_one() -> None:
    post = judged([(when(0), 1), (when(0), "N/A")])
    assert [piece.amount for piece in post.pieces] == [nano(1)]
    assert [rejection.index for rejection in post.rejections] == [1]


def test_a_good_duplicate_follows_a_bad_one_without_a_word() -> None:
    post = judged([(when(0), None), (when(0), 2)])
    assert [piece.amount for piece in post.pieces] == [nano(2)]
    assert [(each.index, each.reason) for each in post.rejections] == [(0, "value: is null")]


def test_rejections_come_in_the_order_of_the_items() -> None:
    items: list[RawItem] = [(when(0), 1), (when(60), None), (when(0), 2), ("never", 1)]
    assert [rejection.index for rejection in judged(items, interval_minutes=15).rejections] == [0, 1, 3]


def test_readings_that_together_overfill_a_quarter_hour_are_rejected_and_no_others() -> None:
    items = [(when(minute), CAPACITY) for minute in (0, 5, 10)]
    post = judged([*items, (when(-5), CAPACITY), (when(15), CAPACITY), (when(60), 1)], interval_minutes=5)
    reason = "value: together with others it gives a quarter hour more than 999,999,999 kWh"
    assert [(each.index, each.reason, each.value) for each in post.rejections] == [
        (index, reason, CAPACITY) for index in range(3)
    ]
    assert post.accepted == 3
    assert post.pieces == split(energies({-5: CAPACITY, 15: CAPACITY, 60: 1}), 5 * MINUTE_MS, Basis.ENERGY)


def test_what_readings_that_overfill_a_quarter_hour_say_about_others_goes_with_them() -> None:
    post = judged([(when(10), CAPACITY), (when(15), CAPACITY), (when(60), CAPACITY)], interval_minutes=20)
    assert [rejection.index for rejection in post.rejections] == [0, 1]  # both reach beyond 00:15 to 00:30
    assert post.pieces == split(energies({60: CAPACITY}), 20 * MINUTE_MS, Basis.ENERGY)


def test_a_post_whose_readings_all_overfill_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no reading of the post is good") as refusal:
        judged([(when(0), CAPACITY), (when(5), CAPACITY), (when(10), CAPACITY)])
    assert [error.index for error in refusal.value.errors] == [0, 1, 2]


def test_exactly_the_capacity_fits() -> None:
    post = judged([(when(0), "999999999.999999998"), (when(5), 0), (when(10), "0.000000001")])
    assert [piece.amount for piece in post.pieces] == [CAPACITY_NANO]


def test_an_empty_post_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        judged([])
    assert refusal.value.errors == (FieldError("data", "has no readings; send at least one"),)


def test_a_post_without_a_good_reading_is_refused_with_the_reason_of_each() -> None:
    with pytest.raises(InvalidRequest, match="no reading of the post is good") as refusal:
        judged([(when(0), None), ("never", 1), (MISSING, MISSING)])
    assert refusal.value.errors == (
        FieldError("data", "value: is null", 0),
        FieldError("data", "datetime: is not an RFC 3339 time with Z or an offset, like 2018-08-24T00:00:00Z", 1),
        FieldError("data", "datetime: is missing", 2),
    )


def test_75_000_readings_are_taken_and_one_more_names_the_file_drop() -> None:
    items: list[RawItem] = [(when(-minute), 1) for minute in range(1, 75_001)]
    assert judged(items).accepted == 75_000
    with pytest.raises(TooLarge, match=r"at most 75,000 readings and this one has 75,001; .*file drop.*drops/energy/"):
        judged([*items, (when(-1), None)])


def test_5_000_quarter_hours_are_taken_and_one_more_names_the_file_drop() -> None:
    items: list[RawItem] = [(when(-15 * n), 1) for n in range(5_000)]
    assert judged(items).intervals == 5_000
    with pytest.raises(TooLarge, match=r"at most 5,000 quarter hours .* covers 5,001; .*file drop.*drops/energy/"):
        judged([*items, (when(15), 1)])


def test_a_quarter_hour_counts_once_towards_the_limit_however_many_readings_reach_it() -> None:
    days: list[RawItem] = [(when(-1_440 * n), 1) for n in range(52)]
    again: list[RawItem] = [(when(-1_440 * n - 720), 1) for n in range(51)]
    assert judged([*days, *again], interval_minutes=1_440).intervals == 52 * 96


def test_the_time_between_readings_does_not_count_towards_the_limit() -> None:
    assert judged([(when(-20 * 365 * 1_440), 1), (when(0), 1)], interval_minutes=15).intervals == 2


def test_rejected_readings_do_not_count_towards_the_limit() -> None:
    items: list[RawItem] = [(when(-15 * n), 1) for n in range(5_000)]
    assert judged([*items, (when(15), None)]).intervals == 5_000


def test_an_hour_off_the_grid_touches_five_quarter_hours() -> None:
    assert judged([(when(5), 1)], interval_minutes=60).intervals == 5


@pytest.mark.parametrize(
    ("minutes", "step"),
    [
        ([0], 15),
        ([0, 0], 15),
        ([0, 60], 60),
        ([0, 5, 10, 60, 120], 5),
        ([0, 60, 5], 5),
        ([0, 60, 65, 125, 130], 5),
        ([0, 60, 65, 125], 60),
        ([0, 1_440], 1_440),
        ([0, 3_000, 3_001, 6_000, 6_001], 1),
    ],
)
def test_the_step_is_the_most_frequent_spacing_and_of_equals_the_smaller(minutes: list[int], step: int) -> None:
    assert infer_step(map(at, minutes)) == step * MINUTE_MS


def test_a_step_over_a_day_asks_for_interval_minutes() -> None:
    with pytest.raises(InvalidRequest, match=r"2880 minutes apart, over 1440; say with interval_minutes") as refusal:
        infer_step([at(0), at(2_880), at(5_760)])
    assert [error.field for error in refusal.value.errors] == ["interval_minutes"]
    with pytest.raises(InvalidRequest):
        infer_step([at(0), at(1_440) + 1])


def test_sparse_readings_are_taken_with_interval_minutes() -> None:
    items: list[RawItem] = [(when(-5_000), 1), (when(0), 1)]
    with pytest.raises(InvalidRequest, match="interval_minutes"):
        judged(items)
    assert judged(items, interval_minutes=15).accepted == 2

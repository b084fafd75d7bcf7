"""A range as a reader sees it: qualities, and the four ways to fill a gap."""

import pytest

from tests.factories import at, nano
from wattline.domain.energy import IntervalEnergy
from wattline.domain.energy_series import LINEAR_REACH_MS, Fill, Point, Quality, series
from wattline.domain.instants import INTERVAL_MS, MINUTE_MS


def whole(minute: int, kwh: float) -> IntervalEnergy:
    """A quarter hour that was measured throughout."""
    return IntervalEnergy(at(minute), nano(kwh), INTERVAL_MS)


def kwh(points: list[Point]) -> list[float | None]:
    return [None if point.amount is None else point.amount / 1e9 for point in points]


def qualities(points: list[Point]) -> list[Quality]:
    return [point.quality for point in points]


ESTIMATED, MEASURED, MISSING, PARTIAL = Quality.ESTIMATED, Quality.MEASURED, Quality.MISSING, Quality.PARTIAL


def test_without_a_fill_only_quarter_hours_with_data_are_told() -> None:
    points = series([whole(45, 4), whole(0, 1)], at(0), at(60), Fill.NONE)
    assert points == [
        Point(at(0), nano(1), 1.0, MEASURED),
        Point(at(45), nano(4), 1.0, MEASURED),
    ]


@pytest.mark.parametrize("fill", Fill)
def test_a_quarter_hour_measured_in_part_says_so(fill: Fill) -> None:
    third = IntervalEnergy(at(0), nano(2), 5 * MINUTE_MS)
    assert series([third], at(0), at(15), fill) == [Point(at(0), nano(2), 1 / 3, PARTIAL)]


def test_a_millisecond_short_of_the_whole_is_a_part() -> None:
    assert qualities(series([IntervalEnergy(at(0), 1, INTERVAL_MS - 1)], at(0), at(15), Fill.NONE)) == [PARTIAL]


@pytest.mark.parametrize("fill", Fill)
def test_a_range_includes_its_start_and_not_its_end(fill: Fill) -> None:
    points = series([whole(minute, minute) for minute in (0, 15, 30, 45)], at(15), at(45), fill)
    assert [point.interval_ms for point in points] == [at(15), at(30)]


@pytest.mark.parametrize("fill", Fill)
def test_a_quarter_hour_belongs_to_a_range_by_its_start(fill: Fill) -> None:
    points = series([whole(minute, minute) for minute in (0, 15, 30)], at(1), at(16), fill)
    assert [point.interval_ms for point in points] == [at(15)]


def test_null_tells_every_quarter_hour_of_the_range() -> None:
    points = series([whole(15, 1)], at(0), at(45), Fill.NULL)
    assert points == [
        Point(at(0), None, 0.0, MISSING),
        Point(at(15), nano(1), 1.0, MEASURED),
        Point(at(30), None, 0.0, MISSING),
    ]


def test_zero_fills_with_zero_and_still_says_missing() -> None:
    points = series([whole(15, 1)], at(0), at(30), Fill.ZERO)
    assert points == [Point(at(0), 0, 0.0, MISSING), Point(at(15), nano(1), 1.0, MEASURED)]


@pytest.mark.parametrize(("fill", "value"), [(Fill.NULL, None), (Fill.ZERO, 0), (Fill.LINEAR, None)])
def test_a_range_without_data_is_all_missing(fill: Fill, value: int | None) -> None:
    points = series([], at(0), at(30), fill)
    assert points == [Point(at(0), value, 0.0, MISSING), Point(at(15), value, 0.0, MISSING)]


def test_a_measured_zero_is_not_missing() -> None:
    assert qualities(series([whole(0, 0)], at(0), at(15), Fill.ZERO)) == [MEASURED]


def test_linear_fills_a_gap_on_the_straight_line_between_its_neighbours() -> None:
    points = series([whole(0, 1), whole(60, 9)], at(0), at(75), Fill.LINEAR)
    assert kwh(points) == [1, 3, 5, 7, 9]
    assert qualities(points) == [MEASURED, ESTIMATED, ESTIMATED, ESTIMATED, MEASURED]
    assert [point.coverage for point in points] == [1, 0, 0, 0, 1]


def test_linear_falls_as_well_as_it_rises() -> None:
    assert kwh(series([whole(0, 9), whole(45, 0)], at(0), at(60), Fill.LINEAR)) == [9, 6, 3, 0]


def test_linear_leans_on_a_neighbour_measured_in_part() -> None:
    neighbours = [whole(0, 1), IntervalEnergy(at(30), nano(2), 5 * MINUTE_MS)]
    assert kwh(series(neighbours, at(0), at(45), Fill.LINEAR)) == [1, 1.5, 2]


def test_linear_fills_a_gap_of_two_hours() -> None:
    points = series([whole(0, 0), whole(135, 9)], at(0), at(150), Fill.LINEAR)
    assert kwh(points) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_linear_leaves_a_gap_of_more_than_two_hours_missing() -> None:
    points = series([whole(0, 0), whole(150, 9)], at(0), at(165), Fill.LINEAR)
    assert qualities(points) == [MEASURED, *[MISSING] * 9, MEASURED]
    assert kwh(points)[1:-1] == [None] * 9


def test_linear_judges_each_gap_for_itself() -> None:
    points = series([whole(0, 0), whole(30, 2), whole(180, 3), whole(210, 5)], at(0), at(225), Fill.LINEAR)
    assert qualities(points) == [
        *(MEASURED, ESTIMATED, MEASURED),
        *[MISSING] * 9,
        *(MEASURED, ESTIMATED, MEASURED),
    ]


def test_linear_does_not_reach_beyond_what_is_known() -> None:
    points = series([whole(15, 1), whole(45, 3)], at(0), at(75), Fill.LINEAR)
    assert qualities(points) == [MISSING, MEASURED, ESTIMATED, MEASURED, MISSING]


def test_a_gap_at_the_edge_is_filled_from_neighbours_outside_the_range() -> None:
    neighbours = [whole(0, 0), whole(135, 9)]
    assert kwh(series(neighbours, at(30), at(60), Fill.LINEAR)) == [2, 3]


def test_where_a_page_is_cut_does_not_change_what_is_filled() -> None:
    known = [whole(minute, kwh) for minute, kwh in ((0, 1), (30, 5), (150, 2), (300, 8), (420, 0))]
    everything = series(known, at(0), at(435), Fill.LINEAR)
    for cut in range(0, 435, 15):
        near = [each for each in known if at(cut) - LINEAR_REACH_MS <= each.interval_ms]
        far = [each for each in known if each.interval_ms < at(cut) + LINEAR_REACH_MS]
        pages = series(far, at(0), at(cut), Fill.LINEAR) + series(near, at(cut), at(435), Fill.LINEAR)
        assert pages == everything


def test_linear_between_equal_neighbours_is_that_value_exactly() -> None:
    value = "10000000.000000001"
    neighbours = [IntervalEnergy(at(minute), nano(value), INTERVAL_MS) for minute in (0, 30)]
    assert [point.amount for point in series(neighbours, at(0), at(45), Fill.LINEAR)] == [nano(value)] * 3

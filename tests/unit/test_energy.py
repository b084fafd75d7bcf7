"""Worked examples of how a post is split at the quarter hours and how statements fold into a value."""

from itertools import permutations

import pytest

from tests.factories import at, folded, kw_posted, kwh_posted, nano
from wattline.domain.energy import (
    Basis,
    IntervalEnergy,
    Piece,
    Reading,
    Statement,
    fold,
    fold_intervals,
    intervals_of,
    split,
)
from wattline.domain.instants import INTERVAL_MS, MINUTE_MS

HOUR = 60 * MINUTE_MS


def values(intervals: list[IntervalEnergy]) -> list[float]:
    return [interval.amount / 1e9 for interval in intervals]


def minutes_covered(intervals: list[IntervalEnergy]) -> list[float]:
    return [interval.covered_ms / MINUTE_MS for interval in intervals]


def test_hourly_energy_spreads_evenly_over_its_quarter_hours() -> None:
    intervals = folded(kwh_posted({0: 12, 60: 26, 120: 18}, step=60))
    assert values(intervals) == [3, 3, 3, 3, 6.5, 6.5, 6.5, 6.5, 4.5, 4.5, 4.5, 4.5]
    assert [interval.interval_ms for interval in intervals] == [at(15 * n) for n in range(12)]


def test_five_minute_powers_become_the_energy_of_their_mean() -> None:
    powers = [22, 24, 23, 18, 22, 23, 8]
    intervals = folded(kw_posted({5 * n: kw for n, kw in enumerate(powers)}, step=5))
    assert values(intervals) == [5.75, 5.25, 2.0]
    assert [interval.coverage for interval in intervals] == [1, 1, pytest.approx(1 / 3)]


def test_quarter_hours_stay_as_they_are() -> None:
    assert values(folded(kwh_posted({0: 2, 15: 5, 30: 2, 45: 6}, step=15))) == [2, 5, 2, 6]


def test_three_five_minute_powers_of_1_4_and_1_kw_are_half_a_kwh() -> None:
    assert folded(kw_posted({0: 1, 5: 4, 10: 1}, step=5)) == [IntervalEnergy(at(0), nano(0.5), INTERVAL_MS)]


def test_five_minute_energies_add_up_to_their_quarter_hour() -> None:
    assert values(folded(kwh_posted({0: 1, 5: 4, 10: 1}, step=5))) == [6]


def test_a_quarter_hour_that_a_post_covers_whole_is_one_piece() -> None:
    for basis in Basis:
        pieces = split([Reading(at(5 * n), nano(n)) for n in range(3)], 5 * MINUTE_MS, basis)
        assert [(piece.offset_ms, piece.length_ms) for piece in pieces] == [(0, INTERVAL_MS)]


def test_a_quarter_hour_that_a_post_covers_in_part_is_a_piece_a_stretch() -> None:
    pieces = split([Reading(at(20), nano(1)), Reading(at(25), nano(2))], 5 * MINUTE_MS, Basis.ENERGY)
    assert pieces == [
        Piece(at(15), 5 * MINUTE_MS, 5 * MINUTE_MS, nano(1), Basis.ENERGY),
        Piece(at(15), 10 * MINUTE_MS, 5 * MINUTE_MS, nano(2), Basis.ENERGY),
    ]


def test_a_reading_across_a_quarter_hour_is_cut_there() -> None:
    reading = Reading(at(10), nano(3))
    assert split([reading], 15 * MINUTE_MS, Basis.ENERGY) == [
        Piece(at(0), 10 * MINUTE_MS, 5 * MINUTE_MS, nano(1), Basis.ENERGY),
        Piece(at(15), 0, 10 * MINUTE_MS, nano(2), Basis.ENERGY),
    ]
    assert [piece.amount for piece in split([reading], 15 * MINUTE_MS, Basis.POWER)] == [nano(3), nano(3)]


def test_pieces_come_in_time_order_whatever_order_the_readings_have() -> None:
    readings = [Reading(at(minute), nano(1)) for minute in (40, 0, 20)]
    starts = [piece.interval_ms + piece.offset_ms for piece in split(readings, 5 * MINUTE_MS, Basis.ENERGY)]
    assert starts == [at(0), at(20), at(40)]


def test_no_readings_give_no_pieces() -> None:
    assert split([], INTERVAL_MS, Basis.ENERGY) == []
    assert split([], INTERVAL_MS, Basis.POWER) == []


def test_a_gap_between_readings_is_not_covered() -> None:
    intervals = folded(kwh_posted({0: 1, 60: 2}, step=15))
    assert [(interval.interval_ms, interval.amount) for interval in intervals] == [(at(0), nano(1)), (at(60), nano(2))]


def test_overlapping_energies_of_one_post_add_up() -> None:
    intervals = folded(kwh_posted({0: 30, 15: 60}, step=30))
    assert values(intervals) == [15, 15 + 30, 30]


def test_overlapping_powers_of_one_post_average() -> None:
    intervals = folded(kw_posted({0: 4, 15: 8}, step=30))
    assert values(intervals) == [1, 1.5, 2]


def test_the_mean_of_overlapping_powers_is_rounded_once() -> None:
    readings = [Reading(at(0), 0), Reading(at(5), 1), Reading(at(10), 0)]
    first = split(readings, 10 * MINUTE_MS, Basis.POWER)[0]
    assert first.amount == 0  # a third: five minutes each of 0, 1/2 and 1/2, which rounded alone would be 0, 1 and 1


def test_what_cannot_be_divided_evenly_still_sums_to_the_reading() -> None:
    pieces = split([Reading(at(0), 10)], HOUR, Basis.ENERGY)
    assert [piece.amount for piece in pieces] == [3, 2, 3, 2]  # half up, cumulatively: 2.5, 5, 7.5, 10


def test_a_later_post_replaces_what_it_covers() -> None:
    first, correction = kwh_posted({0: 10}, step=15), kwh_posted({0: 4}, step=15, received=1)
    assert values(folded(first, correction)) == [4]


def test_the_rest_of_an_earlier_piece_keeps_its_even_share() -> None:
    first, correction = kwh_posted({0: 15}, step=15), kwh_posted({5: 1}, step=5, received=1)
    assert values(folded(first, correction)) == [5 + 1 + 5]


def test_a_quarter_hour_stored_whole_is_even_whatever_its_readings_were() -> None:
    first, correction = kwh_posted({0: 9, 5: 0, 10: 0}, step=5), kwh_posted({0: 1}, step=5, received=1)
    assert values(folded(first, correction)) == [1 + 6]


def test_a_power_corrected_in_part_is_the_mean_over_time() -> None:
    first, correction = kw_posted({0: 4}, step=15), kw_posted({0: 16}, step=5, received=1)
    assert values(folded(first, correction)) == [(16 * 5 + 4 * 10) / 15 * 0.25]


def test_power_over_a_part_of_energy_adds_what_it_measured() -> None:
    first, correction = kwh_posted({0: 15}, step=15), kw_posted({0: 12}, step=5, received=1)
    assert values(folded(first, correction)) == [12 * 5 / 60 + 10]


def test_energy_over_a_part_of_power_adds_to_the_rest() -> None:
    first, correction = kw_posted({0: 12}, step=15), kwh_posted({0: 7}, step=5, received=1)
    assert values(folded(first, correction)) == [7 + 12 * 10 / 60]


def test_power_in_a_quarter_hour_with_energy_elsewhere_counts_only_its_time() -> None:
    intervals = folded(kwh_posted({0: 1}, step=5), kw_posted({10: 12}, step=5, received=1))
    assert values(intervals) == [1 + 12 * 5 / 60]
    assert minutes_covered(intervals) == [10]


def test_energy_that_is_wholly_replaced_no_longer_makes_the_quarter_hour_a_sum() -> None:
    first, correction = kwh_posted({0: 1}, step=5), kw_posted({0: 12}, step=5, received=1)
    assert values(folded(first, correction)) == [12 / 4]
    assert minutes_covered(folded(first, correction)) == [5]


def test_a_correction_may_punch_a_hole_into_a_piece_and_another_fill_half_of_it() -> None:
    posts = [
        kwh_posted({0: 15}, step=15),
        kwh_posted({3: 90}, step=9, received=1),
        kwh_posted({6: 600}, step=3, received=2),
    ]
    assert values(folded(*posts)) == [3 + 30 + 600 + 30 + 3]


def test_statements_may_come_in_any_order_and_the_newest_still_wins() -> None:
    posts = [kwh_posted({0: kwh}, step=step, received=kwh) for kwh, step in ((1, 15), (2, 10), (3, 5))]
    for shuffled in permutations(posts):
        assert fold(said for post in shuffled for said in post) == fold(said for post in posts for said in post)


def test_the_sequence_decides_between_statements_of_one_millisecond() -> None:
    def stated(amount: int, received_ms: int, seq: int) -> Statement:
        return Statement(Piece(at(0), 0, INTERVAL_MS, amount, Basis.ENERGY), received_ms, seq)

    for said in permutations([stated(1, 7, 2), stated(2, 7, 1), stated(3, 6, 9)]):
        assert fold(said).amount == 1


def test_the_same_statement_from_hot_and_history_counts_once() -> None:
    post = kwh_posted({0: 1, 5: 2}, step=5)
    assert fold_intervals([*post, *post]) == fold_intervals(post)


def test_coverage_is_the_measured_share_of_the_quarter_hour() -> None:
    assert [interval.coverage for interval in folded(kwh_posted({0: 1, 20: 1}, step=3))] == [0.2, 0.2]


def test_a_millisecond_is_the_shortest_piece() -> None:
    pieces = split([Reading(at(15) - 1, 2)], 2, Basis.ENERGY)
    assert pieces == [
        Piece(at(0), INTERVAL_MS - 1, 1, 1, Basis.ENERGY),
        Piece(at(15), 0, 1, 1, Basis.ENERGY),
    ]


def test_the_quarter_hours_of_a_range_begin_inside_it() -> None:
    assert list(intervals_of(at(0), at(30))) == [at(0), at(15)]
    assert list(intervals_of(at(0) + 1, at(30) + 1)) == [at(15), at(30)]
    assert list(intervals_of(at(1), at(15))) == []

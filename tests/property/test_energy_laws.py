"""The laws of energy by quarter hours, over posts of any step and alignment.

The last section holds `split` and `fold` to a slow model that counts minute by minute in exact fractions. It
shares nothing with the product but the data classes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import MIDNIGHT, NEXT_DAY, folded, statements
from wattline.domain.energy import Basis, IntervalEnergy, Reading, Statement
from wattline.domain.energy_post import RawItem, Units, infer_step, judge
from wattline.domain.instants import format_instant
from wattline.errors import InvalidRequest

MINUTE = 60_000
QUARTER = 15 * MINUTE

laws = settings(max_examples=150)


@dataclass(frozen=True)
class Post:
    """Readings by time (milliseconds after MIDNIGHT) with amounts in nano-kWh, each covering `step`."""

    basis: Basis
    step: int
    amounts: dict[int, int]

    @property
    def readings(self) -> list[Reading]:
        return [Reading(MIDNIGHT + time, amount) for time, amount in self.amounts.items()]

    def covers(self, time: int) -> bool:
        return any(start <= time < start + self.step for start in self.amounts)


AMOUNTS = st.integers(0, 40) | st.integers(0, 10**13)
BASES = st.sampled_from(Basis)
STEPS = st.sampled_from([1, 5, 7, 15, 20, 60]).map(lambda minutes: minutes * MINUTE) | st.integers(1, 90 * MINUTE)
"""In milliseconds: the usual ones, and any."""

MINUTE_STEPS = st.sampled_from([1, 2, 3, 5, 10, 15, 20, 30, 60]) | st.integers(1, 80)


@st.composite
def posts(draw: st.DrawFn, basis: st.SearchStrategy[Basis] = BASES) -> Post:
    """Any post; spans may overlap, leave gaps and lie across quarter hours."""
    amounts = draw(st.dictionaries(st.integers(0, 4 * QUARTER), AMOUNTS, min_size=1, max_size=8))
    return Post(draw(basis), draw(STEPS), amounts)


@st.composite
def posts_by_the_minute(draw: st.DrawFn) -> Post:
    """Any post whose times are whole minutes."""
    minutes = draw(st.dictionaries(st.integers(0, 50), AMOUNTS, min_size=1, max_size=8))
    amounts = {minute * MINUTE: amount for minute, amount in minutes.items()}
    return Post(draw(BASES), draw(MINUTE_STEPS) * MINUTE, amounts)


@st.composite
def series_of_readings(draw: st.DrawFn) -> Post:
    """A post whose spans do not overlap: regular for the most part, with gaps."""
    basis, step = draw(BASES), draw(MINUTE_STEPS) * MINUTE
    start = draw(st.sampled_from([0, 5 * MINUTE]) | st.integers(0, QUARTER))
    gaps = draw(st.lists(st.just(0) | st.integers(0, QUARTER), max_size=12))
    times = accumulate((step + gap for gap in gaps), initial=start)
    return Post(basis, step, {time: draw(AMOUNTS) for time in times})


@st.composite
def disjoint_posts(draw: st.DrawFn) -> tuple[Post, Post]:
    """Two posts that alternate along the time and never overlap, each other or themselves."""
    pair = [Post(draw(BASES), draw(STEPS), {}) for _ in range(2)]
    owners = draw(st.lists(st.integers(0, 1), min_size=2, max_size=8).filter(lambda each: len(set(each)) == 2))
    time = draw(st.integers(0, QUARTER))
    for owner in owners:
        time += draw(st.just(0) | st.integers(0, QUARTER))
        pair[owner].amounts[time] = draw(AMOUNTS)
        time += pair[owner].step
    return pair[0], pair[1]


def said(*in_order: Post) -> list[Statement]:
    """The statements of posts received one after the other."""
    return [
        each
        for received, post in enumerate(in_order)
        for each in statements(post.readings, post.step, post.basis, received)
    ]


def after(*in_order: Post) -> list[IntervalEnergy]:
    """The quarter hours as a reader finds them when the posts have been received."""
    return folded(said(*in_order))


@laws
@given(posts(st.just(Basis.ENERGY)))
def test_all_kwh_that_go_in_come_out_exactly(post: Post) -> None:
    assert sum(interval.amount for interval in after(post)) == sum(post.amounts.values())


@laws
@given(series_of_readings())
def test_value_times_coverage_is_the_energy_that_was_measured(post: Post) -> None:
    post = Post(Basis.POWER, post.step, post.amounts)
    intervals = after(post)
    measured = Fraction(sum(post.amounts.values()) * post.step, QUARTER)
    told = Fraction(sum(interval.amount * interval.covered_ms for interval in intervals), QUARTER)
    # each quarter hour's mean is rounded by half a nano-kWh at most, and times a coverage of 1 at most
    assert abs(told - measured) <= Fraction(len(intervals), 2)


@laws
@given(posts(st.just(Basis.POWER)))
def test_an_average_lies_between_the_powers_it_averages(post: Post) -> None:
    for interval in after(post):
        assert min(post.amounts.values()) <= interval.amount <= max(post.amounts.values())


@laws
@given(st.lists(posts(), min_size=1, max_size=4))
def test_what_is_covered_is_what_any_post_covers(in_order: list[Post]) -> None:
    edges = sorted({edge for post in in_order for time in post.amounts for edge in (time, time + post.step)})
    covered = sum(end - start for start, end in pairwise(edges) if any(post.covers(start) for post in in_order))
    intervals = after(*in_order)
    assert sum(interval.covered_ms for interval in intervals) == covered
    assert all(0 < interval.covered_ms <= QUARTER for interval in intervals)


@laws
@given(posts(), st.none() | st.integers(1, 90), st.data())
def test_the_order_of_items_inside_a_post_is_irrelevant(
    post: Post, interval_minutes: int | None, data: st.DataObject
) -> None:
    items: list[RawItem] = [(format_instant(MIDNIGHT + time), f"{kwh}e-9") for time, kwh in post.amounts.items()]
    items.append((format_instant(MIDNIGHT + QUARTER), None))
    shuffled = data.draw(st.permutations(items))
    units = Units.KW if post.basis is Basis.POWER else Units.KWH
    one, other = (judge(each, units, interval_minutes, NEXT_DAY) for each in (items, shuffled))
    assert one.pieces == other.pieces
    assert (one.step_ms, one.accepted) == (other.step_ms, other.accepted)


@laws
@given(st.lists(posts(), min_size=1, max_size=4), st.data())
def test_the_order_in_which_statements_are_found_is_irrelevant(in_order: list[Post], data: st.DataObject) -> None:
    found = said(*in_order)
    assert folded(data.draw(st.permutations(found))) == folded(found)


@laws
@given(st.lists(posts(), max_size=2), disjoint_posts(), st.lists(posts(), max_size=1))
def test_posts_about_disjoint_times_commute(earlier: list[Post], pair: tuple[Post, Post], later: list[Post]) -> None:
    one, other = pair
    assert after(*earlier, one, other, *later) == after(*earlier, other, one, *later)


@laws
@given(series_of_readings(), st.data())
def test_a_series_split_into_posts_equals_one_post(series: Post, data: st.DataObject) -> None:
    units = Units.KW if series.basis is Basis.POWER else Units.KWH
    step_minutes = series.step // MINUTE
    parts: dict[int, list[RawItem]] = {}
    for time, value in series.amounts.items():
        part = data.draw(st.integers(0, 3))
        parts.setdefault(part, []).append((format_instant(MIDNIGHT + time), f"{value}e-9"))

    def post(items: Iterable[RawItem], received: int) -> list[Statement]:
        pieces = judge(items, units, step_minutes, NEXT_DAY).pieces
        return [Statement(piece, received, 0) for piece in pieces]

    at_once = post([item for items in parts.values() for item in items], 0)
    in_parts = [post(parts[part], part) for part in parts]
    assert folded(*in_parts) == folded(at_once)


@laws
@given(st.lists(posts(), min_size=1, max_size=4), st.data())
def test_an_immediate_repeat_of_a_post_changes_nothing(in_order: list[Post], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(in_order) - 1))
    repeated = [*in_order[: place + 1], *in_order[place:]]
    assert after(*repeated) == after(*in_order)


@laws
@given(st.lists(posts(), min_size=1, max_size=3), posts())
def test_a_later_post_leaves_other_quarter_hours_as_they_were(earlier: list[Post], later: Post) -> None:
    touched = {interval.interval_ms for interval in after(later)}
    before = [interval for interval in after(*earlier) if interval.interval_ms not in touched]
    assert [interval for interval in after(*earlier, later) if interval.interval_ms not in touched] == before


@laws
@given(st.lists(posts(), max_size=3), posts())
def test_a_later_post_holds_wherever_it_covers_a_quarter_hour_whole(earlier: list[Post], later: Post) -> None:
    whole = [interval for interval in after(later) if interval.covered_ms == QUARTER]
    assert set(whole) <= set(after(*earlier, later))


@laws
@given(AMOUNTS, STEPS, AMOUNTS, STEPS, st.integers(0, 2 * QUARTER))
def test_a_later_reading_takes_from_an_earlier_one_only_the_share_it_covers(
    first: int, first_step: int, second: int, second_step: int, shift: int
) -> None:
    intervals = after(Post(Basis.ENERGY, first_step, {0: first}), Post(Basis.ENERGY, second_step, {shift: second}))
    replaced = max(0, min(first_step, shift + second_step) - shift)
    kept = Fraction(first * (first_step - replaced), first_step)
    # an earlier piece is rounded by 1 at most before its share is taken, and the quarter hour by a half after
    assert abs(sum(interval.amount for interval in intervals) - second - kept) <= Fraction(3, 2) * len(intervals)


# The infer_step law.


@laws
@given(st.lists(st.integers(0, 30) | st.integers(0, 10**7), min_size=1, max_size=25))
def test_the_step_is_a_spacing_that_occurs_and_none_is_more_frequent_or_as_frequent_and_smaller(
    times: list[int],
) -> None:
    step = infer_step(times)
    distinct = sorted(set(times))
    if len(distinct) == 1:
        assert step == QUARTER
        return
    spacings = [distinct[n + 1] - distinct[n] for n in range(len(distinct) - 1)]
    assert step in spacings
    for spacing in spacings:
        assert spacings.count(spacing) <= spacings.count(step)
        assert spacings.count(spacing) < spacings.count(step) or spacing >= step


@laws
@given(st.integers(1_440 * MINUTE + 1, 10**10), st.integers(1, 5))
def test_no_step_is_inferred_from_readings_more_than_a_day_apart(spacing: int, count: int) -> None:
    with pytest.raises(InvalidRequest, match="interval_minutes"):
        infer_step([n * spacing for n in range(count + 1)])


# The slow model. A minute of the day holds what the last post about it said: the basis and a density, which is
# the energy of that minute (basis energy) or the energy a quarter hour would have at that minute's power.

Density = tuple[Basis, Fraction]


def densities(post: Post) -> dict[int, Density]:
    """What one post says about each minute: energies add, powers average, and a full quarter hour is even."""
    spans = [(time // MINUTE, amount) for time, amount in post.amounts.items()]
    step = post.step // MINUTE
    of_minute: dict[int, Fraction] = {}
    for minute in range(min(start for start, _ in spans), max(start for start, _ in spans) + step):
        here = [amount for start, amount in spans if start <= minute < start + step]
        if here:
            of_minute[minute] = Fraction(sum(here), step if post.basis is Basis.ENERGY else len(here))
    for quarter in {minute // 15 for minute in of_minute}:
        inside = range(15 * quarter, 15 * quarter + 15)
        if all(minute in of_minute for minute in inside):  # stored as one row, so later corrections find it even
            of_minute |= dict.fromkeys(inside, sum(of_minute[minute] for minute in inside) / Fraction(15))
    return {minute: (post.basis, density) for minute, density in of_minute.items()}


def quarter_hours_by_the_minute(in_order: Sequence[Post]) -> dict[int, tuple[Fraction, int]]:
    """The value and the covered minutes of each quarter hour, by its start in milliseconds."""
    day: dict[int, Density] = {}
    for post in in_order:
        day |= densities(post)
    quarters: dict[int, list[Density]] = {}
    for minute, density in day.items():
        quarters.setdefault(MIDNIGHT + minute // 15 * 15 * 60_000, []).append(density)
    return {start: (value_of(minutes), len(minutes)) for start, minutes in quarters.items()}


def value_of(minutes: list[Density]) -> Fraction:
    """A sum if any minute is of energy (power counts for its fifteenth of a quarter hour), else the mean power."""
    if any(basis is Basis.ENERGY for basis, _ in minutes):
        return sum((each if basis is Basis.ENERGY else each / 15 for basis, each in minutes), Fraction())
    return sum((each for _, each in minutes), Fraction()) / len(minutes)


@settings(laws, max_examples=500)
@given(st.lists(posts_by_the_minute(), min_size=1, max_size=5))
def test_split_and_fold_agree_with_a_count_minute_by_minute(in_order: list[Post]) -> None:
    expected = quarter_hours_by_the_minute(in_order)
    pieces = sorted(each.piece.interval_ms for each in said(*in_order))
    intervals = after(*in_order)
    assert [interval.interval_ms for interval in intervals] == sorted(expected)
    for interval in intervals:
        value, minutes = expected[interval.interval_ms]
        assert interval.covered_ms == minutes * MINUTE
        # A stored piece is off by less than 1 nano-kWh: a power is rounded once, an energy is the difference of two
        # totals rounded by a half each. A value holds each piece once at most, and is rounded by a half itself.
        stored = bisect_right(pieces, interval.interval_ms) - bisect_right(pieces, interval.interval_ms - 1)
        assert abs(interval.amount - value) <= stored + Fraction(1, 2)

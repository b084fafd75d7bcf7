"""Laws of batteries: energy of registers, and what is known now."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from tests.battery_fakes import points
from wattline.domain.batteries import MAX_METRICS, Battery, Description, Latest, latest_of, merge
from wattline.domain.registers import Run, differences

# near the places where a rule ends, and anywhere
shown = st.one_of(
    st.integers(0, 10**13),
    st.sampled_from([0, 10**9, 98_999 * 10**6, 99_000 * 10**6, 99_999_999_999, 10**11]).flatmap(
        lambda around: st.integers(max(0, around - 10**7), around + 10**7)
    ),
)
readings = st.lists(st.tuples(st.integers(0, 9), shown), max_size=30).map(lambda each: sorted(each, key=lambda r: r[0]))
levels = st.none() | shown


def one_by_one(of: list[tuple[int, int]]) -> list[Run]:
    return [Run(bucket, 1, value, value) for bucket, value in of]


def joined(of: list[tuple[int, int]]) -> list[Run]:
    """As the history's query sums them up: by bucket, cut at each fall."""
    runs: list[Run] = []
    for bucket, value in of:
        if runs and runs[-1].bucket_ms == bucket and runs[-1].last <= value:
            runs[-1] = Run(bucket, runs[-1].count + 1, runs[-1].first, value)
        else:
            runs.append(Run(bucket, 1, value, value))
    return runs


@given(readings, levels)
def test_energy_is_never_negative(of: list[tuple[int, int]], level: int | None) -> None:
    assert all((bucket.difference or 0) >= 0 for bucket in differences(one_by_one(of), level))


@given(readings, levels)
def test_runs_tell_what_their_readings_tell(of: list[tuple[int, int]], level: int | None) -> None:
    assert list(differences(joined(of), level)) == list(differences(one_by_one(of), level))


@given(readings, shown)
def test_buckets_move_energy_and_neither_make_nor_lose_any(of: list[tuple[int, int]], level: int) -> None:
    in_one = sum(bucket.difference or 0 for bucket in differences([Run(0, 1, v, v) for _, v in of], level))
    assert sum(bucket.difference or 0 for bucket in differences(one_by_one(of), level)) == in_one


@given(readings, levels, st.integers(0, 10))
def test_a_series_may_be_cut_between_buckets(of: list[tuple[int, int]], level: int | None, cut: int) -> None:
    whole = list(differences(one_by_one(of), level))
    before = list(differences(one_by_one([r for r in of if r[0] < cut]), level))
    carried = before[-1].level if before else level
    after = list(differences(one_by_one([r for r in of if r[0] >= cut]), carried))
    assert before + after == whole


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_a_register_that_never_falls_gained_the_last_less_the_first(gains: list[int]) -> None:
    total, of = 5, []
    for at, gain in enumerate(gains):
        total += gain
        of.append((at, total))
    assert sum(bucket.difference or 0 for bucket in differences(one_by_one(of), 5)) == total - 5


small = st.integers(0, 3)
latest = st.builds(Latest, small, small, small, small)
batteries = st.builds(
    Battery,
    st.just("b"),
    st.none() | st.builds(Description, st.none() | st.sampled_from("xy"), st.none() | st.just("z"), small, small),
    st.dictionaries(st.sampled_from("abc"), latest),
)


@given(batteries, batteries, batteries)
def test_what_is_known_now_depends_on_no_order_and_no_repeat(a: Battery, b: Battery, c: Battery) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(merge(a, b), b) == merge(a, b)
    assert merge(Battery("b"), a) == a


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_the_latest_of_a_response_is_that_of_its_points_one_by_one(of: list[tuple[str, int, int]]) -> None:
    said = [point for seq, (name, ts, value) in enumerate(of) for point in points(name, [(ts, value)], seq)]
    merged = Battery("b")
    for point in said:
        merged = merge(merged, latest_of("b", [point], 9))
    assert latest_of("b", said, 9) == merged
    for name, group in groupby(sorted(said, key=lambda p: p.metric), key=lambda p: p.metric):
        best = max(group, key=lambda p: (p.ts_ms, p.seq))
        assert merged.latest[name] == Latest(best.ts_ms, 9, best.seq, best.value)


def test_of_too_many_metrics_those_heard_of_last_are_kept() -> None:
    many = Battery("b", latest={f"m{n}": Latest(n, 0, 0, 0) for n in range(MAX_METRICS + 5)})
    kept = merge(Battery("b"), many)
    assert sorted(latest.ts_ms for latest in kept.latest.values()) == list(range(5, MAX_METRICS + 5))

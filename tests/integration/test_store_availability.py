"""Reports of the availability of stores, by the product's windows and SQL, against a slow reference."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.availability_reference import DAY, HOUR, PollRow, World, availability, windows
from tests.integration.availability_run import Availability, running_availability
from wattline.domain.instants import parse_instant

MINUTE = 60_000
NEW_YORK = "America/New_York"
ZONES = ["UTC", NEW_YORK, "America/Los_Angeles", "Europe/Zurich", "Asia/Kathmandu", "Australia/Lord_Howe"]
HEADER = (
    "store_id,uptime_last_hour,uptime_last_day,uptime_last_week,downtime_last_hour,downtime_last_day,downtime_last_week"
)


@pytest.fixture(scope="module")
def product() -> Iterator[Availability]:
    with running_availability() as product:
        yield product


def at(text: str) -> int:
    return parse_instant(f"{text}Z")


def poll(store: str, when: str, status: str = "active", received: int = 0, seq: int = 0) -> PollRow:
    return PollRow(store, at(when), status, received, seq)


def rounded(world: World, now_ms: int) -> dict[str, list[float]]:
    """The reference's report in the CSV's units."""
    units = (60, 1, 1) * 2
    return {
        store: [float(hours * unit) for hours, unit in zip((*found.up, *found.down), units, strict=True)]
        for store, found in availability(world, now_ms).items()
    }


def check(product: Availability, world: World, now_ms: int) -> dict[str, list[str]]:
    """That the product says what the reference says."""
    report = product.report(world, now_ms)
    expected = rounded(world, now_ms)
    assert report.keys() == expected.keys()
    for store, figures in report.items():
        assert [float(figure) for figure in figures] == pytest.approx(expected[store], abs=0.000_05 + 1e-9), store
    return report


def test_the_example_of_the_rules(product: Availability) -> None:
    """Open from 9 to 12 on Monday, polled at 10:14 (active) and 11:15 (inactive): 1:44:30 up and 1:15:30 down."""
    world = World(
        [poll("s", "2023-01-23T10:14:00"), poll("s", "2023-01-23T11:15:00", "inactive")],
        {"s": [(0, "09:00:00", "12:00:00")]},
        {"s": "UTC"},
    )
    report = check(product, world, at("2023-01-23T20:00:00"))
    assert report == {"s": ["0.0000", "1.7417", "1.7417", "0.0000", "1.2583", "1.2583"]}


def test_time_after_now_does_not_count_and_the_hour_is_in_minutes(product: Availability) -> None:
    world = World(
        [poll("s", "2023-01-23T10:14:00"), poll("s", "2023-01-23T11:15:00", "inactive")],
        {"s": [(0, "09:00:00", "12:00:00")]},
        {"s": "UTC"},
    )
    report = check(product, world, at("2023-01-23T11:15:00"))
    assert report == {"s": ["29.5000", "1.7417", "1.7417", "30.5000", "0.5083", "0.5083"]}


def test_the_csv_has_its_header_and_is_sorted_by_store_as_text(product: Availability) -> None:
    names = ["10", "9", "NaN", "a", "B", "null"]
    world = World([poll(name, "2023-01-23T10:00:00") for name in names])
    rows = product.text(world, at("2023-01-23T12:00:00")).splitlines()
    assert rows[0] == HEADER
    assert [row.split(",")[0] for row in rows[1:]] == sorted(names)


def test_without_polls_the_report_is_its_header(product: Availability) -> None:
    assert product.text(World([]), at("2023-01-23T12:00:00")).splitlines() == [HEADER]


def test_a_window_without_a_poll_is_unobserved(product: Availability) -> None:
    hours = {"s": [(0, "09:00:00", "12:00:00"), (0, "12:00:00", "15:00:00")]}
    world = World([poll("s", "2023-01-23T12:00:00")], hours, {"s": "UTC"})
    assert check(product, world, at("2023-01-23T20:00:00"))["s"][1] == "3.0000"


def test_windows_that_touch_stay_apart_and_windows_that_overlap_merge(product: Availability) -> None:
    polls = [poll("s", "2023-01-23T09:30:00"), poll("s", "2023-01-23T14:30:00", "inactive")]
    touching = World(polls, {"s": [(0, "09:00:00", "12:00:00"), (0, "12:00:00", "15:00:00")]}, {"s": "UTC"})
    overlapping = World(polls, {"s": [(0, "09:00:00", "12:00:01"), (0, "12:00:00", "15:00:00")]}, {"s": "UTC"})
    now = at("2023-01-23T20:00:00")
    assert check(product, touching, now)["s"][1::3] == ["3.0000", "3.0000"]
    assert check(product, overlapping, now)["s"][1::3] == ["3.0000", "3.0000"]
    uneven = [poll("s", "2023-01-23T09:30:00"), poll("s", "2023-01-23T12:30:00", "inactive")]
    assert check(product, replace(touching, polls=uneven), now)["s"][1::3] == ["3.0000", "3.0000"]
    assert check(product, replace(overlapping, polls=uneven), now)["s"][1::3] == ["2.0000", "4.0000"]


@pytest.mark.parametrize(
    ("hours", "week_up"),
    [
        ([(0, "00:00:00", "23:59:59")], "24.0000"),
        ([(0, "00:00:00", "23:59:00")], "23.9833"),
        ([(0, "00:00:00", "00:00:00")], "24.0000"),
        ([(0, "22:00:00", "02:00:00")], "4.0000"),
        ([(0, "18:00:00", "00:00:00")], "6.0000"),
    ],
)
def test_ends_of_windows(product: Availability, hours: list[tuple[int, str, str]], week_up: str) -> None:
    world = World([poll("s", "2023-01-23T23:30:00")], {"s": hours}, {"s": "UTC"})
    assert check(product, world, at("2023-01-25T00:00:00"))["s"][2] == week_up


@pytest.mark.parametrize(
    ("day", "hours"), [("2023-03-12", 23), ("2023-11-05", 25), ("2023-11-06", 24)], ids=["spring", "fall", "usual"]
)
def test_a_local_day_is_as_long_as_it_is(product: Availability, day: str, hours: int) -> None:
    world = World([poll("s", f"{day}T18:00:00")], {}, {"s": NEW_YORK})
    assert check(product, world, at(f"{day}T18:00:00") + 3 * DAY)["s"][2] == f"{hours}.0000"


def test_a_time_that_dst_skips_is_read_with_the_offset_before(product: Availability) -> None:
    world = World([poll("s", "2023-03-12T08:30:00")], {"s": [(6, "02:30:00", "05:00:00")]}, {"s": NEW_YORK})
    # 2:30 EST is 7:30Z, 5:00 EDT is 9:00Z
    assert check(product, world, at("2023-03-13T08:00:00"))["s"][2] == "1.5000"


def test_a_window_that_dst_skips_wholly_is_none(product: Availability) -> None:
    world = World([poll("s", "2023-03-12T07:30:00")], {"s": [(6, "02:30:00", "03:10:00")]}, {"s": NEW_YORK})
    assert check(product, world, at("2023-03-13T08:00:00"))["s"] == ["0.0000"] * 6


def test_a_time_that_happens_twice_is_its_first_occurrence(product: Availability) -> None:
    world = World([poll("s", "2023-11-05T05:45:00")], {"s": [(6, "01:30:00", "02:00:00")]}, {"s": NEW_YORK})
    # 1:30 EDT is 5:30Z, 2:00 EST is 7:00Z
    assert check(product, world, at("2023-11-06T08:00:00"))["s"][2] == "1.5000"


def test_stores_without_hours_zone_or_any_of_them_have_defaults(product: Availability) -> None:
    world = World(
        [poll(store, "2023-01-23T12:00:00") for store in ("hours-only", "zone-only", "neither", "both")],
        {"hours-only": [(0, "09:00:00", "12:00:00")], "both": [(0, "09:00:00", "12:00:00")], "unpolled": []},
        {"zone-only": "Asia/Kathmandu", "both": "Asia/Kathmandu", "unpolled-too": "UTC"},
    )
    report = check(product, world, at("2023-01-23T17:00:00"))
    # Chicago is six hours behind: noon UTC is before its shop opens, and its day began at 6:00Z
    assert report["hours-only"] == ["0.0000"] * 6
    assert report["neither"][1] == "11.0000"
    assert report["zone-only"][2] == "22.7500"
    assert report["both"] == ["0.0000"] * 6


def test_a_store_polled_outside_its_hours_only_has_a_row_of_zeros(product: Availability) -> None:
    world = World([poll("s", "2023-01-23T08:59:59.999")], {"s": [(0, "09:00:00", "12:00:00")]}, {"s": "UTC"})
    assert check(product, world, at("2023-01-23T20:00:00")) == {"s": ["0.0000"] * 6}


def test_start_is_inside_and_end_is_outside(product: Availability) -> None:
    hours = {"s": [(0, "09:00:00", "12:00:00")]}
    inside = World([poll("s", "2023-01-23T09:00:00")], hours, {"s": "UTC"})
    outside = World([poll("s", "2023-01-23T12:00:00")], hours, {"s": "UTC"})
    now = at("2023-01-23T20:00:00")
    assert check(product, inside, now)["s"][1] == "3.0000"
    assert check(product, outside, now)["s"][1] == "0.0000"


def test_polls_from_before_the_week_are_neighbours_and_older_than_nine_days_are_not_read(product: Availability) -> None:
    now = at("2023-01-23T12:00:00")
    hours = {"s": [(day, "08:00:00", "08:00:00") for day in range(7)]}
    polls = [PollRow("s", now - 7 * DAY - HOUR, "inactive"), PollRow("s", now - 7 * DAY + HOUR, "active")]
    check(product, World(polls, hours, {"s": "UTC"}), now)
    edge = [PollRow("in", now - 9 * DAY + 1, "active"), PollRow("out", now - 9 * DAY, "active")]
    assert check(product, World(edge), now).keys() == {"in"}


def test_of_two_polls_of_one_instant_the_last_received_counts(product: Availability) -> None:
    both = [poll("s", "2023-01-23T10:00:00", "inactive", 5, 1), poll("s", "2023-01-23T10:00:00", "active", 5, 2)]
    world = World(both, {"s": [(0, "09:00:00", "12:00:00")]}, {"s": "UTC"})
    now = at("2023-01-23T20:00:00")
    assert check(product, world, now)["s"][1::3] == ["3.0000", "0.0000"]
    later = replace(both[0], received_ms=6)
    assert check(product, replace(world, polls=[later, both[1]]), now)["s"][1::3] == ["0.0000", "3.0000"]


def test_what_was_received_later_than_the_report_was_triggered_does_not_count(product: Availability) -> None:
    early, late = poll("s", "2023-01-23T10:00:00", "active", 5), poll("s", "2023-01-23T10:00:00", "inactive", 6)
    world = World([early, late, poll("other", "2023-01-23T10:00:00", "active", 6)])
    now = at("2023-01-23T20:00:00")
    assert product.report(world, now, received_until_ms=5).keys() == {"s"}
    assert product.report(world, now, received_until_ms=5)["s"][1::3] != product.report(world, now)["s"][1::3]


STARTS = [at(day) for day in ("2023-01-25T18:11:39.622", "2023-03-14T07:00:00", "2023-11-07T23:59:59.999")]
"""Without a change of clocks in the week before, just after spring's and just after fall's."""

times_of_day = st.one_of(
    st.sampled_from(["00:00:00", "23:59:59", "12:00:00", "01:30:00", "02:30:00", "03:00:00"]),
    st.integers(0, 86_399).map(lambda s: f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}"),
)
weeks = st.lists(st.tuples(st.integers(0, 6), times_of_day, times_of_day), max_size=8)
offsets = st.one_of(st.integers(0, 10 * DAY), st.integers(0, 10 * 24).map(lambda hours: hours * HOUR))
statuses = st.sampled_from(["active", "inactive"])
instants = st.sampled_from(STARTS)
STORES = "abcdefgh"
"""Many at once, for a report costs more than the stores in it."""

laws = settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def worlds(draw: st.DrawFn, now_ms: int) -> World:
    """Stores with hours and zones or their defaults, polled now and then, some after now or long before."""
    polls: list[PollRow] = []
    hours: dict[str, list[tuple[int, str, str]]] = {}
    zones: dict[str, str] = {}
    for store in STORES:
        said = draw(st.lists(st.tuples(offsets, statuses), max_size=12))
        polls += [PollRow(store, now_ms + 2 * HOUR - before, status, seq=len(polls)) for before, status in said]
        if draw(st.booleans()):
            hours[store] = draw(weeks)
        if draw(st.booleans()):
            zones[store] = draw(st.sampled_from(ZONES))
    return World([replace(each, seq=seq) for seq, each in enumerate(polls)], hours, zones)


@laws
@given(st.data(), instants)
def test_the_product_agrees_with_the_reference(product: Availability, data: st.DataObject, now_ms: int) -> None:
    check(product, data.draw(worlds(now_ms)), now_ms)


@pytest.mark.parametrize("now_ms", STARTS)
def test_the_product_agrees_with_the_reference_on_many_stores(product: Availability, now_ms: int) -> None:
    random = Random(now_ms)
    polls: list[PollRow] = []
    hours: dict[str, list[tuple[int, str, str]]] = {}
    zones: dict[str, str] = {}
    for store in map(str, range(300)):
        polls += [
            PollRow(store, now_ms - random.randrange(9 * DAY), random.choice(["active", "inactive"]))
            for _ in range(random.randrange(1, 30))
        ]
        if random.random() < 0.8:
            hours[store] = [(random.randrange(7), _time(random), _time(random)) for _ in range(random.randrange(1, 12))]
        if random.random() < 0.8:
            zones[store] = random.choice(ZONES)
    check(product, World(polls, hours, zones), now_ms)


def _time(random: Random) -> str:
    return random.choice(["00:00:00", "23:59:59", f"{random.randrange(24):02d}:{random.choice((0, 15, 30)):02d}:00"])


@laws
@given(st.data(), instants)
def test_up_and_down_are_the_observed_open_time(product: Availability, data: st.DataObject, now_ms: int) -> None:
    world = data.draw(worlds(now_ms))
    report = product.report(world, now_ms)
    always_up = replace(world, polls=[replace(each, status="active") for each in world.polls])
    for store, open_time in product.report(always_up, now_ms).items():
        figures = [float(figure) for figure in report[store]]
        assert [up + down for up, down in zip(figures[:3], figures[3:], strict=True)] == pytest.approx(
            [float(each) for each in open_time[:3]], abs=0.000_11
        )
        assert open_time[3:] == ["0.0000"] * 3


@laws
@given(st.data(), instants)
def test_an_equal_poll_between_two_equal_polls_of_a_window_changes_nothing(
    product: Availability, data: st.DataObject, now_ms: int
) -> None:
    world = data.draw(worlds(now_ms))
    world = replace(world, polls=[*{(each.store, each.ts_ms): each for each in world.polls}.values()])
    between = []
    for store in STORES:
        spans = windows(world.hours.get(store), world.zones.get(store, "America/Chicago"), now_ms)
        of_store = sorted((each.ts_ms, each) for each in world.polls if each.store == store and each.ts_ms <= now_ms)
        for (start, one), (end, other) in pairwise(of_store):
            in_one_window = any(span[0] <= start and end < span[1] for span in spans)
            if in_one_window and one.status == other.status and end - start > 1:
                between.append(replace(one, ts_ms=data.draw(st.integers(start + 1, end - 1))))
    assert product.report(replace(world, polls=[*world.polls, *between]), now_ms) == product.report(world, now_ms)


@laws
@given(st.data())
def test_a_week_earlier_or_later_is_the_same_where_clocks_do_not_change(
    product: Availability, data: st.DataObject
) -> None:
    now_ms = STARTS[0]
    zone = data.draw(st.sampled_from(["UTC", NEW_YORK, "Asia/Kathmandu"]))
    world = replace(data.draw(worlds(now_ms)), zones=dict.fromkeys(STORES, zone))
    shift = data.draw(st.sampled_from([-1, 1, 2])) * 7 * DAY
    shifted = replace(world, polls=[replace(each, ts_ms=each.ts_ms + shift) for each in world.polls])
    assert product.report(shifted, now_ms + shift) == product.report(world, now_ms)

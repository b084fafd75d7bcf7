"""Posting and reading through the use cases, over fakes: where an interval lies must never show."""

from dataclasses import replace

import pytest

from tests.fakes import FakeEnergyHistory, FakeHistoryQueue, FakeHotEnergy, FakeLake
from wattline.domain.energy_post import Units
from wattline.domain.energy_series import Fill, Point, Quality
from wattline.domain.instants import DAY_MS, FOREVER_MS, HOUR_MS, INTERVAL_MS, MINUTE_MS, format_instant, parse_instant
from wattline.errors import InvalidRequest, NotFound, TransientError
from wattline.ports import Received
from wattline.services.energy import HOT_WINDOW_MS, EnergyPost, EnergyQuery, post_energy, read_energy

NOW = parse_instant("2024-06-15T12:07:00Z")


class World:
    """The whole path of a reading, with a history that can be some time behind."""

    def __init__(self) -> None:
        self.queue = FakeHistoryQueue()
        self.hot = FakeHotEnergy(HOT_WINDOW_MS)
        self.lake = FakeLake()
        self.history = FakeEnergyHistory(self.lake)
        self.now = NOW

    def post(self, start: str, values: list[float], *, minutes: int = 15, units: Units = Units.KWH) -> None:
        first = parse_instant(start)
        items: list[tuple[object, object]] = [
            (format_instant(first + position * minutes * MINUTE_MS), value) for position, value in enumerate(values)
        ]
        post = EnergyPost("falcon", units, items, minutes)
        post_energy(post, Received(self.now, len(self.queue.batches)), self.now, queue=self.queue, hot=self.hot)
        self.now += 1_000

    def write_history(self) -> None:
        for number, batch in enumerate(self.queue.batches):
            self.lake.append([batch], f"object-{number}")

    def forget_hot(self) -> None:
        self.hot.items = [
            (ship, replace(said, piece=replace(said.piece, interval_ms=0)), until)
            for ship, said, until in self.hot.items[:1]
        ]

    def read(
        self, start: str, end: str, *, fill: Fill = Fill.NONE, as_of: int | None = None, limit: int = 10_000
    ) -> list[Point]:
        """All pages."""
        points: list[Point] = []
        at: int | None = parse_instant(start)
        while at is not None:
            query = EnergyQuery("falcon", at, parse_instant(end), fill, as_of or self.now, limit)
            page = read_energy(query, self.now, hot=self.hot, history=self.history)
            assert len(page.points) <= limit
            assert page.next_start_ms is None or page.next_start_ms > at
            points += page.points
            at = page.next_start_ms
        return points


def values(points: list[Point]) -> list[float | None]:
    return [None if point.amount is None else point.amount / 1e9 for point in points]


def test_a_range_inside_the_hot_window_is_answered_without_the_history() -> None:
    world = World()
    world.post("2024-06-14T00:00:00Z", [1, 2, 3])
    assert values(world.read("2024-06-14T00:00:00Z", "2024-06-15T00:00:00Z")) == [1, 2, 3]
    assert (world.hot.reads, world.history.reads) == (1, 0)


def test_the_same_answer_comes_from_hot_from_history_and_from_both() -> None:
    world = World()
    world.post("2020-02-01T00:00:00Z", [4, 8], minutes=60)
    world.post("2020-02-01T00:10:00Z", [6], minutes=20, units=Units.KW)
    from_hot = world.read("2020-02-01T00:00:00Z", "2020-02-02T00:00:00Z")
    world.write_history()
    from_both = world.read("2020-02-01T00:00:00Z", "2020-02-02T00:00:00Z")
    world.forget_hot()
    from_history = world.read("2020-02-01T00:00:00Z", "2020-02-02T00:00:00Z")
    assert from_hot == from_both == from_history
    assert len(from_hot) == 8


def test_the_seam_between_hot_and_history_does_not_show() -> None:
    world = World()
    first = NOW - HOT_WINDOW_MS - 6 * HOUR_MS
    first -= first % INTERVAL_MS
    start, end = format_instant(first), format_instant(first + 12 * HOUR_MS)
    numbers = [float(number) for number in range(48)]
    world.now = first + DAY_MS
    world.post(start, numbers)
    world.write_history()
    for later in range(0, 3 * HOUR_MS, 7 * MINUTE_MS):
        world.now = NOW + later
        assert values(world.read(start, end)) == numbers
        assert values(world.read(start, end, limit=5)) == numbers


def test_a_correction_of_an_old_interval_wins_before_and_after_it_reaches_the_history() -> None:
    world = World()
    world.post("2020-02-01T00:00:00Z", [1, 1, 1])
    world.write_history()
    before = world.now
    world.post("2020-02-01T00:15:00Z", [9])
    assert values(world.read("2020-02-01T00:00:00Z", "2020-02-02T00:00:00Z")) == [1, 9, 1]
    world.write_history()
    assert values(world.read("2020-02-01T00:00:00Z", "2020-02-02T00:00:00Z")) == [1, 9, 1]
    as_it_was = world.read("2020-02-01T00:00:00Z", "2020-02-02T00:00:00Z", as_of=before - 1)
    assert values(as_it_was) == [1, 1, 1]


def test_pages_put_together_are_the_whole_whatever_the_limit_and_the_fill() -> None:
    world = World()
    world.post("2020-02-01T00:00:00Z", [1, 2, 3, 4, 5])
    world.post("2020-02-01T03:00:00Z", [6, 7])
    world.post("2020-02-01T08:00:00Z", [8, 9, 10])
    world.write_history()
    for fill in Fill:
        whole = world.read("2020-02-01T00:00:00Z", "2020-02-01T12:00:00Z", fill=fill)
        for limit in (1, 2, 3, 7, 48):
            paged = world.read("2020-02-01T00:00:00Z", "2020-02-01T12:00:00Z", fill=fill, limit=limit)
            assert paged == whole, (fill, limit)


def test_a_gap_at_the_edge_of_a_range_is_filled_from_its_true_neighbours() -> None:
    world = World()
    world.post("2024-06-14T00:00:00Z", [2])
    world.post("2024-06-14T00:45:00Z", [5])
    points = world.read("2024-06-14T00:15:00Z", "2024-06-14T00:45:00Z", fill=Fill.LINEAR)
    assert [(point.amount, point.quality) for point in points] == [
        (3_000_000_000, Quality.ESTIMATED),
        (4_000_000_000, Quality.ESTIMATED),
    ]


def test_a_range_that_starts_inside_a_quarter_hour_begins_with_the_next_one() -> None:
    world = World()
    world.post("2024-06-14T00:00:00Z", [1, 2, 3])
    assert values(world.read("2024-06-14T00:01:00Z", "2024-06-14T00:31:00Z")) == [2, 3]


def test_a_range_inside_one_quarter_hour_is_empty_even_before_midnight() -> None:
    world = World()
    world.post("2024-06-14T23:45:00Z", [1, 2])
    assert world.read("2024-06-14T23:46:00Z", "2024-06-14T23:50:00Z") == []
    assert world.read("2020-06-14T23:46:00Z", "2020-06-14T23:50:00Z", fill=Fill.LINEAR) == []


def test_a_reading_stamped_by_a_clock_that_is_ahead_is_read_at_once() -> None:
    world = World()
    world.post("2024-06-14T00:00:00Z", [1])
    world.now -= 60_000
    query = EnergyQuery("falcon", parse_instant("2024-06-14T00:00:00Z"), NOW, Fill.NONE, FOREVER_MS, 10)
    assert values(read_energy(query, world.now, hot=world.hot, history=world.history).points) == [1]


def test_a_ship_never_heard_of_is_not_found_and_a_known_one_without_data_is_empty() -> None:
    world = World()
    with pytest.raises(NotFound, match="falcon"):
        world.read("2024-06-14T00:00:00Z", "2024-06-15T00:00:00Z")
    world.post("2024-06-14T00:00:00Z", [1])
    assert world.read("2024-06-01T00:00:00Z", "2024-06-02T00:00:00Z") == []


def test_nothing_is_claimed_when_the_history_queue_is_down() -> None:
    world = World()
    world.queue.broken = True
    with pytest.raises(TransientError):
        world.post("2024-06-14T00:00:00Z", [1])
    assert not world.hot.items


def test_nothing_is_claimed_when_the_hot_table_is_down_and_a_repeat_heals_it() -> None:
    world = World()
    world.hot.broken = True
    with pytest.raises(TransientError):
        world.post("2024-06-14T00:00:00Z", [1])
    world.hot.broken = False
    world.post("2024-06-14T00:00:00Z", [1])
    world.write_history()
    assert values(world.read("2024-06-14T00:00:00Z", "2024-06-15T00:00:00Z")) == [1]


def test_a_post_without_a_good_reading_stores_nothing() -> None:
    world = World()
    post = EnergyPost("falcon", Units.KW, [("2024-06-14T00:00:00Z", None)], None)
    with pytest.raises(InvalidRequest):
        post_energy(post, Received(world.now, 1), world.now, queue=world.queue, hot=world.hot)
    assert not world.queue.batches
    assert not world.hot.items

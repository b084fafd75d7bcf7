"""Polling a smart-meter API, over fakes: the source is late, in pages, broken, or says nonsense."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes import FakeHistoryQueue
from tests.meter_fakes import FakeObisHistory, FakePollLedger, FakeSmartMeters
from wattline.domain.circuit import FAILURES_TO_OPEN, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Circuit
from wattline.domain.instants import DAY_MS, INTERVAL_MS, format_instant, parse_instant
from wattline.domain.obis import parse_obis
from wattline.errors import SourceRefused, SourceUnavailable, TransientError
from wattline.ports import RegisterRange
from wattline.services.poll_meters import PAGE, WINDOW_MS, Destination, MeterPoll, Outcome, poll_meters

CODE = "0100011D00FF"
SINCE = parse_instant("2023-01-01T00:00:00Z")
FOREVER = parse_instant("2100-01-01T00:00:00Z")


def item(ts_ms: int, value: object = 0.5, muid: str = "m") -> dict[str, Any]:
    tags = {"muid": muid, "quality": "measured"}
    return {"measurement": "energy", "timestamp": format_instant(ts_ms), "tags": tags, CODE: value}


@dataclass
class FakeSource:
    """A `MeterSource`; `most` is its own limit of a page, `inclusive` whether it takes `stop` to be inside."""

    items: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    most: int = PAGE
    inclusive: bool = False
    trouble: Callable[[], None] = lambda: None
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def say(self, start_ms: int, count: int, value: object = 0.5, muid: str = "m") -> None:
        for number in range(count):
            ts_ms = start_ms + number * INTERVAL_MS
            self.items.setdefault(muid, {})[ts_ms] = item(ts_ms, value, muid)

    def page(self, muid: str, start_ms: int, stop_ms: int, limit: int) -> list[object]:
        self.asked.append((muid, start_ms, stop_ms))
        self.trouble()
        end = stop_ms + 1 if self.inclusive else stop_ms
        found = sorted((ts for ts in self.items.get(muid, {}) if start_ms <= ts < end), reverse=True)
        return [self.items[muid][ts] for ts in found[: min(limit, self.most)]]


@dataclass
class World:
    """A source, where its readings go, and a clock."""

    source: FakeSource = field(default_factory=FakeSource)
    queue: FakeHistoryQueue = field(default_factory=FakeHistoryQueue)
    meters: FakeSmartMeters = field(default_factory=FakeSmartMeters)
    ledger: FakePollLedger = field(default_factory=FakePollLedger)
    now: int = SINCE + 10 * DAY_MS
    has_time: bool = True

    def poll(self, *muids: str) -> list[MeterPoll]:
        to = Destination(self.queue, self.meters, self.ledger)
        return poll_meters(
            muids or ("m",), SINCE, lambda: self.now, source=self.source, to=to, has_time=lambda: self.has_time
        )

    def stored(self) -> dict[int, int]:
        """The amounts in force by time."""
        wanted = RegisterRange("m", parse_obis(CODE), 0, FOREVER, FOREVER)
        return {each.ts_ms: each.amount for each in FakeObisHistory.of_queue(self.queue).readings(wanted, 10**6)}

    def rows(self) -> int:
        return sum(len(batch.rows) for batch in self.queue.batches)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("most", [2, 7, 100, 960, 5_000])
def test_pages_backwards_give_every_reading_once(world: World, most: int, inclusive: bool) -> None:
    world.source.most, world.source.inclusive = most, inclusive
    world.source.say(SINCE, 960)
    (poll,) = world.poll()
    assert (poll.outcome, poll.queued, poll.rejected, poll.gaps) == (Outcome.READ, 960, 0, ())
    assert len(world.stored()) == world.rows() == 960
    assert world.meters.registers("m") == {parse_obis(CODE)}
    assert poll.watermark_ms == SINCE + 959 * INTERVAL_MS


def test_a_second_poll_reads_two_days_again_and_queues_nothing(world: World) -> None:
    world.source.say(SINCE, 960)
    world.poll()
    world.source.asked.clear()
    (poll,) = world.poll()
    assert (poll.queued, world.rows(), world.ledger.moves) == (0, 960, 1)
    assert world.source.asked[0][1] == SINCE + 959 * INTERVAL_MS - 2 * DAY_MS


def test_late_and_corrected_values_of_two_days_are_queued(world: World) -> None:
    world.source.say(SINCE, 960)
    late = SINCE + 900 * INTERVAL_MS
    hidden = world.source.items["m"].pop(late)
    world.poll()
    assert [gap.start_ms for gap in world.poll()[0].gaps] == [late]
    world.source.items["m"][late] = hidden
    world.source.say(SINCE + 958 * INTERVAL_MS, 1, value=9)
    world.now += INTERVAL_MS
    (poll,) = world.poll()
    assert (poll.queued, poll.gaps) == (2, ())
    assert world.stored()[late] == 500_000_000
    assert world.stored()[SINCE + 958 * INTERVAL_MS] == 9_000_000_000


def test_what_a_silent_meter_sends_after_weeks_is_found(world: World) -> None:
    world.source.say(SINCE, 96)
    world.poll()
    world.now += 40 * DAY_MS
    world.poll()
    world.source.say(SINCE + DAY_MS, 96 * 5)
    (poll,) = world.poll()
    assert (poll.queued, len(world.stored())) == (480, 576)


def test_years_are_filled_in_window_by_window(world: World) -> None:
    world.now = SINCE + 3 * WINDOW_MS
    world.source.say(world.now - WINDOW_MS - 5 * DAY_MS, 96 * 10)
    (poll,) = world.poll()
    assert (poll.queued, poll.gaps, world.ledger.moves) == (960, (), 2)


def test_a_run_that_cannot_queue_moves_nothing_and_the_next_makes_up_for_it(world: World) -> None:
    world.source.say(SINCE, 96)
    world.queue.broken = True
    with pytest.raises(TransientError):
        world.poll()
    assert world.ledger.mark("m").watermark_ms is None
    world.queue.broken = False
    assert world.poll()[0].queued == 96


def test_a_window_whose_last_page_fails_is_read_again(world: World) -> None:
    world.source.most = 50
    world.source.say(SINCE, 96)
    pages = iter([None, SourceUnavailable("it broke")])

    def fail_at_the_second() -> None:
        if error := next(pages, None):
            raise error

    world.source.trouble = fail_at_the_second
    (poll,) = world.poll()
    assert (poll.outcome, poll.reason) == (Outcome.FAILED, "it broke")
    assert world.ledger.mark("m").watermark_ms is None
    assert world.poll()[0].outcome is Outcome.READ
    assert len(world.stored()) == 96


def test_two_runs_at_once_store_the_same_and_one_moves_the_mark(world: World) -> None:
    world.source.say(SINCE, 96)
    other = World(world.source, world.queue, world.meters, world.ledger, world.now + 1)

    def meanwhile() -> None:
        world.source.trouble = lambda: None
        other.poll()

    world.source.trouble = meanwhile
    (poll,) = world.poll()
    assert poll.reason == "another run polls this meter at the same time"
    assert (len(world.stored()), world.ledger.moves) == (96, 1)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (item(SINCE, "N/A"), f"{CODE}: is text"),
        (item(SINCE, muid="n"), "tags.muid: is n"),
        ({"timestamp": "never"}, "tags: is missing"),
        ("nonsense", "is not an object"),
    ],
)
def test_a_bad_item_never_stops_the_good_ones(world: World, bad: Any, reason: str) -> None:
    world.source.say(SINCE, 10)
    world.source.items["m"][SINCE + 3 * INTERVAL_MS] = bad
    (poll,) = world.poll()
    assert (poll.outcome, poll.queued, poll.rejected) == (Outcome.READ, 9, 1)
    assert (poll.reason or "").startswith(reason)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [([{"error": "?"}], "nothing that can be read"), ([item(SINCE + 95 * DAY_MS)], "after `stop`")],
)
def test_a_source_that_cannot_be_paged_has_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: list[object], reason: str
) -> None:
    world.now = SINCE + 100 * DAY_MS
    monkeypatch.setattr(world.source, "page", lambda *_: answer)
    (poll,) = world.poll()
    assert poll.outcome is Outcome.FAILED
    assert reason in (poll.reason or "")


def test_a_meter_that_is_refused_does_not_stop_the_others(world: World) -> None:
    world.source.say(SINCE, 4)

    def refuse() -> None:
        if world.source.asked[-1][0] == "unknown":
            raise SourceRefused("no such meter")

    world.source.trouble = refuse
    assert [poll.outcome for poll in world.poll("unknown", "m")] == [Outcome.REFUSED, Outcome.READ]
    assert world.ledger.current == Circuit()


def test_a_source_that_keeps_failing_is_left_alone_tried_once_and_used_again(world: World) -> None:
    world.source.say(SINCE, 4)

    def down() -> None:
        raise SourceUnavailable("down")

    world.source.trouble = down
    muids = ("m", "n", "o", "p", "q")
    assert [poll.outcome for poll in world.poll(*muids)] == [Outcome.FAILED] * 3 + [Outcome.SKIPPED] * 2
    asked = len(world.source.asked)
    assert {poll.outcome for poll in world.poll(*muids)} == {Outcome.SKIPPED}
    assert len(world.source.asked) == asked, "open"
    world.now += FIRST_PAUSE_MS
    assert [poll.outcome for poll in world.poll(*muids)] == [Outcome.FAILED] + [Outcome.SKIPPED] * 4, "half open"
    world.now += FIRST_PAUSE_MS
    assert {poll.outcome for poll in world.poll(*muids)} == {Outcome.SKIPPED}, "twice as long"
    world.now += FIRST_PAUSE_MS
    world.source.trouble = lambda: None
    assert {poll.outcome for poll in world.poll(*muids)} == {Outcome.READ}
    assert world.ledger.current == Circuit()


def test_a_circuit_never_stays_open_longer_than_its_longest_pause() -> None:
    circuit = Circuit()
    for _ in range(100):
        circuit = circuit.failed(SINCE)
    assert circuit.open_until_ms == SINCE + LONGEST_PAUSE_MS
    assert Circuit(FAILURES_TO_OPEN - 2).failed(SINCE).lets_through(SINCE)
    assert not Circuit(FAILURES_TO_OPEN - 1).failed(SINCE).lets_through(SINCE)


def test_the_meter_furthest_behind_comes_first_and_without_time_none_is_asked(world: World) -> None:
    world.source.say(SINCE, 4, muid="m")
    world.source.say(SINCE, 9, muid="n")
    world.poll("n", "m")
    world.source.asked.clear()
    world.poll("n", "m")
    assert world.source.asked[0][0] == "m"
    world.has_time = False
    assert [poll.outcome for poll in world.poll("n", "m")] == [Outcome.SKIPPED] * 2

"""The performance of a vehicle through the use case: where its heartbeats lie must not show."""

import random

import pytest

from tests.fakes import FakeFleetHistory, FakeHistoryQueue, FakeHotFleet, FakeLake, FakeLinks
from wattline.domain.energy import NANO
from wattline.domain.fleet import HOT_WINDOW_MS, Heartbeat, Kind
from wattline.domain.instants import FOREVER_MS, HOUR_MS, parse_instant
from wattline.domain.links import Link
from wattline.errors import NotFound, TransientError
from wattline.ports import Received
from wattline.services.fleet import link_meter, post_heartbeats
from wattline.services.performance import Measured, Source, Window, measure_performance

NOW = parse_instant("2024-06-15T12:00:00Z")
MINUTE = 60_000


class World:
    def __init__(self) -> None:
        self.queue, self.hot, self.links = FakeHistoryQueue(), FakeHotFleet(), FakeLinks()
        self.lake = FakeLake()
        self.history = FakeFleetHistory(self.lake)
        self.requests = 0

    def post(self, vehicle: list[tuple[int, float]], meter: list[tuple[int, float]], *, received_ms: int = NOW) -> None:
        self.requests += 1
        beats = {
            Kind.VEHICLE: [Heartbeat("v", ts, (5_000, round(kwh * NANO), 3_000)) for ts, kwh in vehicle],
            Kind.METER: [Heartbeat("m", ts, (round(kwh * NANO), 23_000)) for ts, kwh in meter],
        }
        received = Received(received_ms, self.requests)
        post_heartbeats(beats, received, received_ms, queue=self.queue, hot=self.hot)

    def write_history(self) -> None:
        for number, batch in enumerate(self.queue.batches):
            self.lake.append([batch], f"object-{number}")

    def measure(self, start: int, end: int, *, now: int = NOW, as_of_s: int = FOREVER_MS) -> Measured:
        window = Window("v", start, end, as_of_s)
        return measure_performance(window, now, hot=self.hot, history=self.history, links=self.links)


def session(start: int, minutes: int, ratio: float = 0.9) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    ac = [(start + n * MINUTE, 0.1 + n % 5 / 100) for n in range(minutes)]
    return [(ts, kwh * ratio) for ts, kwh in ac], ac


def charged_around(seam: int) -> World:
    world = World()
    link_meter(Link("m", "v", 0, None), links=world.links)
    vehicle, meter = session(seam - 3 * HOUR_MS, 360)
    random.Random(1).shuffle(vehicle)
    world.post(vehicle[:200], meter[100:], received_ms=seam + 4 * HOUR_MS)
    world.post(vehicle[150:], meter[:120], received_ms=seam + 5 * HOUR_MS)
    world.write_history()
    return world


def test_hot_history_and_both_give_the_same_performance() -> None:
    seam = NOW - HOT_WINDOW_MS
    world = charged_around(seam)
    window = (seam - 3 * HOUR_MS, seam + 3 * HOUR_MS)
    early = world.measure(*window, now=seam + 6 * HOUR_MS)
    straddling = world.measure(*window)
    world.hot.said.clear()
    late = world.measure(*window, now=NOW + 24 * HOUR_MS)
    assert (early.source, straddling.source, late.source) == (Source.HOT, Source.BOTH, Source.HISTORY)
    assert early.performance == straddling.performance == late.performance
    assert early.performance.ratio == pytest.approx(0.9)
    assert late.scanned_bytes


def test_a_window_inside_the_hot_one_is_answered_without_the_history() -> None:
    world = World()
    link_meter(Link("m", "v", 0, None), links=world.links)
    world.post(*session(NOW - HOUR_MS, 60))
    found = world.measure(NOW - HOUR_MS, NOW)
    assert (found.source, found.items, found.scanned_bytes, world.history.reads) == (Source.HOT, 120, None, 0)


def test_a_correction_counts_and_as_of_still_knows_what_was_said_before() -> None:
    world = World()
    link_meter(Link("m", "v", 0, None), links=world.links)
    world.post(*session(NOW - HOUR_MS, 60), received_ms=NOW)
    before = world.measure(NOW - HOUR_MS, NOW, as_of_s=NOW // 1000)
    world.post([(NOW - HOUR_MS, 5.0)], [], received_ms=NOW + 60_000)
    after = world.measure(NOW - HOUR_MS, NOW)
    assert after.performance.dc == before.performance.dc - round(0.09 * NANO) + 5 * NANO
    assert world.measure(NOW - HOUR_MS, NOW, as_of_s=NOW // 1000).performance == before.performance


def test_heartbeats_that_cannot_have_come_yet_are_not_missing() -> None:
    world = World()
    link_meter(Link("m", "v", 0, None), links=world.links)
    world.post(*session(NOW - HOUR_MS, 60))
    assert world.measure(NOW - HOUR_MS, NOW + 23 * HOUR_MS).performance.coverage == 1.0


def test_a_vehicle_never_heard_of_is_not_found() -> None:
    with pytest.raises(NotFound, match="vehicle v"):
        World().measure(NOW - HOUR_MS, NOW)


def test_nothing_becomes_live_when_its_heartbeats_could_not_be_stored() -> None:
    world = World()
    world.hot.broken = True
    with pytest.raises(TransientError):
        world.post([(NOW, 1.0)], [])
    assert world.hot.latest == {}

"""Energy from the grid against energy into the battery."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattline.domain.energy import NANO
from wattline.domain.fleet import Heartbeat, HeartbeatStatement
from wattline.domain.links import Link
from wattline.domain.performance import Performance, Status, performance

MINUTE = 60_000
LINKED = [Link("m", "v", 0, None)]


def vehicle(minute: int, kwh: float, *, temp: float = 30, received: int = 0, seq: int = 0) -> HeartbeatStatement:
    beat = Heartbeat("v", minute * MINUTE, (5_000, round(kwh * NANO), round(temp * 100)))
    return HeartbeatStatement(beat, received, seq)


def meter(minute: int, kwh: float, *, name: str = "m", received: int = 0) -> HeartbeatStatement:
    return HeartbeatStatement(Heartbeat(name, minute * MINUTE, (round(kwh * NANO), 23_000)), received, 0)


def measured(
    vehicles: list[HeartbeatStatement],
    meters: list[HeartbeatStatement],
    links: list[Link] | None = None,
    minutes: int = 10,
) -> Performance:
    return performance(vehicles, meters, LINKED if links is None else links, 0, minutes * MINUTE)


def charging(dc: float, ac: float = 0.1) -> Performance:
    return measured([vehicle(n, dc) for n in range(10)], [meter(n, ac) for n in range(10)])


def test_a_charger_that_loses_little_is_ok() -> None:
    found = charging(0.09)
    assert (found.ac, found.dc, found.coverage) == (NANO, 9 * NANO // 10, 1.0)
    assert found.ratio == pytest.approx(0.9)
    assert found.battery_temp == 30
    assert (found.vehicle_readings, found.meter_readings) == (10, 10)
    assert found.status is Status.OK


@pytest.mark.parametrize(
    ("dc", "status"),
    [(0.085, Status.OK), (0.0849, Status.FAULT), (0.1, Status.OK), (0.1001, Status.DATA_QUALITY), (0.0, Status.FAULT)],
)
def test_the_status_follows_the_ratio(dc: float, status: Status) -> None:
    assert charging(dc).status is status


def test_little_energy_tells_nothing_whatever_the_ratio() -> None:
    assert charging(0.02, ac=0.009).status is Status.INSUFFICIENT_DATA
    assert charging(0.02, ac=0.01).status is Status.DATA_QUALITY


def test_without_a_linked_meter_there_is_no_ratio() -> None:
    found = measured([vehicle(n, 0.09) for n in range(10)], [meter(n, 0.1) for n in range(10)], links=[])
    assert (found.ac, found.ratio, found.meter_readings, found.status) == (0, None, 0, Status.INSUFFICIENT_DATA)
    assert found.dc == 9 * NANO // 10


def test_energy_counts_only_while_linked() -> None:
    links = [Link("m", "v", 5 * MINUTE, 8 * MINUTE)]
    found = measured([vehicle(n, 0.09) for n in range(10)], [meter(n, 0.1) for n in range(10)], links)
    assert (found.ac, found.meter_readings, found.coverage) == (3 * NANO // 10, 3, 1.0)
    assert found.ratio == pytest.approx(0.9)


def test_minutes_that_only_one_side_reported_do_not_distort_the_ratio() -> None:
    found = measured([vehicle(n, 0.09) for n in range(2, 10)], [meter(n, 0.1) for n in range(7)])
    assert found.ratio == pytest.approx(0.9)
    assert found.coverage == pytest.approx(0.7)
    assert found.ac == 7 * NANO // 10


def test_a_minute_counts_only_when_every_linked_meter_reported() -> None:
    links = [Link("m", "v", 0, None), Link("n", "v", 0, None)]
    meters = [meter(n, 0.05) for n in range(10)] + [meter(n, 0.05, name="n") for n in range(8)]
    found = measured([vehicle(n, 0.09) for n in range(10)], meters, links)
    assert found.ratio == pytest.approx(0.9)
    assert found.coverage == pytest.approx(0.9)


def test_less_than_half_of_the_heartbeats_tell_nothing() -> None:
    assert measured([vehicle(n, 0.9) for n in range(4)], [meter(n, 1) for n in range(10)]).status is (
        Status.INSUFFICIENT_DATA
    )
    assert measured([vehicle(n, 0.9) for n in range(5)], [meter(n, 1) for n in range(10)]).status is Status.OK


def test_nothing_at_all_is_no_error() -> None:
    found = measured([], [], [])
    assert (found.ac, found.dc, found.ratio, found.battery_temp, found.coverage) == (0, 0, None, None, 0)
    assert found.status is Status.INSUFFICIENT_DATA


def test_a_correction_replaces_and_a_repeat_counts_once() -> None:
    beats = [vehicle(n, 0.09) for n in range(10)]
    corrected = [*beats, *beats, vehicle(3, 0.05, received=9), vehicle(3, 0.07, received=8)]
    found = measured(corrected, [meter(n, 0.1) for n in range(10)])
    assert found.dc == round(0.86 * NANO)
    assert found.vehicle_readings == 10


@given(st.permutations([vehicle(n, 0.09, received=n % 3) for n in range(8)] + [vehicle(2, 0.01, received=7)]))
def test_the_order_of_arrival_is_irrelevant(beats: list[HeartbeatStatement]) -> None:
    meters = [meter(n, 0.1) for n in range(8)]
    assert measured(beats, meters) == measured(sorted(beats, key=lambda said: said.rank), meters)

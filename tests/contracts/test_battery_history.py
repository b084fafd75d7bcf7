"""What every `BatteryHistory` promises: the same suite on the fake and on Athena's SQL, run by the local engine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

import pytest

from tests.battery_fakes import FakeBatteryHistory, points
from tests.fakes import FakeLake
from tests.integration.athena_endpoint import Endpoint, running_endpoint
from wattline.adapters.battery_history import AthenaBatteryHistory
from wattline.domain.batteries import MICRO, MetricBucket, MetricPoint, Point
from wattline.domain.instants import DAY_MS, FOREVER_MS, HOUR_MS, MINUTE_MS, parse_instant
from wattline.domain.registers import Run
from wattline.ports import BatteryHistory, MetricRange
from wattline.services.batteries import telemetry_batch
from wattline.tables import BATTERY_TELEMETRY

NOON = parse_instant("2025-02-06T12:00:00Z")
REGISTER, CHARGE = "BatteryImportKwh", "StateOfChargePercentage"


class Store(Protocol):
    """Where a test puts points."""

    def __call__(self, said: Sequence[Point], *, device: str = "b", received_ms: int = 0) -> None: ...


@dataclass
class Filled:
    """A history and the way to fill it."""

    history: BatteryHistory
    store: Store


@dataclass
class _EndpointStore:
    endpoint: Endpoint
    objects: list[str] = field(default_factory=list)

    def __call__(self, said: Sequence[Point], *, device: str = "b", received_ms: int = 0) -> None:
        by_month: dict[str, list[Point]] = {}
        for point in said:
            by_month.setdefault(BATTERY_TELEMETRY.dt_of(point.ts_ms), []).append(point)
        for dt, of_month in by_month.items():
            rows = telemetry_batch(device, of_month, received_ms).rows
            name = str(len(self.objects))
            self.objects.append(self.endpoint.put(rows, dt=dt, name=name, table=BATTERY_TELEMETRY))


@dataclass
class _FakeStore:
    history: FakeBatteryHistory

    def __call__(self, said: Sequence[Point], *, device: str = "b", received_ms: int = 0) -> None:
        self.history.store(device, said, received_ms, str(len(self.history.lake.objects)))


@pytest.fixture(params=["fake", "athena"])
def filled(request: pytest.FixtureRequest) -> Iterator[Filled]:
    if request.param == "fake":
        fake = FakeBatteryHistory(FakeLake())
        yield Filled(fake, _FakeStore(fake))
        return
    with running_endpoint() as endpoint:
        yield Filled(AthenaBatteryHistory(endpoint.queries()), _EndpointStore(endpoint))


def wanted(
    metric: str = REGISTER, start_ms: int = NOON, end_ms: int = NOON + DAY_MS, as_of_ms: int = FOREVER_MS
) -> MetricRange:
    return MetricRange("b", metric, start_ms, end_ms, as_of_ms)


def shown(history: BatteryHistory, range_: MetricRange) -> list[float]:
    return [point.value / MICRO for point in history.points(range_, 1_000).found]


def test_nothing_stored_is_nothing_found_and_complete(filled: Filled) -> None:
    for found in (
        filled.history.points(wanted(), 10),
        filled.history.buckets(wanted(), HOUR_MS, 10),
        filled.history.runs(wanted(), HOUR_MS, DAY_MS, 10),
    ):
        assert (found.found, found.complete_until_ms) == ([], NOON + DAY_MS)


def test_points_of_one_battery_and_metric_come_in_order_of_time_and_exactly(filled: Filled) -> None:
    values = [(NOON + 4_000, -0.000001), (NOON, 999_999_999.5), (NOON + 4, 7.25)]
    filled.store(points("GridPowerW-mainmeter", values))
    filled.store(points("GridPowerW", [(NOON, 1)]))
    filled.store(points("GridPowerW-mainmeter", [(NOON, 2)]), device="c")
    found = filled.history.points(wanted("GridPowerW-mainmeter"), 10)
    assert found.found == [
        MetricPoint(NOON, 999_999_999_500_000),
        MetricPoint(NOON + 4, 7_250_000),
        MetricPoint(NOON + 4_000, -1),
    ]
    assert found.scanned_bytes > 0


def test_a_name_with_a_quote_is_a_name(filled: Filled) -> None:
    filled.store(points("it's ? %", [(NOON, 1)]))
    assert shown(filled.history, wanted("it's ? %")) == [1]


def test_of_points_about_one_moment_the_newest_holds_then_the_later_in_the_response(filled: Filled) -> None:
    filled.store(points(CHARGE, [(NOON, 1), (NOON, 2)]), received_ms=5_000)
    assert shown(filled.history, wanted(CHARGE)) == [2]
    filled.store(points(CHARGE, [(NOON, 3)]), received_ms=4_000)
    assert shown(filled.history, wanted(CHARGE)) == [2]
    filled.store(points(CHARGE, [(NOON, 4)]), received_ms=6_000)
    assert shown(filled.history, wanted(CHARGE)) == [4]
    assert shown(filled.history, wanted(CHARGE, as_of_ms=5_999)) == [2]


def test_a_range_holds_its_start_and_not_its_end_over_the_turn_of_a_month(filled: Filled) -> None:
    turn = parse_instant("2025-03-01T00:00:00Z")
    filled.store(points(CHARGE, [(turn + n, n) for n in (-2, -1, 0, 1)]))
    assert shown(filled.history, wanted(CHARGE, turn - 1, turn + 1)) == [-1, 0]


def test_buckets_tell_count_extremes_sum_and_the_last(filled: Filled) -> None:
    filled.store(points(CHARGE, [(NOON + 59_999, 50), (NOON, 10.5), (NOON + 1_000, 30), (NOON + 60_000, 7)]))
    found = filled.history.buckets(wanted(CHARGE), MINUTE_MS, 10).found
    assert found == [
        MetricBucket(NOON, 3, 10_500_000, 50_000_000, 90_500_000, 50_000_000),
        MetricBucket(NOON + MINUTE_MS, 1, 7_000_000, 7_000_000, 7_000_000, 7_000_000),
    ]
    assert found[0].mean == pytest.approx(30.166_667)


@pytest.mark.parametrize("step_ms", [MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, DAY_MS])
def test_buckets_begin_at_whole_steps_of_utc(filled: Filled, step_ms: int) -> None:
    times = [NOON + n * 37 * MINUTE_MS for n in range(90)]
    filled.store(points(CHARGE, [(ts_ms, 1) for ts_ms in times]))
    day = wanted(CHARGE, NOON - DAY_MS // 2, NOON + 3 * DAY_MS)
    found = filled.history.buckets(day, step_ms, 1_000).found
    assert [bucket.bucket_ms for bucket in found] == sorted({ts_ms // step_ms * step_ms for ts_ms in times})


def test_runs_are_cut_where_a_register_falls_and_by_bucket(filled: Filled) -> None:
    filled.store(points(REGISTER, [(NOON + n * 1_000, v) for n, v in enumerate((5, 5, 9, 2, 3))]))
    filled.store(points(REGISTER, [(NOON + HOUR_MS, 4)]))
    found = filled.history.runs(wanted(), HOUR_MS, DAY_MS, 10).found
    assert [(run.bucket_ms - NOON, run.count, run.first / MICRO, run.last / MICRO) for run in found] == [
        (0, 3, 5, 9),
        (0, 2, 2, 3),
        (HOUR_MS, 1, 4, 4),
    ]


def test_what_a_register_showed_up_to_a_day_before_comes_first_as_one_bucket(filled: Filled) -> None:
    times = (-DAY_MS - 1, -DAY_MS, -5 * HOUR_MS, -1, 0)
    filled.store(points(REGISTER, [(NOON + after, n) for n, after in enumerate(times)]))
    found = filled.history.runs(wanted(), MINUTE_MS, DAY_MS, 10).found
    assert found == [
        Run(NOON - MINUTE_MS, 3, MICRO, 3 * MICRO),
        Run(NOON, 1, 4 * MICRO, 4 * MICRO),
    ]
    assert filled.history.runs(wanted(), MINUTE_MS, 0, 10).found == found[1:]


@pytest.mark.parametrize("at_least", [1, 3, 50])
def test_a_read_that_ends_early_has_enough_and_cuts_no_bucket(filled: Filled, at_least: int) -> None:
    random = Random(at_least)
    values = [(NOON + n * 10 * MINUTE_MS, random.uniform(0, 100)) for n in range(144)]
    filled.store(points(REGISTER, values))
    all_of_it = filled.history.runs(wanted(), HOUR_MS, 0, 10_000)
    assert all_of_it.complete_until_ms == NOON + DAY_MS
    start_ms, found = NOON, []
    while start_ms < NOON + DAY_MS:
        part = filled.history.runs(wanted(start_ms=start_ms), HOUR_MS, 0, at_least)
        buckets = {run.bucket_ms for run in part.found}
        assert len(buckets) >= at_least or part.complete_until_ms == NOON + DAY_MS
        assert all(start_ms <= bucket < part.complete_until_ms for bucket in buckets)
        found += part.found
        start_ms = part.complete_until_ms
    assert found == all_of_it.found
    points_found = filled.history.points(wanted(), at_least)
    assert len(points_found.found) >= at_least
    assert len(filled.history.buckets(wanted(), HOUR_MS, at_least).found) >= min(at_least, 24)


def test_a_register_that_only_falls_is_read_whole(filled: Filled) -> None:
    filled.store(points(REGISTER, [(NOON + n * 1_000, 500 - n) for n in range(400)]))
    found = filled.history.runs(wanted(), HOUR_MS, 0, 1)
    assert [run.count for run in found.found] == [1] * 400
    assert found.complete_until_ms == NOON + DAY_MS

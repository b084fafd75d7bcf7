"""Take batteries' telemetry, and read it."""

from collections.abc import Iterable
from dataclasses import dataclass

from wattline.batches import Batch
from wattline.domain.batteries import Battery, MetricBucket, MetricPoint, Point, is_register
from wattline.domain.instants import DAY_MS
from wattline.domain.registers import RegisterBucket, differences
from wattline.errors import InvalidRequest, NotFound
from wattline.ports import BatteryHistory, HotBatteries, MetricRange
from wattline.tables import BATTERY_TELEMETRY

REGISTER_REACH_MS = DAY_MS
"""How far before a range the last reading of a register is looked for, to know the first difference."""


def telemetry_batch(device_id: str, points: Iterable[Point], received_ms: int) -> Batch:
    """Points of one response as rows of `battery_telemetry`."""
    return Batch(
        BATTERY_TELEMETRY,
        tuple((device_id, point.metric, point.ts_ms, point.value, received_ms, point.seq) for point in points),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page goes on: from which time, and for a register, from which mark (see `RegisterBucket.level`)."""

    from_ms: int
    level: int | None = None


@dataclass(frozen=True, slots=True)
class TelemetryQuery:
    """A page of a metric: buckets that start in [start, end), or for `step_ms` None the points themselves."""

    device_id: str
    metric: str
    start_ms: int
    end_ms: int
    step_ms: int | None
    as_of_ms: int
    limit: int
    place: Place | None = None

    @property
    def is_differences(self) -> bool:
        """Whether the answer is the energy that a register counted."""
        return self.step_ms is not None and is_register(self.metric)


TelemetryRow = MetricPoint | MetricBucket | RegisterBucket


@dataclass(frozen=True, slots=True)
class TelemetryPage:
    """Rows of one kind in time order, where the next page goes on (None at the end), and the bytes read."""

    rows: list[TelemetryRow]
    next: Place | None
    scanned_bytes: int


def known_battery(device_id: str, *, hot: HotBatteries) -> Battery:
    """What is known of a battery now. Raises NotFound."""
    battery = hot.get(device_id)
    if battery is None:
        raise NotFound(f"no battery {device_id} was ever listed and no reading of it was ever received")
    return battery


def read_telemetry(query: TelemetryQuery, *, hot: HotBatteries, history: BatteryHistory) -> TelemetryPage:
    """Read a page. Raises NotFound for an unknown battery, InvalidRequest for a metric that it does not have."""
    battery = known_battery(query.device_id, hot=hot)
    if query.metric not in battery.latest:
        has = ", ".join(sorted(battery.latest)) or "none yet"
        raise InvalidRequest.of_field("metric", f"battery {query.device_id} has no such metric; it has {has}")
    step_ms = query.step_ms or 1
    start_ms = _ceil(query.start_ms if query.place is None else query.place.from_ms, step_ms)
    end_ms = _ceil(query.end_ms, step_ms)
    if start_ms >= end_ms:
        return TelemetryPage([], None, 0)
    wanted = MetricRange(query.device_id, query.metric, start_ms, end_ms, query.as_of_ms)
    if query.is_differences:
        return _differences(query, wanted, history)
    if query.step_ms is None:
        points = history.points(wanted, query.limit + 1)
        next_ms = points.found[query.limit].ts_ms if len(points.found) > query.limit else None
        return _page(points.found[: query.limit], next_ms, points.scanned_bytes)
    buckets = history.buckets(wanted, query.step_ms, query.limit + 1)
    next_ms = buckets.found[query.limit].bucket_ms if len(buckets.found) > query.limit else None
    return _page(buckets.found[: query.limit], next_ms, buckets.scanned_bytes)


def _ceil(instant_ms: int, step_ms: int) -> int:
    return -(-instant_ms // step_ms) * step_ms


def _page(
    rows: Iterable[TelemetryRow], next_ms: int | None, scanned_bytes: int, level: int | None = None
) -> TelemetryPage:
    return TelemetryPage(list(rows), None if next_ms is None else Place(next_ms, level), scanned_bytes)


def _differences(query: TelemetryQuery, wanted: MetricRange, history: BatteryHistory) -> TelemetryPage:
    """A later page takes up the register's mark where the one before put it down, however long ago that was."""
    level = None if query.place is None else query.place.level
    before_ms = REGISTER_REACH_MS if level is None else 0
    runs = history.runs(wanted, query.step_ms or 1, before_ms, query.limit + 2)
    rows = [row for row in differences(runs.found, level) if row.bucket_ms >= wanted.start_ms]
    if len(rows) <= query.limit:
        return _page(rows, None, runs.scanned_bytes)
    shown = rows[: query.limit]
    return _page(shown, rows[query.limit].bucket_ms, runs.scanned_bytes, shown[-1].level)

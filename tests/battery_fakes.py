"""Fakes of what batteries need from the outside world, and makers of points. Values are in the metric's unit."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from threading import Lock
from typing import TypeVar

from tests.fakes import FakeLake
from wattline.batches import Row
from wattline.domain.batteries import MICRO, Battery, MetricBucket, MetricPoint, Point, merge
from wattline.domain.registers import Run
from wattline.errors import TransientError
from wattline.ports import BatteryPage, MetricRange, MetricSlice
from wattline.services.batteries import telemetry_batch
from wattline.tables import BATTERY_TELEMETRY

Found = TypeVar("Found")


def points(metric: str, values: Iterable[tuple[int, float]], first_seq: int = 0) -> list[Point]:
    """Points of a metric by time, in the order of a response."""
    return [
        Point(metric, ts_ms, round(value * MICRO), first_seq + number) for number, (ts_ms, value) in enumerate(values)
    ]


@dataclass
class FakeHotBatteries:
    """`HotBatteries`; `broken` makes every merge fail."""

    broken: bool = False
    batteries: dict[str, Battery] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def merge(self, said: Battery) -> None:
        if self.broken:
            raise TransientError("the fake table is broken")
        with self._lock:
            self.batteries[said.device_id] = merge(self.batteries.get(said.device_id, Battery(said.device_id)), said)

    def get(self, device_id: str) -> Battery | None:
        return self.batteries.get(device_id)

    def page(self, *, after: str | None, limit: int) -> BatteryPage:
        names = sorted(name for name in self.batteries if name > (after or "00")[2:])
        shown = [self.batteries[name] for name in names[:limit]]
        return BatteryPage(shown, f"00{names[limit - 1]}" if len(names) > limit else None)


@dataclass
class FakeBatteryHistory:
    """`BatteryHistory` over what a `FakeLake` holds; every read finds `scanned_bytes`."""

    lake: FakeLake
    scanned_bytes: int = 100

    def store(self, device_id: str, said: Sequence[Point], received_ms: int = 0, name: str = "one") -> None:
        """As the file loader does."""
        self.lake.append([telemetry_batch(device_id, said, received_ms)], name)

    def points(self, wanted: MetricRange, at_least: int) -> MetricSlice[MetricPoint]:
        return self._cut(self._in_force(wanted), wanted, at_least, lambda point: point.ts_ms)

    def buckets(self, wanted: MetricRange, step_ms: int, at_least: int) -> MetricSlice[MetricBucket]:
        found = []
        for bucket_ms, group in groupby(self._in_force(wanted), lambda point: point.ts_ms // step_ms * step_ms):
            values = [point.value for point in group]
            found.append(MetricBucket(bucket_ms, len(values), min(values), max(values), sum(values), values[-1]))
        return self._cut(found, wanted, at_least, lambda bucket: bucket.bucket_ms)

    def runs(self, wanted: MetricRange, step_ms: int, before_ms: int, at_least: int) -> MetricSlice[Run]:
        earlier = MetricRange(
            wanted.device_id, wanted.metric, wanted.start_ms - before_ms, wanted.end_ms, wanted.as_of_ms
        )
        found: list[Run] = []
        for point in self._in_force(earlier):
            bucket_ms = max(point.ts_ms // step_ms * step_ms, wanted.start_ms - step_ms)
            if found and found[-1].bucket_ms == bucket_ms and found[-1].last <= point.value:
                found[-1] = Run(bucket_ms, found[-1].count + 1, found[-1].first, point.value)
            else:
                found.append(Run(bucket_ms, 1, point.value, point.value))
        return self._cut(found, wanted, at_least, lambda run: run.bucket_ms)

    def _in_force(self, wanted: MetricRange) -> list[MetricPoint]:
        newest: dict[int, tuple[int, int, int]] = {}
        for row in self._rows(wanted):
            _, _, ts_ms, value, received_ms, seq = (row[0], row[1], *map(int, row[2:]))
            if wanted.start_ms <= ts_ms < wanted.end_ms and received_ms <= wanted.as_of_ms:
                newest[ts_ms] = max(newest.get(ts_ms, (-1, -1, 0)), (received_ms, seq, value))
        return [MetricPoint(ts_ms, value) for ts_ms, (_, _, value) in sorted(newest.items())]

    def _rows(self, wanted: MetricRange) -> Iterable[Row]:
        for (table, _, _), rows in self.lake.objects.items():
            if table == BATTERY_TELEMETRY.name:
                yield from (row for row in rows if row[:2] == (wanted.device_id, wanted.metric))

    def _cut(
        self, found: list[Found], wanted: MetricRange, at_least: int, place: Callable[[Found], int]
    ) -> MetricSlice[Found]:
        """As early as the port allows."""
        places = sorted({place(each) for each in found})
        until = places[at_least] if len(places) > at_least else wanted.end_ms
        return MetricSlice([each for each in found if place(each) < until], until, self.scanned_bytes)

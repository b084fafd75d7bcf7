"""Batteries: what their series say, and what is known of a battery now.

A battery has whatever series its vendor reports: powers in W, the state of charge in %, registers in kWh. A value is
carried as an integer of millionths, the scale of its column.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple

MICRO = 10**6
"""Millionths in a unit."""

CAPACITY_MICRO = 10**18 - 1
"""The largest value that the column DECIMAL(18, 6) holds."""

STATE_OF_CHARGE = "StateOfChargePercentage"
ENERGY_IN = "BatteryImportKwh"
ENERGY_OUT = "BatteryExportKwh"

MAX_METRICS = 500
"""What the live state of one battery shows at most: those heard of last. With the longest names they fit an item."""


def is_register(metric: str) -> bool:
    """Whether a series is a cumulative register: `...Kwh`, before the place that a hyphen may add (`-mainmeter`)."""
    return metric.partition("-")[0].endswith("Kwh")


class Point(NamedTuple):
    """One value of one series; `value` in millionths, `seq` its position in what was received with it."""

    metric: str
    ts_ms: int
    value: int
    seq: int


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A value in force, in millionths."""

    ts_ms: int
    value: int


@dataclass(frozen=True, slots=True)
class MetricBucket:
    """The values of a metric in a bucket of time, in millionths; `last` is the one of the latest moment."""

    bucket_ms: int
    count: int
    minimum: int
    maximum: int
    total: int
    last: int

    @property
    def mean(self) -> float:
        """In the metric's unit."""
        return self.total / self.count / MICRO


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest value of a metric and when it was received."""

    ts_ms: int
    received_ms: int
    seq: int
    value: int

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """The greatest rank holds: the newer moment, of one moment the newer statement; else the values decide."""
        return (self.ts_ms, self.received_ms, self.seq, self.value)


@dataclass(frozen=True, slots=True)
class Description:
    """What the vendor's list of assets says of a battery, and when that was received."""

    text: str | None
    state: str | None
    received_ms: int
    seq: int

    @property
    def rank(self) -> tuple[int, int, str, str]:
        """The greatest rank holds."""
        return (self.received_ms, self.seq, self.text or "", self.state or "")


@dataclass(frozen=True, slots=True)
class Battery:
    """What is known of a battery now: its description, if it was ever listed, and each metric's latest value."""

    device_id: str
    description: Description | None = None
    latest: Mapping[str, Latest] = field(default_factory=dict)


def latest_of(device_id: str, points: Iterable[Point], received_ms: int) -> Battery:
    """What one response says of a battery's present."""
    latest: dict[str, Latest] = {}
    for point in points:
        if point.metric in latest and point.ts_ms < latest[point.metric].ts_ms:
            continue
        said = Latest(point.ts_ms, received_ms, point.seq, point.value)
        if point.metric not in latest or latest[point.metric].rank < said.rank:
            latest[point.metric] = said
    return Battery(device_id, latest=latest)


def merge(one: Battery, other: Battery) -> Battery:
    """What holds of two states of the same battery, whichever came first (tests/property/test_battery_laws.py)."""
    descriptions = [each.description for each in (one, other) if each.description is not None]
    latest = dict(one.latest)
    for metric, said in other.latest.items():
        if metric not in latest or latest[metric].rank < said.rank:
            latest[metric] = said
    if len(latest) > MAX_METRICS:
        latest = dict(nlargest(MAX_METRICS, latest.items(), key=lambda item: (item[1].rank, item[0])))
    return Battery(one.device_id, max(descriptions, key=lambda each: each.rank, default=None), latest)

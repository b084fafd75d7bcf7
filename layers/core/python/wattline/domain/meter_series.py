"""The load profile of a meter as a reader sees it: calendar buckets, totals, gaps, patterns and the heatmap.

Energies are integers of nano-kWh. A reading is a quarter hour's energy, so its mean power in kW is four times its
kWh. Means and deviations are over readings, never over slots without one.
"""

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import pairwise

from wattline.domain.instants import INTERVAL_MS, interval_ceil
from wattline.domain.local_calendar import (
    WEEKDAYS,
    CalendarBucket,
    Days,
    Grain,
    LocalRange,
    Stretch,
    buckets,
    local,
)

HOURS = 24


@dataclass(frozen=True, slots=True)
class MeterReading:
    """A quarter hour's energy; `ts_ms` is its begin."""

    ts_ms: int
    amount: int
    quality: str


@dataclass(frozen=True, slots=True)
class BucketEnergy:
    """A bucket's sum, None without a reading; `expected` is the number of readings a complete one has."""

    start_ms: int
    amount: int | None
    expected: int
    by_quality: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Readings found."""
        return sum(self.by_quality.values())


def bucketed(readings: Iterable[MeterReading], units: Sequence[CalendarBucket]) -> list[BucketEnergy]:
    """The sum of each bucket, those without readings among them. Readings outside all parts do not count."""
    parts = sorted((part.start_ms, part.end_ms, number) for number, unit in enumerate(units) for part in unit.parts)
    starts = [start for start, _, _ in parts]
    amounts: dict[int, int] = defaultdict(int)
    qualities: dict[int, Counter[str]] = defaultdict(Counter)
    for reading in readings:
        at = bisect_right(starts, reading.ts_ms) - 1
        if at >= 0 and reading.ts_ms < parts[at][1]:
            number = parts[at][2]
            amounts[number] += reading.amount
            qualities[number][reading.quality] += 1
    return [
        BucketEnergy(unit.start_ms, amounts.get(number), unit.quarter_hours, dict(qualities[number]))
        for number, unit in enumerate(units)
    ]


def on_days(readings: Iterable[MeterReading], wanted: LocalRange) -> list[MeterReading]:
    """The readings of local days that count."""
    if wanted.days is Days.ALL:
        return list(readings)
    return [reading for reading in readings if wanted.days.holds(local(reading.ts_ms, wanted.zone).date())]


@dataclass(frozen=True, slots=True)
class Spread:
    """Readings of one kind: kWh a quarter hour; `deviation` is the sample's (n - 1), None for a single reading."""

    count: int
    mean: float
    deviation: float | None
    minimum: float
    maximum: float


def spread(values: Sequence[float]) -> Spread | None:
    """None without a value."""
    if not values:
        return None
    count, mean = len(values), math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1)) if count > 1 else None
    return Spread(count, mean, deviation, min(values), max(values))


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole range; `peak_hour` is the hour of the wall clock with the most energy."""

    amount: int
    expected: int
    by_quality: Mapping[str, int]
    spread: Spread | None
    peak_hour: BucketEnergy | None
    gaps: tuple[Stretch, ...]


def totals(readings: Sequence[MeterReading], wanted: LocalRange, unit: float) -> Totals:
    """What all readings of a range say; `unit` is the amount of one kWh."""
    hours = bucketed(readings, list(buckets(wanted, Grain.HOUR)))
    measured = [hour for hour in hours if hour.amount is not None]
    return Totals(
        amount=sum(reading.amount for reading in readings),
        expected=sum(hour.expected for hour in hours),
        by_quality=dict(Counter(reading.quality for reading in readings)),
        spread=spread([reading.amount / unit for reading in readings]),
        peak_hour=max(measured, key=lambda hour: (hour.amount or 0, -hour.start_ms), default=None),
        gaps=tuple(gaps(readings, wanted)),
    )


def gaps(readings: Iterable[MeterReading], wanted: LocalRange) -> list[Stretch]:
    """The stretches of quarter hours of a range, on days that count, that have no reading."""
    known = {reading.ts_ms for reading in readings}
    found: list[Stretch] = []
    for unit in buckets(wanted, Grain.DAY):
        for part in unit.parts:
            for at in range(interval_ceil(part.start_ms), part.end_ms, INTERVAL_MS):
                if at in known:
                    continue
                if found and found[-1].end_ms == at:
                    found[-1] = Stretch(found[-1].start_ms, at + INTERVAL_MS)
                else:
                    found.append(Stretch(at, at + INTERVAL_MS))
    return found


def missing_between(times: Iterable[int]) -> list[Stretch]:
    """The gaps between the first and the last of some quarter hours."""
    return [
        Stretch(earlier + INTERVAL_MS, later)
        for earlier, later in pairwise(sorted(set(times)))
        if later - earlier > INTERVAL_MS
    ]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Of a quarter hour's energy: by hour of the wall clock, by weekday (Monday first), and by both."""

    by_hour: tuple[Spread | None, ...]
    by_weekday: tuple[Spread | None, ...]
    heatmap: tuple[tuple[Spread | None, ...], ...]
    """[weekday][hour]."""


def patterns(readings: Iterable[MeterReading], zone: tzinfo, unit: float) -> Patterns:
    """When energy flows; `unit` is the amount of one kWh."""
    cells: dict[tuple[int, int], list[float]] = defaultdict(list)
    for reading in readings:
        wall = local(reading.ts_ms, zone)
        cells[wall.weekday(), wall.hour].append(reading.amount / unit)

    def where(matches: Callable[[int, int], bool]) -> Spread | None:
        return spread(
            [value for (weekday, hour), values in cells.items() if matches(weekday, hour) for value in values]
        )

    week = range(len(WEEKDAYS))
    return Patterns(
        tuple(where(lambda _, h, hour=hour: h == hour) for hour in range(HOURS)),  # type: ignore[misc]
        tuple(where(lambda w, _, weekday=weekday: w == weekday) for weekday in week),  # type: ignore[misc]
        tuple(tuple(spread(cells[weekday, hour]) for hour in range(HOURS)) for weekday in week),
    )

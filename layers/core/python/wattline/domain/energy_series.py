"""A range of quarter hours as a reader sees it: what was measured, and how gaps are filled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from wattline.domain.energy import IntervalEnergy, intervals_of, round_half_up
from wattline.domain.instants import HOUR_MS, INTERVAL_MS

LINEAR_REACH_MS = 2 * HOUR_MS
"""`Fill.LINEAR` bridges gaps up to this long; a longer one stays missing."""


class Fill(StrEnum):
    """What a reader wants for quarter hours nobody spoke of."""

    NONE = "none"
    NULL = "null"
    ZERO = "zero"
    LINEAR = "linear"


class Quality(StrEnum):
    """Where a value comes from: measured for the whole quarter hour, for a part of it, filled in, or nowhere."""

    MEASURED = "measured"
    PARTIAL = "partial"
    ESTIMATED = "estimated"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Point:
    """One quarter hour in an answer; `amount` is in nano-kWh, `coverage` 0 to 1."""

    interval_ms: int
    amount: int | None
    coverage: float
    quality: Quality


def series(intervals: Iterable[IntervalEnergy], start_ms: int, end_ms: int, fill: Fill) -> list[Point]:
    """The points of [start, end) in time order.

    For `Fill.LINEAR` the intervals may reach beyond the range by `LINEAR_REACH_MS`: a gap at the edge is then
    filled from its true neighbours, and an answer never depends on where a page was cut.
    """
    known = {interval.interval_ms: interval for interval in intervals}
    if fill is Fill.NONE:
        return [_measured(known[at]) for at in sorted(known) if start_ms <= at < end_ms]
    return [_measured(known[at]) if at in known else _filled(at, known, fill) for at in intervals_of(start_ms, end_ms)]


def _measured(interval: IntervalEnergy) -> Point:
    quality = Quality.MEASURED if interval.covered_ms == INTERVAL_MS else Quality.PARTIAL
    return Point(interval.interval_ms, interval.amount, interval.coverage, quality)


def _filled(at: int, known: Mapping[int, IntervalEnergy], fill: Fill) -> Point:
    if fill is Fill.ZERO:
        return Point(at, 0, 0.0, Quality.MISSING)
    if fill is Fill.LINEAR:
        amount = _interpolated(at, known)
        if amount is not None:
            return Point(at, amount, 0.0, Quality.ESTIMATED)
    return Point(at, None, 0.0, Quality.MISSING)


def _interpolated(at: int, known: Mapping[int, IntervalEnergy]) -> int | None:
    """On the straight line between the neighbours of a gap of at most `LINEAR_REACH_MS`, else None."""
    reach = LINEAR_REACH_MS // INTERVAL_MS
    before = next((n for n in range(1, reach + 1) if at - n * INTERVAL_MS in known), None)
    after = next((n for n in range(1, reach + 1) if at + n * INTERVAL_MS in known), None)
    if before is None or after is None or before + after - 1 > reach:
        return None
    left, right = known[at - before * INTERVAL_MS].amount, known[at + after * INTERVAL_MS].amount
    return round_half_up(left * after + right * before, before + after)

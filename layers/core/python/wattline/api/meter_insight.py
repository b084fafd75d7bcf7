"""The wire of what a load profile tells: buckets, totals, patterns, cost and autocorrelation."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel

from wattline.domain.autocorrelation import Lag
from wattline.domain.energy import NANO
from wattline.domain.instants import format_instant
from wattline.domain.local_calendar import WEEKDAYS
from wattline.domain.meter_series import HOURS, BucketEnergy, Patterns, Spread, Totals
from wattline.domain.tariffs import Cost, shown
from wattline.services.meter_readings import Include, Insight

SHOWN_GAPS = 100
UNIT_OF_SPREAD = "kWh per quarter hour"


class MeterBucket(BaseModel, defer_build=True):
    """A reading or a calendar unit: kWh, readings found and expected (quarter hours asked for), and their quality.

    `start` is the unit's edge, also where the range begins inside the unit.
    """

    start: str
    value: float | None
    count: int
    expected: int
    by_quality: dict[str, int]


class SpreadState(BaseModel, defer_build=True):
    """kWh per quarter hour; `std` is the sample's standard deviation."""

    count: int
    mean: float
    std: float | None
    min: float
    max: float


class HourSpread(SpreadState, defer_build=True):
    """Of one hour of the wall clock, 0 to 23."""

    hour: int


class WeekdaySpread(SpreadState, defer_build=True):
    """Of one weekday."""

    weekday: str


class Gap(BaseModel, defer_build=True):
    """[start, end) without a reading."""

    start: str
    end: str
    missing: int


class StatsState(BaseModel, defer_build=True):
    """The whole range; `gaps` shows the first hundred, `gap_count` counts them all."""

    total: float
    count: int
    expected: int
    by_quality: dict[str, int]
    readings: SpreadState | None
    peak_hour: MeterBucket | None
    gaps: list[Gap]
    gap_count: int


class PatternsState(BaseModel, defer_build=True):
    """By hour of the wall clock and by weekday; those without a reading are left out."""

    unit: str
    by_hour: list[HourSpread]
    by_weekday: list[WeekdaySpread]


class HeatmapState(BaseModel, defer_build=True):
    """Means by weekday (rows, Monday first) and hour of the wall clock (columns); null without a reading."""

    unit: str
    weekdays: list[str]
    hours: list[int]
    mean: list[list[float | None]]
    count: list[list[int]]


class CostLineState(BaseModel, defer_build=True):
    """What one price adds; `share` of the energy that has a price."""

    tariff: str
    period: str
    kwh: float
    share: float
    price: str
    cost: str


class CostState(BaseModel, defer_build=True):
    """Money is decimal text; `effective_rate` is of a kWh, without the standing charge."""

    currency: str
    total: str
    energy: str
    standing_charge: str
    periods: list[CostLineState]
    effective_rate: str | None
    if_all_high: str | None
    if_all_low: str | None
    saving_from_shifting: str | None
    unpriced_kwh: float


class LagState(BaseModel, defer_build=True):
    """The correlation of hours `lag` apart, over `n` pairs; without memory it lies within +-`band` with 95 %."""

    lag: int
    r: float | None
    n: int
    band: float | None


class AutocorrelationState(BaseModel, defer_build=True):
    """Of the energy of whole hours."""

    unit: str
    lags: list[LagState]


def insight_content(include: Iterable[Include], found: Insight | None) -> dict[str, object]:
    """What was asked for beside the buckets, as JSON."""
    if found is None:
        return {}
    content: dict[str, object] = {}
    if found.totals is not None:
        content["stats"] = _stats(found.totals)
    if found.patterns is not None and Include.PATTERNS in include:
        content["patterns"] = _patterns(found.patterns)
    if found.patterns is not None and Include.HEATMAP in include:
        content["heatmap"] = _heatmap(found.patterns)
    if found.cost is not None:
        content["cost"] = _cost(found.cost)
    if found.autocorrelation is not None:
        content["autocorrelation"] = {"unit": "hours", "lags": [_lag(lag) for lag in found.autocorrelation]}
    return content


def _stats(totals: Totals) -> dict[str, object]:
    gaps = [
        {"start": format_instant(gap.start_ms), "end": format_instant(gap.end_ms), "missing": gap.quarter_hours}
        for gap in totals.gaps[:SHOWN_GAPS]
    ]
    return {
        "total": totals.amount / NANO,
        "count": sum(totals.by_quality.values()),
        "expected": totals.expected,
        "by_quality": dict(sorted(totals.by_quality.items())),
        "readings": None if totals.spread is None else _spread(totals.spread),
        "peak_hour": None if totals.peak_hour is None else bucket_content(totals.peak_hour),
        "gaps": gaps,
        "gap_count": len(totals.gaps),
    }


def _spread(spread: Spread) -> dict[str, object]:
    return {
        "count": spread.count,
        "mean": spread.mean,
        "std": spread.deviation,
        "min": spread.minimum,
        "max": spread.maximum,
    }


def _patterns(patterns: Patterns) -> dict[str, object]:
    return {
        "unit": UNIT_OF_SPREAD,
        "by_hour": [{"hour": hour} | _spread(each) for hour, each in enumerate(patterns.by_hour) if each],
        "by_weekday": [
            {"weekday": name} | _spread(each) for name, each in zip(WEEKDAYS, patterns.by_weekday, strict=True) if each
        ],
    }


def _heatmap(patterns: Patterns) -> dict[str, object]:
    def cells(row: Sequence[Spread | None]) -> list[float | None]:
        return [None if cell is None else cell.mean for cell in row]

    return {
        "unit": UNIT_OF_SPREAD,
        "weekdays": list(WEEKDAYS),
        "hours": list(range(HOURS)),
        "mean": [cells(row) for row in patterns.heatmap],
        "count": [[0 if cell is None else cell.count for cell in row] for row in patterns.heatmap],
    }


def _cost(cost: Cost) -> dict[str, object]:
    return {
        "currency": cost.currency,
        "total": shown(cost.total),
        "energy": shown(cost.energy),
        "standing_charge": shown(cost.standing),
        "periods": [
            {
                "tariff": line.tariff,
                "period": line.period.value,
                "kwh": line.amount / NANO,
                "share": line.share,
                "price": str(line.price),
                "cost": shown(line.cost),
            }
            for line in cost.lines
        ],
        "effective_rate": None if cost.effective_rate is None else shown(cost.effective_rate),
        "if_all_high": None if cost.if_all_high is None else shown(cost.if_all_high),
        "if_all_low": None if cost.if_all_low is None else shown(cost.if_all_low),
        "saving_from_shifting": None if cost.saving is None else shown(cost.saving),
        "unpriced_kwh": cost.unpriced / NANO,
    }


def _lag(lag: Lag) -> dict[str, object]:
    return {"lag": lag.hours, "r": lag.correlation, "n": lag.pairs, "band": lag.band}


def bucket_content(bucket: BucketEnergy) -> dict[str, object]:
    """A bucket as JSON."""
    return {
        "start": format_instant(bucket.start_ms),
        "value": None if bucket.amount is None else bucket.amount / NANO,
        "count": bucket.count,
        "expected": bucket.expected,
        "by_quality": dict(sorted(bucket.by_quality.items())),
    }

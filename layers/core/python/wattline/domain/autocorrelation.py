"""How much a load resembles itself some hours earlier."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from wattline.domain.instants import HOUR_MS, INTERVAL_MS
from wattline.domain.meter_series import MeterReading

WEEK_HOURS = 168

_NORMAL_975 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: a series without memory stays within it in 95 of 100 lags."""


@dataclass(frozen=True, slots=True)
class Lag:
    """The correlation of pairs `hours` apart, None where they do not vary; `pairs` of hours both known.

    Without memory it would lie within +-`band` with 95 %: 1.96 / sqrt(pairs) (Bartlett's approximation for white
    noise: Box and Jenkins, Time Series Analysis, 2.1.6).
    """

    hours: int
    correlation: float | None
    pairs: int
    band: float | None


def hourly(readings: Sequence[MeterReading], unit: float) -> list[float | None]:
    """The energy of each UTC hour from the first reading to the last; None where a quarter hour is missing."""
    if not readings:
        return []
    quarters: dict[int, list[int]] = {}
    for reading in readings:
        quarters.setdefault(reading.ts_ms // HOUR_MS, []).append(reading.amount)
    complete = HOUR_MS // INTERVAL_MS
    return [
        sum(found) / unit if len(found := quarters.get(hour, [])) == complete else None
        for hour in range(min(quarters), max(quarters) + 1)
    ]


def autocorrelation(series: Sequence[float | None], lags: int = WEEK_HOURS) -> list[Lag]:
    """Lags 1 to `lags`: Pearson's correlation over the pairs of which both values are known.

    Each lag has means and deviations of its own pairs, so it lies within [-1, 1] whatever is missing.
    """
    known = [value for value in series if value is not None]
    middle = math.fsum(known) / len(known) if known else 0.0  # sums of squares lose no digits around it
    values = [0.0 if value is None else value - middle for value in series]
    present = [0.0 if value is None else 1.0 for value in series]
    squares = list(map(mul, values, values))
    return [_lag(lag, values, squares, present) for lag in range(1, lags + 1)]


def _lag(lag: int, values: Sequence[float], squares: Sequence[float], present: Sequence[float]) -> Lag:
    """Values are 0 where they are not present, so products need no mask of their own."""
    early_values, early_squares, early_present = values[:-lag], squares[:-lag], present[:-lag]
    late_values, late_squares, late_present = values[lag:], squares[lag:], present[lag:]
    pairs = int(sum(map(mul, early_present, late_present)))
    if pairs < 2:
        return Lag(lag, None, pairs, None)
    early = sum(map(mul, early_values, late_present))
    late = sum(map(mul, early_present, late_values))
    early_variance = sum(map(mul, early_squares, late_present)) - early * early / pairs
    late_variance = sum(map(mul, early_present, late_squares)) - late * late / pairs
    covariance = sum(map(mul, early_values, late_values)) - early * late / pairs
    scale = max(squares, default=0.0) * pairs
    varies = min(early_variance, late_variance) > 1e-12 * scale
    correlation = covariance / math.sqrt(early_variance * late_variance) if varies else None
    bounded = None if correlation is None else max(-1.0, min(1.0, correlation))
    return Lag(lag, bounded, pairs, _NORMAL_975 / math.sqrt(pairs))

"""The usable capacity of a battery, and how it changes, from discharges of 20 % or more.

**Quantity.** The energy that a discharge from 100 % to 0 % delivers (the actual energy capacity of IEC 62933-2-1).

**Evidence.** A *swing* is a stretch in which the battery only delivers: it delivered E while its state of charge fell
by d, so E = C x d. Where a swing begins and ends, the energy registers decide; had the state of charge a say, its
noise would choose the ends and lengthen every swing.

**Estimate.** C(t) = a + b x t is fitted to C_i = E_i / d_i by weighted least squares with the weights d_i, which
solves sum(E_i - C(t_i) d_i) = 0 and sum(t_i (E_i - C(t_i) d_i)) = 0: for b = 0 the ratio estimator sum(E) / sum(d)
(Cochran, Sampling Techniques, 3rd ed. 1977, ch. 6). Errors of d_i, such as rounding to whole percents, average out in
it; in an ordinary regression of E on d they would bias it downwards.

**Interval.** Variances are robust against swings of unequal precision: White's estimator with the correction for few
observations n / (n - 2) (HC1: MacKinnon and White, Journal of Econometrics 29, 1985); quantiles are Student's t with
n - 2 degrees of freedom. It covers errors that vary from swing to swing; a state of charge that is always 5 % wrong
makes a capacity that is 5 % wrong.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from wattline.domain.instants import DAY_MS, HOUR_MS

CONFIDENCE = 0.95
LEAST_SWING = 20.0
"""%: below, the error of the state of charge is too large a part of the swing."""
ENOUGH_SWINGS = 10
ENOUGH_DAYS = 30
"""Between the first and the last swing, for a trend."""
YEAR_MS = 365.25 * DAY_MS

_PAUSE_MS = HOUR_MS
"""A longer pause ends a swing: what the battery loses by itself meanwhile, it does not deliver."""
_COUNTERFLOW = 0.02
"""The share of what it delivers that a discharging battery may take at the same time."""


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter hour of a battery: kWh in and out up to its last reading, and the state of charge (%) at that.

    None is what is not known. `fell` says that a register was reset, or rolled over, so that its energy is a guess.
    """

    at_ms: int
    energy_in: float | None
    energy_out: float | None
    charge: float | None
    fell: bool = False


@dataclass(frozen=True, slots=True)
class Swing:
    """A discharge: when its middle was, the kWh delivered, and by how many % the state of charge fell."""

    at_ms: int
    energy: float
    fall: float

    @property
    def capacity(self) -> float:
        """kWh that 100 % would have delivered."""
        return 100 * self.energy / self.fall


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """`mean` is in kWh, at the swings' mean time; `change` in kWh a year, None when they lie too close together."""

    mean: Estimate
    mean_ms: float
    change: Estimate | None
    first_ms: int
    last_ms: int
    swings: int

    def at(self, at_ms: float) -> float:
        """kWh on the fitted line."""
        return self.mean.value + (0.0 if self.change is None else self.change.value * (at_ms - self.mean_ms) / YEAR_MS)


def swings(quarters: Iterable[Quarter]) -> Iterator[Swing]:
    """The discharges of at least `LEAST_SWING`, from quarters in time order."""
    before: Quarter | None = None
    stretch: list[Quarter] = []
    for quarter in quarters:
        if stretch and _goes_on(stretch, quarter):
            stretch.append(quarter)
            continue
        yield from _swing(before, stretch)
        before, stretch = (stretch[-1] if stretch else before), []
        if before is not None and _follows(before, quarter) and _delivers(quarter):
            stretch = [quarter]
        else:
            before = quarter
    yield from _swing(before, stretch)


def _goes_on(stretch: Sequence[Quarter], quarter: Quarter) -> bool:
    """Whether the battery still only delivers, or pauses for a little while."""
    if not _follows(stretch[-1], quarter):
        return False
    rests = quarter.energy_in == 0 and quarter.energy_out == 0
    delivered_ms = next(each.at_ms for each in reversed(stretch) if _delivers(each))
    return _delivers(quarter) or (rests and quarter.at_ms - delivered_ms <= _PAUSE_MS)


def _follows(before: Quarter, quarter: Quarter) -> bool:
    """Whether all is known of what happened between."""
    is_known = before.charge is not None and quarter.charge is not None and not quarter.fell
    return is_known and quarter.at_ms - before.at_ms <= _PAUSE_MS


def _delivers(quarter: Quarter) -> bool:
    if quarter.energy_in is None or not quarter.energy_out:
        return False
    return quarter.energy_in <= _COUNTERFLOW * quarter.energy_out


def _swing(before: Quarter | None, stretch: Sequence[Quarter]) -> Iterator[Swing]:
    """Pauses at the end do not belong to it."""
    last = max((number for number, each in enumerate(stretch) if _delivers(each)), default=None)
    if before is None or before.charge is None or last is None:
        return
    end = stretch[last]
    fall = before.charge - (before.charge if end.charge is None else end.charge)
    if fall >= LEAST_SWING:
        energy = sum((each.energy_out or 0.0) - (each.energy_in or 0.0) for each in stretch[: last + 1])
        yield Swing((before.at_ms + end.at_ms) // 2, energy, fall)


def capacity(found: Sequence[Swing]) -> Capacity | None:
    """The capacity over time; None with fewer than `ENOUGH_SWINGS`."""
    if len(found) < ENOUGH_SWINGS:
        return None
    weight = sum(swing.fall for swing in found)
    origin_ms = found[0].at_ms
    mean_ms = origin_ms + sum(swing.fall * (swing.at_ms - origin_ms) for swing in found) / weight
    years = [(swing.at_ms - mean_ms) / YEAR_MS for swing in found]
    spread = sum(swing.fall * year**2 for swing, year in zip(found, years, strict=True))
    mean = sum(swing.fall * swing.capacity for swing in found) / weight
    first_ms, last_ms = min(swing.at_ms for swing in found), max(swing.at_ms for swing in found)
    is_long = last_ms - first_ms >= ENOUGH_DAYS * DAY_MS
    change = sum(s.fall * year * s.capacity for s, year in zip(found, years, strict=True)) / spread if is_long else 0.0
    errors = [s.fall * (s.capacity - mean - change * year) for s, year in zip(found, years, strict=True)]
    few = len(found) / (len(found) - 2)
    mean_error = sqrt(few * sum(error**2 for error in errors)) / weight
    change_error = sqrt(few * sum((error * year) ** 2 for error, year in zip(errors, years, strict=True)))
    reach = student_t((1 + CONFIDENCE) / 2, len(found) - 2)
    return Capacity(
        mean=_estimate(mean, reach * mean_error),
        mean_ms=mean_ms,
        change=_estimate(change, reach * change_error / spread) if is_long else None,
        first_ms=first_ms,
        last_ms=last_ms,
        swings=len(found),
    )


def _estimate(value: float, reach: float) -> Estimate:
    return Estimate(value, value - reach, value + reach)


def student_t(probability: float, freedom: int) -> float:
    """The quantile of Student's t: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.5.

    Off by less than 0.001 at the 97.5 % quantile from 8 degrees of freedom on.
    """
    z = NormalDist().inv_cdf(probability)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )

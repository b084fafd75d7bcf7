"""How a battery ages: energy by day, round-trip efficiency, full cycles, capacity and state of health.

* **Energy** in and out, by UTC day, from the registers.
* **Round-trip efficiency** = energy out / energy in over stretches that begin and end at the same state of charge, so
  that nothing is left in, or taken from, the store (IEC 62933-2-1, roundtrip efficiency). Stretches are chosen
  greedily by their ends, do not overlap, and go at least `LEAST_SWING` away from the state they return to; the figure
  is the sum over the stretches. "The same" is the same whole percent, so a stretch may hide 1 % of the capacity, and
  errors of neighbouring stretches cancel.
* **Equivalent full cycles** = energy out / capacity.
* **Capacity** and its change: `wattline.domain.capacity`.
* **State of health** = capacity / capacity at the beginning of the window; a vendor's nominal capacity is not known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wattline.domain.batteries import ENERGY_IN, ENERGY_OUT, MICRO, STATE_OF_CHARGE
from wattline.domain.capacity import (
    ENOUGH_DAYS,
    ENOUGH_SWINGS,
    LEAST_SWING,
    Capacity,
    Estimate,
    Quarter,
    capacity,
    swings,
)
from wattline.domain.instants import DAY_MS, day_of
from wattline.domain.registers import RegisterBucket


@dataclass(frozen=True, slots=True)
class Stretch:
    """From one quarter to a later one with the same state of charge: kWh in and out between."""

    end_ms: int
    energy_in: float
    energy_out: float


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Energy out / energy in over so many equal-charge stretches."""

    ratio: float
    stretches: int


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day; `efficiency` is that of the stretches that end on it. None is what is not known."""

    day: str
    energy_in: float | None
    energy_out: float | None
    efficiency: float | None
    full_cycles: float | None


@dataclass(frozen=True, slots=True)
class Health:
    """State of health: `change` is in % of the capacity at the window's first swing, a year."""

    change: Estimate
    at_end: float


@dataclass(frozen=True, slots=True)
class Degradation:
    """What the readings of a window tell; `missing` says of each quantity that they do not tell why."""

    days: list[Day]
    energy_in: float | None
    energy_out: float | None
    efficiency: Efficiency | None
    full_cycles: float | None
    capacity: Capacity | None
    health: Health | None
    missing: list[str]


def quarters(
    taken: Iterable[RegisterBucket], delivered: Iterable[RegisterBucket], charge: Mapping[int, int]
) -> list[Quarter]:
    """The quarter hours in which anything was read: registers in millionths of kWh, charge in millionths of %."""
    ins = {bucket.bucket_ms: bucket for bucket in taken}
    outs = {bucket.bucket_ms: bucket for bucket in delivered}
    return [
        Quarter(
            at_ms,
            _kwh(ins.get(at_ms)),
            _kwh(outs.get(at_ms)),
            charge[at_ms] / MICRO if at_ms in charge else None,
            any(side is not None and side.fell for side in (ins.get(at_ms), outs.get(at_ms))),
        )
        for at_ms in sorted({*ins, *outs, *charge})
    ]


def _kwh(bucket: RegisterBucket | None) -> float | None:
    return None if bucket is None or bucket.difference is None else bucket.difference / MICRO


def degradation(timeline: Sequence[Quarter]) -> Degradation:
    """Everything that the quarters of a window, in time order, tell."""
    found = capacity(list(swings(timeline)))
    spans = equal_charge_stretches(timeline)
    energy_in, energy_out = _total(q.energy_in for q in timeline), _total(q.energy_out for q in timeline)
    efficiency = _efficiency(spans)
    health = None if found is None else _health(found)
    return Degradation(
        days=_days(timeline, spans, found),
        energy_in=energy_in,
        energy_out=energy_out,
        efficiency=efficiency,
        full_cycles=_cycles(energy_out, found),
        capacity=found,
        health=health,
        missing=_missing(timeline, efficiency, found, health),
    )


def equal_charge_stretches(timeline: Iterable[Quarter]) -> list[Stretch]:
    """Disjoint stretches between equal states of charge, the earliest to end first, which gives the most of them.

    A quarter that lacks a value, or in which a register fell, ends all stretches that are under way.
    """
    found: list[Stretch] = []
    total_in = total_out = 0.0
    began: dict[int, tuple[float, float]] = {}
    away: dict[int, float] = {}
    for quarter in timeline:
        if quarter.charge is None or quarter.energy_in is None or quarter.energy_out is None or quarter.fell:
            began, away = {}, {}
        if quarter.charge is None:
            continue
        total_in += quarter.energy_in or 0.0
        total_out += quarter.energy_out or 0.0
        level = round(quarter.charge)
        for other in away:
            away[other] = max(away[other], abs(quarter.charge - other))
        if away.get(level, 0.0) >= LEAST_SWING:
            before_in, before_out = began[level]
            if total_in > before_in:
                found.append(Stretch(quarter.at_ms, total_in - before_in, total_out - before_out))
            began, away = {}, {}
        began.setdefault(level, (total_in, total_out))
        away.setdefault(level, 0.0)
    return found


def _efficiency(spans: Sequence[Stretch]) -> Efficiency | None:
    if not spans:
        return None
    return Efficiency(sum(span.energy_out for span in spans) / sum(span.energy_in for span in spans), len(spans))


def _health(found: Capacity) -> Health | None:
    if found.change is None:
        return None
    percent = 100 / found.at(found.first_ms)
    change = Estimate(found.change.value * percent, found.change.low * percent, found.change.high * percent)
    return Health(change, found.at(found.last_ms) * percent)


def _days(timeline: Iterable[Quarter], spans: Iterable[Stretch], found: Capacity | None) -> list[Day]:
    by_day: dict[int, list[Quarter]] = {}
    for quarter in timeline:
        by_day.setdefault(quarter.at_ms // DAY_MS, []).append(quarter)
    ended: dict[int, list[Stretch]] = {}
    for span in spans:
        ended.setdefault(span.end_ms // DAY_MS, []).append(span)
    days = []
    for number, of_day in by_day.items():
        energy_out = _total(quarter.energy_out for quarter in of_day)
        efficiency = _efficiency(ended.get(number, []))
        days.append(
            Day(
                day_of(number * DAY_MS),
                _total(quarter.energy_in for quarter in of_day),
                energy_out,
                None if efficiency is None else efficiency.ratio,
                _cycles(energy_out, found),
            )
        )
    return days


def _total(amounts: Iterable[float | None]) -> float | None:
    """The sum of what is known; None when nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _cycles(energy_out: float | None, found: Capacity | None) -> float | None:
    return None if energy_out is None or found is None else energy_out / found.mean.value


def _missing(
    timeline: Sequence[Quarter], efficiency: Efficiency | None, found: Capacity | None, health: Health | None
) -> list[str]:
    series = (
        (ENERGY_IN, any(quarter.energy_in is not None for quarter in timeline)),
        (ENERGY_OUT, any(quarter.energy_out is not None for quarter in timeline)),
        (STATE_OF_CHARGE, any(quarter.charge is not None for quarter in timeline)),
    )
    reasons = [f"{name}: has too few readings in the window" for name, is_there in series if not is_there]
    if efficiency is None:
        reasons.append(f"efficiency: the charge never came back to where it was after a swing of {LEAST_SWING:g} %")
    if found is None:
        reasons.append(f"capacity: needs {ENOUGH_SWINGS} discharges of {LEAST_SWING:g} % or more")
    elif health is None:
        reasons.append(f"state of health: needs discharges over at least {ENOUGH_DAYS} days")
    return reasons

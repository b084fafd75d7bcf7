"""Makers of domain objects. Times are minutes after MIDNIGHT, energies are kWh and powers kW."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from wattline.domain.energy import NANO, Basis, IntervalEnergy, Reading, Statement, fold_intervals, split
from wattline.domain.energy_post import JudgedPost, RawItem, Units, judge
from wattline.domain.instants import MINUTE_MS, format_instant

MIDNIGHT = 1_535_068_800_000
"""2018-08-24T00:00:00Z, the start of a quarter hour."""

NEXT_DAY = MIDNIGHT + 1_440 * MINUTE_MS
"""A `now` at which a day of readings has gone by."""


def at(minutes: int) -> int:
    """The instant in milliseconds."""
    return MIDNIGHT + minutes * MINUTE_MS


def when(minutes: int) -> str:
    """The instant as a sender writes it."""
    return format_instant(at(minutes))


def nano(amount: float | str) -> int:
    """kWh as the domain's exact integers."""
    return int(Decimal(str(amount)) * NANO)


def energies(values: Mapping[int, float]) -> list[Reading]:
    """Readings in kWh by minute."""
    return [Reading(at(minute), nano(kwh)) for minute, kwh in values.items()]


def powers(values: Mapping[int, float]) -> list[Reading]:
    """Readings in kW by minute."""
    return [Reading(at(minute), nano(kw) // 4) for minute, kw in values.items()]


def statements(readings: Iterable[Reading], step_ms: int, basis: Basis, received: int = 0) -> list[Statement]:
    """What a post with these readings says; a greater `received` is a later post."""
    return [Statement(piece, received, 0) for piece in split(readings, step_ms, basis)]


def kwh_posted(values: Mapping[int, float], step: int, received: int = 0) -> list[Statement]:
    """A post of energies by minute, each covering `step` minutes."""
    return statements(energies(values), step * MINUTE_MS, Basis.ENERGY, received)


def kw_posted(values: Mapping[int, float], step: int, received: int = 0) -> list[Statement]:
    """A post of powers by minute, each covering `step` minutes."""
    return statements(powers(values), step * MINUTE_MS, Basis.POWER, received)


def folded(*posts: Iterable[Statement]) -> list[IntervalEnergy]:
    """The quarter hours that the posts leave, in time order."""
    return fold_intervals(said for post in posts for said in post)


def judged(
    items: Iterable[RawItem], units: Units = Units.KWH, interval_minutes: int | None = None, now_ms: int = NEXT_DAY
) -> JudgedPost:
    """A post as it is judged a day after MIDNIGHT."""
    return judge(items, units, interval_minutes, now_ms)

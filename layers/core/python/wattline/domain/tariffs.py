"""What energy costs: tariffs with an effective date, high and low windows by local time, and exact money.

Money is `Decimal` from beginning to end and rounded once, when it is shown. A reading costs what the tariff in
force at its begin asks, in the tariff's own time zone, whatever zone a reader looks from.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from wattline.domain.energy import NANO
from wattline.domain.local_calendar import days_of, local, midnight, time_zone
from wattline.domain.meter_series import MeterReading
from wattline.domain.obis import Direction

SHOWN = Decimal("0.0001")
"""Amounts of money are shown to a hundredth of a cent, halves to even."""


class Period(StrEnum):
    """Which price a quarter hour has."""

    HIGH = "high"
    LOW = "low"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Window:
    """High price on these weekdays (0 = Monday) from `start` to `end`, local; an `end` of None is midnight."""

    weekdays: frozenset[int]
    start: time
    end: time | None

    def holds(self, wall: datetime) -> bool:
        """Whether the wall clock stands in it."""
        clock = wall.time()
        return wall.weekday() in self.weekdays and self.start <= clock and (self.end is None or clock < self.end)


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices in `currency` a kWh and a day, in force from the local midnight of `effective_from`."""

    name: str
    currency: str
    zone_name: str
    effective_from: date
    high: Decimal
    low: Decimal
    high_windows: tuple[Window, ...]
    export: Decimal
    standing_charge: Decimal
    """For each local day that begins."""

    @property
    def zone(self) -> tzinfo:
        """Of its windows and days."""
        return time_zone(self.zone_name)

    @property
    def effective_ms(self) -> int:
        """The instant from which it is in force."""
        return midnight(self.effective_from, self.zone)

    def period_at(self, wall: datetime) -> Period:
        """High or low at a time of the wall clock."""
        return Period.HIGH if any(window.holds(wall) for window in self.high_windows) else Period.LOW

    def price(self, period: Period) -> Decimal:
        """For a kWh."""
        return {Period.HIGH: self.high, Period.LOW: self.low, Period.EXPORT: self.export}[period]


SWISS_DUAL = Tariff(
    name="Swiss dual tariff",
    currency="CHF",
    zone_name="Europe/Zurich",
    effective_from=date(1970, 1, 1),
    high=Decimal("0.32"),
    low=Decimal("0.22"),
    high_windows=(Window(frozenset(range(5)), time(7), time(20)),),
    export=Decimal("0"),
    standing_charge=Decimal("0"),
)
"""What holds as long as nobody has dropped tariffs."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """What one price of one tariff adds; `share` is of the energy that has a price."""

    tariff: str
    period: Period
    amount: int
    price: Decimal
    cost: Decimal
    share: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What the energy of a range costs; `total` includes the standing charge, and export lowers it.

    Energy before the first tariff has no price and counts in `unpriced` alone. The `if_all_...` are what the import
    would cost at one of its tariffs' two prices; `saving` is what moving all high energy to low times would save.
    """

    currency: str
    lines: tuple[CostLine, ...]
    energy: Decimal
    standing: Decimal
    unpriced: int
    if_all_high: Decimal | None
    if_all_low: Decimal | None

    @property
    def total(self) -> Decimal:
        """To pay; negative is a credit."""
        return self.energy + self.standing

    @property
    def effective_rate(self) -> Decimal | None:
        """Of a kWh, without the standing charge; None without energy."""
        priced = sum(line.amount for line in self.lines)
        return self.energy * NANO / priced if priced else None

    @property
    def saving(self) -> Decimal | None:
        """By shifting all to the low price."""
        return None if self.if_all_low is None else self.energy - self.if_all_low


def cost_of(
    readings: Iterable[MeterReading], start_ms: int, end_ms: int, direction: Direction, tariffs: Sequence[Tariff]
) -> Cost:
    """What the readings cost, and the standing charge of the local days that begin in [start, end).

    `tariffs` are of one currency and not empty.
    """
    ordered = sorted(tariffs, key=lambda tariff: tariff.effective_ms)
    begins = [tariff.effective_ms for tariff in ordered]
    zones = [tariff.zone for tariff in ordered]
    amounts: dict[tuple[int, Period], int] = defaultdict(int)
    unpriced = 0
    for reading in readings:
        number = bisect_right(begins, reading.ts_ms) - 1
        if number < 0:
            unpriced += reading.amount
            continue
        period = Period.EXPORT
        if direction is Direction.IMPORT:
            period = ordered[number].period_at(local(reading.ts_ms, zones[number]))
        amounts[number, period] += reading.amount
    return _cost(ordered, amounts, unpriced, direction, _standing(ordered, start_ms, end_ms, direction))


def _cost(
    ordered: Sequence[Tariff],
    amounts: dict[tuple[int, Period], int],
    unpriced: int,
    direction: Direction,
    standing: Decimal,
) -> Cost:
    sign = 1 if direction is Direction.IMPORT else -1
    priced = sum(amounts.values())
    lines = tuple(
        CostLine(
            ordered[number].name,
            period,
            amount,
            ordered[number].price(period),
            sign * _times(amount, ordered[number].price(period)),
            amount / priced if priced else 0.0,
        )
        for (number, period), amount in sorted(amounts.items())
    )

    def if_all(period: Period) -> Decimal | None:
        if direction is Direction.EXPORT:
            return None
        return sum(
            (_times(amount, ordered[number].price(period)) for (number, _), amount in amounts.items()), Decimal(0)
        )

    energy = sum((line.cost for line in lines), Decimal(0))
    return Cost(ordered[0].currency, lines, energy, standing, unpriced, if_all(Period.HIGH), if_all(Period.LOW))


def _times(amount: int, price: Decimal) -> Decimal:
    return price * amount / NANO


def _standing(ordered: Sequence[Tariff], start_ms: int, end_ms: int, direction: Direction) -> Decimal:
    """A meter pays it once, with its import."""
    charge = Decimal(0)
    if direction is Direction.EXPORT:
        return charge
    ends = [*(tariff.effective_ms for tariff in ordered[1:]), end_ms]
    for tariff, until in zip(ordered, ends, strict=True):
        if tariff.standing_charge:
            first, last = max(start_ms, tariff.effective_ms), min(end_ms, until)
            begun = sum(day.start_ms >= first for _, day in days_of(first, last, tariff.zone))
            charge += tariff.standing_charge * begun
    return charge


def shown(amount: Decimal) -> str:
    """Money as a text."""
    return str(amount.quantize(SHOWN, ROUND_HALF_EVEN) + 0)  # there is no -0.0000 to pay

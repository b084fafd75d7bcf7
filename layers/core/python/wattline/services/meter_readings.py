"""Read a smart meter's load profile, in calendar buckets and with what it tells."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from wattline.batches import Batch, Row
from wattline.domain.autocorrelation import Lag, autocorrelation, hourly
from wattline.domain.energy import NANO
from wattline.domain.instants import DAY_MS, INTERVAL_MS
from wattline.domain.local_calendar import CalendarBucket, Grain, LocalRange, buckets
from wattline.domain.meter_series import (
    BucketEnergy,
    MeterReading,
    Patterns,
    Totals,
    bucketed,
    on_days,
    patterns,
    totals,
)
from wattline.domain.obis import Direction, ObisCode
from wattline.domain.obis_readings import ObisReading
from wattline.domain.tariffs import Cost, cost_of
from wattline.errors import InvalidRequest, NotFound
from wattline.ports import HistoryQueue, ObisHistory, RegisterRange, SmartMeters, TariffSets
from wattline.services.tariffs import tariffs_in_force
from wattline.tables import OBIS_READINGS

MAX_READINGS_DAYS = 400
"""The longest range of single readings, which `raw`, `15m` and every `include` need."""
MAX_HOURLY_DAYS = 800
MAX_CALENDAR_DAYS = 3_700
"""The longest range of days, weeks and months: ten years."""

SUMMED_BUCKETS = 1_000
"""The most buckets that one page sums in the history's engine."""


_SHORT = (Grain.QUARTER_HOUR, Grain.HOUR)
"""Buckets that are summed from readings: a query with an edge for each would take the engine longer to plan."""


class Include(StrEnum):
    """What a reader wants to know beside the buckets."""

    STATS = "stats"
    PATTERNS = "patterns"
    HEATMAP = "heatmap"
    COST = "cost"
    AUTOCORRELATION = "autocorrelation"


@dataclass(frozen=True, slots=True)
class MeterQuery:
    """A page of a range that begins at `from_ms`. `grain` None is single readings."""

    muid: str
    whole: LocalRange
    from_ms: int
    direction: Direction | None
    grain: Grain | None
    include: frozenset[Include]
    as_of_ms: int
    limit: int

    def register_range(self, code: ObisCode, start_ms: int, end_ms: int) -> RegisterRange:
        """A part of the range in the history."""
        return RegisterRange(self.muid, code, start_ms, end_ms, self.as_of_ms)


@dataclass(frozen=True, slots=True)
class Insight:
    """What the whole range tells; None where it was not asked for."""

    totals: Totals | None = None
    patterns: Patterns | None = None
    cost: Cost | None = None
    autocorrelation: list[Lag] | None = None


@dataclass(frozen=True, slots=True)
class MeterPage:
    """The register read, its buckets, where the next page begins (None at the end), and what was asked for beside."""

    code: ObisCode
    buckets: list[BucketEnergy]
    next_ms: int | None
    insight: Insight | None


def read_meter(query: MeterQuery, *, history: ObisHistory, meters: SmartMeters, tariffs: TariffSets) -> MeterPage:
    """Raises NotFound for a meter never heard of, InvalidRequest for a range too long or a direction not sent."""
    check_range(query)
    code = choose_register(query.muid, meters.registers(query.muid), query.direction)
    whole = query.whole
    if query.include and query.from_ms == whole.start_ms:
        readings = on_days(_all_readings(query.register_range(code, whole.start_ms, whole.end_ms), history), whole)
        return MeterPage(code, *_page_of(readings, query), _insight(query, code, readings, tariffs))
    if query.grain is None:
        return MeterPage(code, *_raw_page(query, code, history), None)
    units, next_ms = _first_units(query)
    if not units:
        return MeterPage(code, [], None, None)
    page = query.register_range(code, query.from_ms, units[-1].parts[-1].end_ms)
    if query.grain in _SHORT:
        return MeterPage(code, bucketed(_all_readings(page, history), units), next_ms, None)
    return MeterPage(code, history.sums(page, units), next_ms, None)


def _all_readings(wanted: RegisterRange, history: ObisHistory) -> list[MeterReading]:
    """A load profile has one for each quarter hour at most."""
    return history.readings(wanted, (wanted.end_ms - wanted.start_ms) // INTERVAL_MS + 1)


def check_range(query: MeterQuery) -> None:
    """Raises InvalidRequest that says the limit and what to ask instead."""
    longest, instead = MAX_CALENDAR_DAYS, "ask for a shorter range"
    if query.include:
        longest, instead = MAX_READINGS_DAYS, "ask for include with a shorter range"
    elif query.grain in (None, Grain.QUARTER_HOUR):
        longest, instead = MAX_READINGS_DAYS, "ask for aggregation=daily, weekly or monthly, or for a shorter range"
    elif query.grain is Grain.HOUR:
        longest, instead = MAX_HOURLY_DAYS, "ask for aggregation=daily, weekly or monthly, or for a shorter range"
    asked = (query.whole.end_ms - query.whole.start_ms) / DAY_MS
    if asked > longest:
        raise InvalidRequest.of_field(
            "end", f"the range is {asked:,.0f} days long and may be {longest:,} days for this; {instead}"
        )


def choose_register(muid: str, registers: AbstractSet[ObisCode], direction: Direction | None) -> ObisCode:
    """The load profile of the direction, of the lowest channel. Raises NotFound or InvalidRequest."""
    if not registers:
        raise NotFound(f"no reading of meter {muid} was ever received")
    profiles = sorted(code for code in registers if code.is_load_profile)
    directions = sorted({code.direction.value for code in profiles if code.direction})
    if direction is None and len(directions) > 1:
        raise InvalidRequest.of_field("direction", f"must be {' or '.join(directions)}: meter {muid} sends both")
    chosen = [code for code in profiles if direction in (None, code.direction)]
    if not chosen:
        sent = ", ".join(directions) or f"no load profile, only {', '.join(sorted(code.dotted for code in registers))}"
        raise InvalidRequest.of_field("direction", f"meter {muid} sends {sent}")
    return chosen[0]


def _raw_page(query: MeterQuery, code: ObisCode, history: ObisHistory) -> tuple[list[BucketEnergy], int | None]:
    """A page may hold fewer than its limit where days are left out."""
    readings = history.readings(query.register_range(code, query.from_ms, query.whole.end_ms), query.limit + 1)
    next_ms = readings[query.limit].ts_ms if len(readings) > query.limit else None
    return _as_buckets(on_days(readings[: query.limit], query.whole)), next_ms


def _as_buckets(readings: Sequence[MeterReading]) -> list[BucketEnergy]:
    return [BucketEnergy(each.ts_ms, each.amount, 1, {each.quality: 1}) for each in readings]


def _first_units(query: MeterQuery) -> tuple[list[CalendarBucket], int | None]:
    """The calendar units of the page, and where the next one begins."""
    limit = query.limit if query.grain in _SHORT else min(query.limit, SUMMED_BUCKETS)
    units = list(islice(_units(query), limit + 1))
    next_ms = units[limit].parts[0].start_ms if len(units) > limit else None
    return units[:limit], next_ms


def _units(query: MeterQuery) -> Iterator[CalendarBucket]:
    grain = query.grain or Grain.QUARTER_HOUR
    return buckets(replace(query.whole, start_ms=query.from_ms), grain)


def _page_of(readings: Sequence[MeterReading], query: MeterQuery) -> tuple[list[BucketEnergy], int | None]:
    """The first page, from readings that are at hand anyway."""
    if query.grain is None:
        next_ms = readings[query.limit].ts_ms if len(readings) > query.limit else None
        return _as_buckets(readings[: query.limit]), next_ms
    units, next_ms = _first_units(query)
    return bucketed(readings, units), next_ms


def _insight(query: MeterQuery, code: ObisCode, readings: Sequence[MeterReading], tariffs: TariffSets) -> Insight:
    wanted, whole = query.include, query.whole
    found = Insight()
    if Include.STATS in wanted:
        found = replace(found, totals=totals(readings, whole, NANO))
    if wanted & {Include.PATTERNS, Include.HEATMAP}:
        found = replace(found, patterns=patterns(readings, whole.zone, NANO))
    if Include.COST in wanted:
        direction = code.direction or Direction.IMPORT
        prices = tariffs_in_force(query.as_of_ms, sets=tariffs).tariffs
        found = replace(found, cost=cost_of(readings, whole.start_ms, whole.end_ms, direction, prices))
    if Include.AUTOCORRELATION in wanted:
        found = replace(found, autocorrelation=autocorrelation(hourly(readings, NANO)))
    return found


def reading_row(reading: ObisReading, received_ms: int, seq: int) -> Row:
    """A reading as a row of the history; `seq` is its position in what was received."""
    return (reading.muid, reading.code.hex, reading.ts_ms, reading.amount, reading.quality, received_ms, seq)


def store_readings(
    readings: Sequence[tuple[int, ObisReading]], received_ms: int, *, queue: HistoryQueue, meters: SmartMeters
) -> None:
    """Store readings with their positions in what was received. Raises TransientError.

    The history comes first, as everywhere; a meter becomes known when its readings are durable.
    """
    rows = tuple(reading_row(each, received_ms, seq) for seq, each in readings)
    if not rows:
        return
    queue.send(Batch(OBIS_READINGS, rows))
    for muid in sorted({each.muid for _, each in readings}):
        meters.remember(muid, {each.code for _, each in readings if each.muid == muid})

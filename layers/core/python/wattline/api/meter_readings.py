"""The wire of smart meters' readings, and of what their energy costs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from wattline.api.http import Answer, page_answer
from wattline.api.wire import (
    DeviceId,
    Instant,
    QueryInteger,
    QueryModel,
    decode_cursor,
    encode_cursor,
    from_query,
)
from wattline.domain.autocorrelation import Lag
from wattline.domain.energy import NANO
from wattline.domain.instants import FOREVER_MS, format_instant
from wattline.domain.local_calendar import WEEKDAYS, Days, Grain, LocalRange, time_zone
from wattline.domain.meter_series import HOURS, BucketEnergy, Patterns, Spread, Totals
from wattline.domain.obis import Direction
from wattline.domain.tariffs import Cost, shown
from wattline.errors import InvalidRequest
from wattline.services.meter_readings import Include, MeterPage, MeterQuery

MAX_PAGE = 10_000
SHOWN_GAPS = 100
UNIT_OF_SPREAD = "kWh per quarter hour"


def _zone_name(value: str) -> str:
    time_zone(value)
    return value


def _includes(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = [name.strip() for name in value.split(",") if name.strip()]
    known = [each.value for each in Include]
    for name in names:
        if name not in known:
            raise ValueError(f"{name} is none of {', '.join(known)}")
    return ",".join(names)


_RAW = "raw"
_AGGREGATIONS = (_RAW, *(grain.value for grain in Grain))


def _aggregation(value: object) -> object:
    if value not in _AGGREGATIONS:
        raise ValueError(f"must be one of {', '.join(_AGGREGATIONS)}")
    return value


class MeterReadingsParameters(QueryModel):
    """The query string of `GET /v1/meter_readings`."""

    muid: DeviceId = Field(description="The meter.")
    start: Instant
    end: Instant
    direction: Direction | None = Field(
        default=None, description="Active import or export; needed only for a meter that sends both."
    )
    aggregation: Annotated[str, BeforeValidator(_aggregation), Field(json_schema_extra={"enum": _AGGREGATIONS})] = (
        Field(
            default=_RAW,
            description="`raw` gives the readings there are; all others give every bucket of the range, with a null "
            "value where there is no reading. Days, weeks (from Monday), months and hours are local.",
        )
    )
    tz: Annotated[str, AfterValidator(_zone_name)] = Field(default="UTC", description="IANA name of the local zone.")
    weekday_only: bool = Field(default=False, description="Only local Mondays to Fridays.")
    weekend_only: bool = Field(default=False, description="Only local Saturdays and Sundays.")
    include: Annotated[str, BeforeValidator(_includes)] = Field(
        default="",
        description="Comma-separated: stats, patterns, heatmap, cost, autocorrelation. Over the whole range, on the "
        "first page.",
    )
    as_of: Instant | None = Field(default=None, description="Answer as if nothing received later had been.")
    limit: Annotated[QueryInteger, Field(ge=1, le=MAX_PAGE)] = MAX_PAGE
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class MeterBucket(BaseModel, defer_build=True):
    """A reading or a calendar unit: kWh, readings found and expected (quarter hours asked for), and their quality.

    `start` is the unit's edge, also where the range begins inside the unit.
    """

    start: str
    value: float | None
    count: int
    expected: int
    by_quality: dict[str, int]


class RegisterState(BaseModel, defer_build=True):
    """The register that was read: its OBIS code and what that means."""

    code: str
    obis: str
    medium: str | None
    channel: int
    quantity: str | None
    processing: str | None
    tariff: str
    unit: str | None


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


class MeterReadings(BaseModel, defer_build=True):
    """A page of buckets, and on the first page what `include` asked for."""

    muid: str
    direction: Direction
    register_: RegisterState = Field(alias="register")
    unit: str
    aggregation: str
    tz: str
    data: list[MeterBucket]
    next_cursor: str | None
    stats: StatsState | None = None
    patterns: PatternsState | None = None
    heatmap: HeatmapState | None = None
    cost: CostState | None = None
    autocorrelation: AutocorrelationState | None = None


def parse_query(event: APIGatewayProxyEvent) -> tuple[MeterReadingsParameters, MeterQuery]:
    """The page that is asked for, as it was written and as it is meant. Raises InvalidRequest."""
    asked = from_query(MeterReadingsParameters, event.resolved_query_string_parameters)
    if asked.start >= asked.end:
        raise InvalidRequest.of_field("end", "must lie after start; the range is [start, end)")
    if asked.weekday_only and asked.weekend_only:
        raise InvalidRequest.of_field("weekend_only", "leaves no day together with weekday_only; give one of the two")
    days = Days.WEEKDAYS if asked.weekday_only else Days.WEEKENDS if asked.weekend_only else Days.ALL
    query = MeterQuery(
        muid=asked.muid,
        whole=LocalRange(asked.start, asked.end, time_zone(asked.tz), days),
        from_ms=asked.start if asked.cursor is None else decode_cursor(asked.cursor, asked.start, asked.end),
        direction=asked.direction,
        grain=None if asked.aggregation == _RAW else Grain(asked.aggregation),
        include=frozenset(Include(name) for name in asked.include.split(",") if name),
        as_of_ms=FOREVER_MS if asked.as_of is None else asked.as_of,
        limit=asked.limit,
    )
    return asked, query


def readings_answer(
    event: APIGatewayProxyEvent, asked: MeterReadingsParameters, query: MeterQuery, page: MeterPage
) -> Answer:
    """A page as JSON, or its buckets as CSV."""
    data = [_bucket(bucket) for bucket in page.buckets]
    content: dict[str, object] = {
        "muid": query.muid,
        "direction": page.code.direction,
        "register": _register(page),
        "unit": page.code.unit,
        "aggregation": asked.aggregation,
        "tz": asked.tz,
        "data": data,
        "next_cursor": None if page.next_ms is None else encode_cursor(page.next_ms),
        **_insight(query.include, page),
    }
    return page_answer(event, content, lambda: (tuple(MeterBucket.model_fields), map(_csv_row, data)))


def _csv_row(bucket: Mapping[str, Any]) -> list[object]:
    """Qualities as `measured:95 estimated:1`."""
    *values, by_quality = bucket.values()
    return [*values, " ".join(f"{quality}:{count}" for quality, count in by_quality.items())]


def _bucket(bucket: BucketEnergy) -> dict[str, object]:
    return {
        "start": format_instant(bucket.start_ms),
        "value": None if bucket.amount is None else bucket.amount / NANO,
        "count": bucket.count,
        "expected": bucket.expected,
        "by_quality": dict(sorted(bucket.by_quality.items())),
    }


def _register(page: MeterPage) -> dict[str, object]:
    code = page.code
    return {
        "code": code.hex,
        "obis": code.dotted,
        "medium": code.medium_name,
        "channel": code.channel,
        "quantity": code.quantity_name,
        "processing": code.processing_name,
        "tariff": code.tariff_name,
        "unit": code.unit,
    }


def _insight(include: Iterable[Include], page: MeterPage) -> dict[str, object]:
    found = page.insight
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
        "peak_hour": None if totals.peak_hour is None else _bucket(totals.peak_hour),
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

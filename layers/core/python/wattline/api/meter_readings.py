"""The wire of smart meters' readings, and of what their energy costs."""

from collections.abc import Mapping
from typing import Annotated, Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from wattline.api.http import Answer, page_answer
from wattline.api.meter_insight import (
    AutocorrelationState,
    CostState,
    HeatmapState,
    MeterBucket,
    PatternsState,
    StatsState,
    bucket_content,
    insight_content,
)
from wattline.api.wire import (
    DeviceId,
    Instant,
    QueryInteger,
    QueryModel,
    decode_cursor,
    encode_cursor,
    from_query,
)
from wattline.domain.instants import FOREVER_MS
from wattline.domain.local_calendar import Days, Grain, LocalRange, time_zone
from wattline.domain.obis import Direction
from wattline.errors import InvalidRequest
from wattline.services.meter_readings import Include, MeterPage, MeterQuery

MAX_PAGE = 10_000


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
    data = [bucket_content(bucket) for bucket in page.buckets]
    content: dict[str, object] = {
        "muid": query.muid,
        "direction": page.code.direction,
        "register": _register(page),
        "unit": page.code.unit,
        "aggregation": asked.aggregation,
        "tz": asked.tz,
        "data": data,
        "next_cursor": None if page.next_ms is None else encode_cursor(page.next_ms),
        **insight_content(query.include, page.insight),
    }
    return page_answer(event, content, lambda: (tuple(MeterBucket.model_fields), map(_csv_row, data)))


def _csv_row(bucket: Mapping[str, Any]) -> list[object]:
    """Qualities as `measured:95 estimated:1`."""
    *values, by_quality = bucket.values()
    return [*values, " ".join(f"{quality}:{count}" for quality, count in by_quality.items())]


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

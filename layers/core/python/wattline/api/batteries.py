"""The wire of batteries: what they are now, and what their metrics were."""

from enum import StrEnum
from typing import Annotated

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

from wattline.api.http import Answer, json_answer, page_answer
from wattline.api.wire import (
    Instant,
    QueryInteger,
    QueryModel,
    decode_place,
    device_id,
    encode_place,
    from_query,
)
from wattline.domain.batteries import MICRO, Battery, MetricBucket, MetricPoint
from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import DAY_MS, FOREVER_MS, HOUR_MS, INTERVAL_MS, MINUTE_MS, format_instant
from wattline.domain.registers import RegisterBucket
from wattline.errors import InvalidRequest
from wattline.ports import HotBatteries
from wattline.services.batteries import Place, TelemetryPage, TelemetryQuery, TelemetryRow

MAX_LISTED = 1_000
DEFAULT_LISTED = 100
MAX_POINTS = 10_000


class Resolution(StrEnum):
    """The points themselves, or how long a bucket is."""

    RAW = "raw"
    MINUTE = "1m"
    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"


_STEPS = {
    Resolution.RAW: None,
    Resolution.MINUTE: MINUTE_MS,
    Resolution.QUARTER: INTERVAL_MS,
    Resolution.HOUR: HOUR_MS,
    Resolution.DAY: DAY_MS,
}


class BatteryListParameters(QueryModel):
    """The query string of the listing."""

    limit: Annotated[QueryInteger, Field(ge=1, le=MAX_LISTED)] = DEFAULT_LISTED
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class MetricValue(BaseModel, defer_build=True):
    """A metric's latest value, in the unit that its name says."""

    value: float
    timestamp: str


class BatteryState(BaseModel, defer_build=True):
    """A battery now; `description` and `state` are the vendor's, null until it was listed."""

    deviceId: str
    description: str | None
    state: str | None
    metrics: dict[str, MetricValue]


class BatteryList(BaseModel, defer_build=True):
    """A page of batteries; as CSV, a line for each metric of each battery."""

    batteries: list[BatteryState]
    next_cursor: str | None


class TelemetryParameters(QueryModel):
    """The query string of telemetry."""

    metric: str = Field(description="One of those that the battery's state lists.")
    start: Instant
    end: Instant
    resolution: Resolution = Field(default=Resolution.RAW, description="The points, or buckets that begin in it.")
    as_of: Instant | None = Field(default=None, description="Answer as if nothing received later had been.")
    limit: Annotated[QueryInteger, Field(ge=1, le=MAX_POINTS)] = MAX_POINTS
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class TelemetryPoint(BaseModel, defer_build=True):
    """`value` where the points were asked for.

    In buckets: `count` and `last`, with `min`, `mean` and `max` for what is measured, and for registers (`...Kwh`)
    `difference`, the kWh since the reading before, null where none is known.
    """

    datetime: str
    value: float | None = None
    count: int | None = None
    min: float | None = None
    mean: float | None = None
    max: float | None = None
    last: float | None = None
    difference: float | None = None


class TelemetrySeries(BaseModel, defer_build=True):
    """A page of one metric."""

    deviceId: str
    metric: str
    resolution: Resolution
    data: list[TelemetryPoint]
    next_cursor: str | None


_LIST_COLUMNS = ("deviceId", "description", "state", "metric", "timestamp", "value")


def state_answer(battery: Battery) -> Answer:
    """One battery."""
    return json_answer(200, _state(battery))


def list_answer(event: APIGatewayProxyEvent, hot: HotBatteries) -> Answer:
    """A page of batteries."""
    asked = from_query(BatteryListParameters, event.resolved_query_string_parameters)
    after = None if asked.cursor is None else decode_place(asked.cursor, rf"\d\d{ID_PATTERN[1:-1]}")
    page = hot.page(after=after, limit=asked.limit)
    content: dict[str, object] = {
        "batteries": [_state(battery) for battery in page.batteries],
        "next_cursor": None if page.next is None else encode_place(page.next),
    }
    rows = (row for battery in page.batteries for row in _lines(battery))
    return page_answer(event, content, lambda: (_LIST_COLUMNS, rows))


def _state(battery: Battery) -> dict[str, object]:
    said = battery.description
    return {
        "deviceId": battery.device_id,
        "description": None if said is None else said.text,
        "state": None if said is None else said.state,
        "metrics": {
            name: {"value": latest.value / MICRO, "timestamp": format_instant(latest.ts_ms)}
            for name, latest in sorted(battery.latest.items())
        },
    }


def _lines(battery: Battery) -> list[list[object]]:
    said = battery.description
    first: list[object] = [battery.device_id, said and said.text, said and said.state]
    metrics = [
        [*first, name, format_instant(latest.ts_ms), latest.value / MICRO]
        for name, latest in sorted(battery.latest.items())
    ]
    return metrics or [[*first, None, None, None]]


def parse_telemetry(event: APIGatewayProxyEvent, battery_id: str) -> TelemetryQuery:
    """The page that is asked for."""
    asked = from_query(TelemetryParameters, event.resolved_query_string_parameters)
    if asked.start >= asked.end:
        raise InvalidRequest.of_field("end", "must lie after start; the range is [start, end)")
    return TelemetryQuery(
        device_id=device_id(battery_id, "deviceId"),
        metric=asked.metric,
        start_ms=asked.start,
        end_ms=asked.end,
        step_ms=_STEPS[asked.resolution],
        as_of_ms=FOREVER_MS if asked.as_of is None else asked.as_of,
        limit=asked.limit,
        place=None if asked.cursor is None else _place(asked.cursor, asked.start, asked.end),
    )


def _place(cursor: str, start_ms: int, end_ms: int) -> Place:
    from_ms, _, level = decode_place(cursor, r"\d{1,15}(~\d{1,18})?").partition("~")
    if not start_ms <= int(from_ms) < end_ms:
        raise InvalidRequest.of_field("cursor", "is not one that this range gave; take next_cursor as it came")
    return Place(int(from_ms), int(level) if level else None)


def telemetry_answer(event: APIGatewayProxyEvent, query: TelemetryQuery, page: TelemetryPage) -> Answer:
    """A page as JSON or CSV."""
    data = [_row(row) for row in page.rows]
    content: dict[str, object] = {
        "deviceId": query.device_id,
        "metric": query.metric,
        "resolution": next(name.value for name, step in _STEPS.items() if step == query.step_ms),
        "data": data,
        "next_cursor": None if page.next is None else _cursor(page.next),
    }
    return page_answer(event, content, lambda: (_columns(query), (list(row.values()) for row in data)))


def _cursor(place: Place) -> str:
    return encode_place(str(place.from_ms) if place.level is None else f"{place.from_ms}~{place.level}")


def _columns(query: TelemetryQuery) -> tuple[str, ...]:
    if query.step_ms is None:
        return ("datetime", "value")
    if query.is_differences:
        return ("datetime", "count", "difference", "last")
    return ("datetime", "count", "min", "mean", "max", "last")


def _row(row: TelemetryRow) -> dict[str, object]:
    match row:
        case MetricPoint():
            return {"datetime": format_instant(row.ts_ms), "value": row.value / MICRO}
        case RegisterBucket():
            return {
                "datetime": format_instant(row.bucket_ms),
                "count": row.count,
                "difference": None if row.difference is None else row.difference / MICRO,
                "last": row.last / MICRO,
            }
        case MetricBucket():
            return {
                "datetime": format_instant(row.bucket_ms),
                "count": row.count,
                "min": row.minimum / MICRO,
                "mean": row.mean,
                "max": row.maximum / MICRO,
                "last": row.last / MICRO,
            }

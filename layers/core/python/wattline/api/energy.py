"""The wire of `POST /data` and `GET /data`."""

import csv
import io
import json
from collections.abc import Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Annotated, Any, cast

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from wattline.api.http import CSV, Answer, body_of, header, json_answer, page_answer
from wattline.api.wire import (
    DeviceId,
    Instant,
    QueryInteger,
    QueryModel,
    decode_cursor,
    encode_cursor,
    from_json,
    from_query,
)
from wattline.domain.energy import NANO
from wattline.domain.energy_post import (
    MAX_READINGS,
    MAX_STEP_MINUTES,
    MISSING,
    JudgedPost,
    Missing,
    RawItem,
    Rejection,
    Units,
)
from wattline.domain.energy_series import Fill, Point
from wattline.domain.instants import FOREVER_MS, MINUTE_MS, format_instant
from wattline.errors import InvalidRequest, MalformedRequest
from wattline.services.energy import EnergyPage, EnergyPost, EnergyQuery

INTERVAL_MINUTES = 15
MAX_PAGE = 10_000
SHOWN_BYTES = 2_000_000
"""Of rejections in one answer, which may hold 6 MB once it is escaped; `rejected_count` counts them all."""
_SHOWN_TEXT = 100


def _units(value: object) -> object:
    """kW and kWh in any case."""
    if isinstance(value, str):
        for unit in Units:
            if value.lower() == unit.value.lower():
                return unit
    raise ValueError("must be kW or kWh")


_DATA_SCHEMA = {
    "description": "A list of readings, or columns, or a map from time to value.",
    "anyOf": [
        {
            "type": "array",
            "maxItems": MAX_READINGS,
            "items": {
                "type": "object",
                "properties": {
                    "datetime": {"type": "string", "format": "date-time"},
                    "value": {"type": ["number", "string"], "minimum": 0},
                },
                "required": ["datetime", "value"],
            },
        },
        {
            "type": "object",
            "properties": {
                "datetime": {"type": "array", "items": {"type": "string", "format": "date-time"}},
                "value": {"type": "array", "items": {"type": ["number", "string"], "minimum": 0}},
            },
            "required": ["datetime", "value"],
        },
        {"type": "object", "additionalProperties": {"type": ["number", "string"], "minimum": 0}},
    ],
}


class EnergyPostParameters(QueryModel):
    """What is said beside the readings: in the query string of a CSV post, in the body of a JSON post."""

    spaceship_id: DeviceId = Field(description="The spaceship; an integer is taken as its decimal string.")
    units: Annotated[Units, BeforeValidator(_units)] = Field(description="kW or kWh, in any case.")
    interval_minutes: Annotated[QueryInteger, Field(ge=1, le=MAX_STEP_MINUTES)] | None = Field(
        default=None, description="What one reading covers; without it, the most frequent spacing of the times."
    )


class EnergyPostBody(EnergyPostParameters):
    """The body of `POST /data`."""

    model_config = ConfigDict(extra="ignore")

    interval_minutes: Annotated[int, Field(ge=1, le=MAX_STEP_MINUTES, strict=True)] | None = None
    data: Annotated[Any, WithJsonSchema(_DATA_SCHEMA)]


class RejectedReading(BaseModel, defer_build=True):
    """An item that was not stored; `datetime` and `value` as they came, where that can be shown."""

    index: int
    reason: str
    datetime: Any = None
    value: Any = None


class EnergyReceipt(BaseModel, defer_build=True):
    """The answer to a post; `start` and `end` enclose the quarter hours it touched.

    `rejected` ends after 2 MB; `rejected_count` counts all.
    """

    spaceship_id: str
    units: str
    step_minutes: float
    accepted: int
    rejected: list[RejectedReading]
    rejected_count: int
    intervals: int
    start: str
    end: str


class EnergyReadParameters(QueryModel):
    """The query string of `GET /data`."""

    spaceship_id: DeviceId
    start: Instant
    end: Instant
    fill: Fill = Field(default=Fill.NONE, description="What to answer for quarter hours without data.")
    as_of: Instant | None = Field(default=None, description="Answer as if nothing received later had been.")
    limit: Annotated[QueryInteger, Field(ge=1, le=MAX_PAGE)] = MAX_PAGE
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class EnergyPoint(BaseModel, defer_build=True):
    """A quarter hour; `value` in kWh, null where nothing is known."""

    datetime: str
    value: float | None
    coverage: Annotated[float, Field(ge=0, le=1)]
    quality: str


class EnergySeries(BaseModel, defer_build=True):
    """A page of quarter hours."""

    spaceship_id: str
    units: str
    interval_minutes: int
    data: list[EnergyPoint]
    next_cursor: str | None


def parse_post(event: APIGatewayProxyEvent) -> EnergyPost:
    """A post in any of the three JSON shapes, or as CSV."""
    body = body_of(event)
    if CSV in header(event, "content-type"):
        parameters = from_query(EnergyPostParameters, event.resolved_query_string_parameters)
        items = _csv_items(body)
    else:
        parameters = from_json(EnergyPostBody, body)
        items = _json_items(parameters.data, body)
    return EnergyPost(parameters.spaceship_id, parameters.units, items, parameters.interval_minutes)


def _json_items(data: object, body: str) -> list[RawItem]:
    if isinstance(data, list):
        return [_item(each) for each in data]
    if isinstance(data, dict):
        columns = [data.get("datetime"), data.get("value")]
        if any(isinstance(column, list) for column in columns):
            times, values = (column if isinstance(column, list) else [] for column in columns)
            return list(zip_longest(times, values, fillvalue=MISSING))
        return _pairs_of_map(body)
    raise InvalidRequest.of_field("data", "must be a list of readings, columns, or a map from time to value")


def _item(item: object) -> RawItem:
    if isinstance(item, dict):
        return item.get("datetime", MISSING), item.get("value", MISSING)
    return MISSING, MISSING


def _pairs_of_map(body: str) -> list[RawItem]:
    """Read once more, because a parsed object has forgotten the keys that stood in it twice."""
    pairs = dict(json.loads(body, object_pairs_hook=list))["data"]
    return list(pairs)


def _csv_items(body: str) -> list[RawItem]:
    """Rows by the names in the header, in any order; a BOM and CRLF are taken."""
    rows = csv.DictReader(io.StringIO(body.removeprefix("\ufeff"), newline=""), restval=cast("str", MISSING))
    try:
        names = [name.strip().lower() for name in rows.fieldnames or []]
        if not {"datetime", "value"} <= set(names):
            raise MalformedRequest("the CSV's first line must name the columns datetime and value")
        rows.fieldnames = names
        return [(row["datetime"], row["value"] if row["value"] != "" else None) for row in rows]
    except csv.Error as error:
        raise MalformedRequest(f"the body is not CSV: line {rows.line_num}: {error}") from error


def receipt(post: EnergyPost, judged: JudgedPost) -> Answer:
    """201 with what was stored and what was not."""
    step = judged.step_ms / MINUTE_MS
    content = {
        "spaceship_id": post.spaceship_id,
        "units": Units.KWH.value,
        "step_minutes": int(step) if step.is_integer() else step,
        "accepted": judged.accepted,
        "rejected": _shown_rejections(judged.rejections),
        "rejected_count": len(judged.rejections),
        "intervals": judged.intervals,
        "start": format_instant(judged.start_ms),
        "end": format_instant(judged.end_ms),
    }
    return json_answer(201, content)


def _shown_rejections(rejections: list[Rejection]) -> list[Mapping[str, object]]:
    shown: list[Mapping[str, object]] = []
    size = 0
    for rejection in rejections:
        content = _rejected(rejection)
        size += len(json.dumps(content))
        if size > SHOWN_BYTES:
            break
        shown.append(content)
    return shown


def _rejected(rejection: Rejection) -> Mapping[str, object]:
    content: dict[str, object] = {"index": rejection.index, "reason": rejection.reason}
    for name, raw in (("datetime", rejection.datetime), ("value", rejection.value)):
        if not isinstance(raw, Missing):
            content[name] = _shown(raw)
    return content


def _shown(raw: object) -> object:
    """A sender's value in an answer: as it came if it is short and JSON can say it, else the beginning of its text."""
    if isinstance(raw, int):
        return raw if abs(raw) < 2**63 else f"{Decimal(raw):.6e}"
    if raw is None:
        return None
    if isinstance(raw, float) and raw - raw == 0:
        return raw
    return str(raw)[:_SHOWN_TEXT].encode(errors="replace").decode()


def parse_read(event: APIGatewayProxyEvent) -> EnergyQuery:
    """The page that is asked for."""
    asked = from_query(EnergyReadParameters, event.resolved_query_string_parameters)
    if asked.start >= asked.end:
        raise InvalidRequest.of_field("end", "must lie after start; the range is [start, end)")
    start = asked.start if asked.cursor is None else decode_cursor(asked.cursor, asked.start, asked.end)
    as_of = FOREVER_MS if asked.as_of is None else asked.as_of
    return EnergyQuery(asked.spaceship_id, start, asked.end, asked.fill, as_of, asked.limit)


def series_answer(event: APIGatewayProxyEvent, query: EnergyQuery, page: EnergyPage) -> Answer:
    """A page as JSON or CSV."""
    data = [_point(point) for point in page.points]
    content: dict[str, object] = {
        "spaceship_id": query.spaceship_id,
        "units": Units.KWH.value,
        "interval_minutes": INTERVAL_MINUTES,
        "data": data,
        "next_cursor": None if page.next_start_ms is None else encode_cursor(page.next_start_ms),
    }
    names = tuple(EnergyPoint.model_fields)
    return page_answer(event, content, lambda: (names, (list(point.values()) for point in data)))


def _point(point: Point) -> dict[str, object]:
    return {
        "datetime": format_instant(point.interval_ms),
        "value": None if point.amount is None else point.amount / NANO,
        "coverage": point.coverage,
        "quality": point.quality.value,
    }

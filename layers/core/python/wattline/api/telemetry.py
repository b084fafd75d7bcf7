"""The wire of vehicles' and meters' heartbeats: taking them, live states, pages over the fleet.

A body is validated once, as raw text, by pydantic; where that finds errors, their locations name the items, which
are dropped and reported, and the rest is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json
from typing_extensions import TypedDict

from wattline.api.http import Answer, body_of, json_answer, page_answer
from wattline.api.wire import QueryInteger, QueryModel, decode_place, encode_place, from_query
from wattline.domain import fleet
from wattline.domain.fleet import FIELDS, Heartbeat, HeartbeatStatement, Kind, Measure
from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import format_instant, reading_instant
from wattline.errors import FieldError, InvalidRequest, MalformedRequest, NotFound, TooLarge
from wattline.ports import DevicePage

MAX_READINGS = 1_000
MAX_PAGE = 1_000
DEFAULT_PAGE = 100

ID_FIELDS = {Kind.VEHICLE: "vehicleId", Kind.METER: "meterId"}


def _number(measure: Measure) -> Any:
    return Annotated[float, Field(strict=True, ge=measure.minimum, le=measure.maximum, allow_inf_nan=False)]


_Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]


@with_config(ConfigDict(coerce_numbers_to_str=True))
class HeartbeatReading(TypedDict, total=False):
    """A vehicle's or a meter's heartbeat, told apart by their ids. Energy is that of the heartbeat's minute."""

    vehicleId: _Id
    soc: _number(fleet.SOC)  # type: ignore[valid-type]
    kwhDeliveredDc: _number(fleet.KWH_DC)  # type: ignore[valid-type]
    batteryTemp: _number(fleet.BATTERY_TEMP)  # type: ignore[valid-type]
    meterId: _Id
    kwhConsumedAc: _number(fleet.KWH_AC)  # type: ignore[valid-type]
    voltage: _number(fleet.VOLTAGE)  # type: ignore[valid-type]
    timestamp: str


READINGS = TypeAdapter(list[HeartbeatReading])


class HeartbeatPost(BaseModel, defer_build=True):
    """The body of `POST /v1/telemetry`; a bare list, or a single reading, does as well."""

    readings: Annotated[list[HeartbeatReading], Field(min_length=1, max_length=MAX_READINGS)]


class RejectedHeartbeat(BaseModel, defer_build=True):
    """An item that was not stored."""

    index: int
    reason: str


class HeartbeatReceipt(BaseModel, defer_build=True):
    """The answer to a post."""

    accepted: int
    rejected: list[RejectedHeartbeat]


@dataclass(frozen=True, slots=True)
class JudgedHeartbeats:
    """Good heartbeats by kind, and why the others (by index) are not."""

    heartbeats: dict[Kind, list[Heartbeat]]
    rejected: dict[int, str]

    @property
    def accepted(self) -> int:
        """How many are good."""
        return sum(map(len, self.heartbeats.values()))


def parse_post(event: APIGatewayProxyEvent, now_ms: int) -> JudgedHeartbeats:
    """Judge each item of a body. Raises MalformedRequest, TooLarge, or InvalidRequest when none is good."""
    items, rejected = _validated(body_of(event))
    judged = JudgedHeartbeats({kind: [] for kind in Kind}, rejected)
    for index, item in items:
        try:
            kind = _kind(item)
            judged.heartbeats[kind].append(_heartbeat(kind, item, now_ms))
        except ValueError as refusal:
            rejected[index] = str(refusal)
    if not judged.accepted:
        errors = [FieldError("readings", reason, index) for index, reason in sorted(rejected.items())]
        raise InvalidRequest("no reading is good" if errors else "readings: send at least one", errors)
    return judged


def _validated(body: str) -> tuple[list[tuple[int, Any]], dict[int, str]]:
    """The items that fit the model, with their index, and the reason of each that does not."""
    text = body.lstrip()
    if not text.startswith("["):
        text = _as_list(text)
    try:
        good: list[Any] = READINGS.validate_json(text)
        _check_count(len(good))
        return list(enumerate(good)), {}
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise MalformedRequest(f"the body is not JSON: {error.errors()[0]['ctx']['error']}") from error
        raw: list[Any] = from_json(text)
        _check_count(len(raw))
        rejected: dict[int, str] = {}
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            index, *field = each["loc"]
            rejected.setdefault(int(index), ": ".join([*map(str, field), each["msg"]]))
        kept = [index for index in range(len(raw)) if index not in rejected]
        return list(zip(kept, READINGS.validate_python([raw[index] for index in kept]), strict=True)), rejected


def _as_list(text: str) -> str:
    """An envelope's list, or a single reading as a list of one."""
    try:
        content = from_json(text)
    except ValueError as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidRequest.of_field("body", "must be a reading, a list of readings, or an object with readings")
    if "readings" not in content:
        return f"[{text}]"
    if not isinstance(content["readings"], list):
        raise InvalidRequest.of_field("readings", "must be a list")
    return _dumps(content["readings"])


def _dumps(content: Any) -> str:
    from pydantic_core import to_json

    return to_json(content, inf_nan_mode="constants").decode()


def _check_count(count: int) -> None:
    if count > MAX_READINGS:
        raise TooLarge(
            f"a request holds at most {MAX_READINGS:,} readings and this one has {count:,}; send more in several "
            "requests, or as a file drop: put it in the bucket under drops/vehicles/ or drops/meters/"
        )


def _kind(item: HeartbeatReading) -> Kind:
    kinds = [kind for kind, field in ID_FIELDS.items() if field in item]
    if len(kinds) == 1:
        return kinds[0]
    raise ValueError(
        "vehicleId and meterId: both are given, and a reading is of one device"
        if kinds
        else "vehicleId or meterId: is missing"
    )


def _heartbeat(kind: Kind, item: Any, now_ms: int) -> Heartbeat:
    try:
        ts_ms = reading_instant(item["timestamp"], now_ms)
    except KeyError:
        raise ValueError("timestamp: is missing") from None
    except ValueError as error:
        raise ValueError(f"timestamp: {error}") from error
    try:
        values = tuple(fleet.to_scaled(item[name], measure) for name, measure in FIELDS[kind].items())
    except KeyError as missing:
        raise ValueError(f"{missing.args[0]}: is missing") from None
    return Heartbeat(item[ID_FIELDS[kind]], ts_ms, values)


def receipt(judged: JudgedHeartbeats) -> Answer:
    """202 with what was taken and what was not."""
    rejected = [{"index": index, "reason": reason} for index, reason in sorted(judged.rejected.items())]
    return json_answer(202, {"accepted": judged.accepted, "rejected": rejected})


class LiveParameters(QueryModel):
    """The query string of a listing."""

    charging: bool = Field(default=False, description="Only vehicles whose last heartbeat was of charging.")
    limit: Annotated[QueryInteger, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class PageParameters(QueryModel):
    """The query string of a listing without a choice."""

    limit: Annotated[QueryInteger, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class LiveVehicle(BaseModel, defer_build=True):
    """A vehicle's last heartbeat; `stale` after three minutes of silence."""

    vehicleId: str
    timestamp: str
    soc: float
    kwhDeliveredDc: float
    batteryTemp: float
    charging: bool
    age_seconds: float
    stale: bool


class LiveMeter(BaseModel, defer_build=True):
    """A meter's last heartbeat; `stale` after three minutes of silence."""

    meterId: str
    timestamp: str
    kwhConsumedAc: float
    voltage: float
    age_seconds: float
    stale: bool


class VehiclePage(BaseModel, defer_build=True):
    """A page of vehicles."""

    vehicles: list[LiveVehicle]
    next_cursor: str | None


class MeterPage(BaseModel, defer_build=True):
    """A page of meters."""

    meters: list[LiveMeter]
    next_cursor: str | None


def live_answer(kind: Kind, device_id: str, said: HeartbeatStatement | None, now_ms: int) -> Answer:
    """A device's live state. Raises NotFound."""
    if said is None:
        raise NotFound(f"no heartbeat of {kind} {device_id} was ever received")
    return json_answer(200, _live(kind, said, now_ms))


def _live(kind: Kind, said: HeartbeatStatement, now_ms: int) -> dict[str, object]:
    heartbeat = said.heartbeat
    age_ms = now_ms - heartbeat.ts_ms
    measured = zip(FIELDS[kind].items(), heartbeat.values, strict=True)
    content: dict[str, object] = {
        ID_FIELDS[kind]: heartbeat.device_id,
        "timestamp": format_instant(heartbeat.ts_ms),
        **{name: fleet.from_scaled(amount, measure) for (name, measure), amount in measured},
    }
    if kind is Kind.VEHICLE:
        content["charging"] = fleet.is_charging(heartbeat)
    return content | {"age_seconds": age_ms / 1000, "stale": age_ms > fleet.STALE_MS}


def fleet_answer(event: APIGatewayProxyEvent, kind: Kind, now_ms: int, page: Callable[..., DevicePage]) -> Answer:
    """A page of live states; `page` reads it."""
    if kind is Kind.VEHICLE:
        asked = from_query(LiveParameters, event.resolved_query_string_parameters)
        limit, cursor, charging = asked.limit, asked.cursor, asked.charging
    else:
        plain = from_query(PageParameters, event.resolved_query_string_parameters)
        limit, cursor, charging = plain.limit, plain.cursor, False
    after = None if cursor is None else decode_place(cursor, rf"\d\d{ID_PATTERN[1:-1]}")
    found = page(kind, charging=charging, after=after, limit=limit)
    devices = [_live(kind, said, now_ms) for said in found.devices]
    content: dict[str, object] = {
        f"{kind}s": devices,
        "next_cursor": None if found.next is None else encode_place(found.next),
    }
    names = tuple((LiveVehicle if kind is Kind.VEHICLE else LiveMeter).model_fields)
    return page_answer(event, content, lambda: (names, _rows(devices)))


def _rows(devices: Sequence[dict[str, object]]) -> list[list[object]]:
    return [[_csv(value) for value in device.values()] for device in devices]


def _csv(value: object) -> object:
    """Booleans as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else value

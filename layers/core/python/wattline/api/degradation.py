"""The wire of how a battery ages."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

from wattline.api.http import Answer, json_answer
from wattline.api.wire import Instant, QueryModel, device_id, from_query
from wattline.domain.capacity import CONFIDENCE, Capacity, Estimate
from wattline.domain.degradation import Day, Efficiency, Health
from wattline.domain.instants import DAY_MS, FOREVER_MS, format_instant
from wattline.errors import InvalidRequest
from wattline.services.degradation import MAX_WINDOW_MS, Ageing, AgeingQuery


class DegradationParameters(QueryModel):
    """The query string."""

    start: Instant
    end: Instant
    as_of: Instant | None = Field(default=None, description="Answer as if nothing received later had been.")


class DegradationWindow(BaseModel, defer_build=True):
    """[start, end)."""

    start: str
    end: str


class BatteryDay(BaseModel, defer_build=True):
    """A UTC day; `efficiency` is over the equal-charge stretches that end on it. Null is what is not known."""

    day: str
    energyInKwh: float | None
    energyOutKwh: float | None
    efficiency: float | None
    equivalentFullCycles: float | None


class RoundTrip(BaseModel, defer_build=True):
    """Energy out / energy in over so many stretches that begin and end at the same state of charge."""

    ratio: float
    stretches: int


class CapacityEstimate(BaseModel, defer_build=True):
    """kWh that a full discharge delivers, at the middle of the discharges, with its interval."""

    kwh: float
    low: float
    high: float
    confidence: float
    at: str
    swings: int


class HealthTrend(BaseModel, defer_build=True):
    """Change of capacity in % a year of the capacity at the first discharge, and what is left at the last."""

    percentPerYear: float
    low: float
    high: float
    confidence: float
    percentAtEnd: float


class BatteryDegradation(BaseModel, defer_build=True):
    """`status` is `ok`, or `insufficient_data` where anything is null; `reasons` say why."""

    deviceId: str
    window: DegradationWindow
    status: str
    reasons: list[str]
    energyInKwh: float | None
    energyOutKwh: float | None
    efficiency: RoundTrip | None
    equivalentFullCycles: float | None
    capacity: CapacityEstimate | None
    stateOfHealth: HealthTrend | None
    days: list[BatteryDay]
    scannedBytes: int


def parse_window(event: APIGatewayProxyEvent, battery_id: str) -> AgeingQuery:
    """The window that is asked for."""
    asked = from_query(DegradationParameters, event.resolved_query_string_parameters)
    if asked.start >= asked.end:
        raise InvalidRequest.of_field("end", "must lie after start; the window is [start, end)")
    if asked.end - asked.start > MAX_WINDOW_MS:
        raise InvalidRequest.of_field("end", f"must lie at most {MAX_WINDOW_MS // DAY_MS} days after start")
    as_of_ms = FOREVER_MS if asked.as_of is None else asked.as_of
    return AgeingQuery(device_id(battery_id, "deviceId"), asked.start, asked.end, as_of_ms)


def degradation_answer(query: AgeingQuery, ageing: Ageing) -> Answer:
    """Everything as JSON."""
    found = ageing.degradation
    return json_answer(
        200,
        {
            "deviceId": query.device_id,
            "window": {"start": format_instant(query.start_ms), "end": format_instant(query.end_ms)},
            "status": "insufficient_data" if found.missing else "ok",
            "reasons": found.missing,
            "energyInKwh": _rounded(found.energy_in),
            "energyOutKwh": _rounded(found.energy_out),
            "efficiency": found.efficiency and _round_trip(found.efficiency),
            "equivalentFullCycles": _rounded(found.full_cycles),
            "capacity": found.capacity and _capacity(found.capacity),
            "stateOfHealth": found.health and _health(found.health),
            "days": [_day(day) for day in found.days],
            "scannedBytes": ageing.scanned_bytes,
        },
    )


def _rounded(amount: float | None) -> float | None:
    """To the scale of the registers; sums of floats carry noise beyond it."""
    return None if amount is None else round(amount, 6)


def _round_trip(found: Efficiency) -> dict[str, object]:
    return {"ratio": found.ratio, "stretches": found.stretches}


def _capacity(found: Capacity) -> dict[str, object]:
    at = {"at": format_instant(round(found.mean_ms)), "swings": found.swings}
    return {"kwh": found.mean.value, **_interval(found.mean), **at}


def _health(found: Health) -> dict[str, object]:
    return {"percentPerYear": found.change.value, **_interval(found.change), "percentAtEnd": found.at_end}


def _interval(estimate: Estimate) -> dict[str, object]:
    return {"low": estimate.low, "high": estimate.high, "confidence": CONFIDENCE}


def _day(day: Day) -> dict[str, object]:
    return {
        "day": day.day,
        "energyInKwh": _rounded(day.energy_in),
        "energyOutKwh": _rounded(day.energy_out),
        "efficiency": day.efficiency,
        "equivalentFullCycles": _rounded(day.full_cycles),
    }

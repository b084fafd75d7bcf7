"""The wire of the performance of a vehicle."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

from wattline.api.http import Answer, json_answer
from wattline.api.wire import Instant, QueryInteger, QueryModel, device_id, from_query
from wattline.domain.energy import NANO
from wattline.domain.instants import FOREVER_MS, HOUR_MS, format_instant
from wattline.services.performance import Measured, Window

MAX_HOURS = 168


class PerformanceParameters(QueryModel):
    """The query string: the window is the `hours` before `end`."""

    hours: Annotated[QueryInteger, Field(ge=1, le=MAX_HOURS)] = 24
    end: Instant | None = Field(default=None, description="Now, if not given.")
    as_of: Instant | None = Field(
        default=None, description="Answer as if nothing received later had been; to the second."
    )


class PerformanceWindow(BaseModel, defer_build=True):
    """[start, end)."""

    start: str
    end: str


class ReadingCounts(BaseModel, defer_build=True):
    """Heartbeats counted, duplicates once, the meters' while linked."""

    vehicle: int
    meter: int


class Scanned(BaseModel, defer_build=True):
    """What was read: statements from the hot table, bytes from the history."""

    items: int | None = None
    bytes: int | None = None


class PerformanceState(BaseModel, defer_build=True):
    """Energy from the grid (AC) against energy into the battery (DC)."""

    vehicleId: str
    window: PerformanceWindow
    totalKwhConsumedAc: float
    totalKwhDeliveredDc: float
    efficiencyRatio: float | None
    avgBatteryTemp: float | None
    readings: ReadingCounts
    coverage: Annotated[float, Field(ge=0, le=1)]
    status: str
    source: str
    scanned: Scanned


def parse_window(event: APIGatewayProxyEvent, vehicle_id: str, now_ms: int) -> Window:
    """The window that is asked for."""
    asked = from_query(PerformanceParameters, event.resolved_query_string_parameters)
    end_ms = now_ms if asked.end is None else asked.end
    as_of_ms = FOREVER_MS if asked.as_of is None else asked.as_of
    return Window(device_id(vehicle_id, "vehicleId"), end_ms - asked.hours * HOUR_MS, end_ms, as_of_ms // 1000)


def performance_answer(window: Window, measured: Measured) -> Answer:
    """The performance as JSON."""
    found = measured.performance
    scanned: dict[str, Any] = {"items": measured.items}
    if measured.scanned_bytes is not None:
        scanned["bytes"] = measured.scanned_bytes
    return json_answer(
        200,
        {
            "vehicleId": window.vehicle_id,
            "window": {"start": format_instant(window.start_ms), "end": format_instant(window.end_ms)},
            "totalKwhConsumedAc": found.ac / NANO,
            "totalKwhDeliveredDc": found.dc / NANO,
            "efficiencyRatio": found.ratio,
            "avgBatteryTemp": found.battery_temp,
            "readings": {"vehicle": found.vehicle_readings, "meter": found.meter_readings},
            "coverage": found.coverage,
            "status": found.status.value,
            "source": measured.source.value,
            "scanned": scanned,
        },
    )

"""What each route takes and gives, for the API's document."""

from dataclasses import dataclass
from http import HTTPStatus

from pydantic import BaseModel

from wattline.api import (
    alerts,
    batteries,
    degradation,
    energy,
    links,
    loads,
    meter_readings,
    performance,
    pricing,
    reports,
    routes,
    telemetry,
)
from wattline.api.routes import Route


class FieldProblem(BaseModel):
    """What is wrong with one field; `index` for an item of a list."""

    index: int | None = None
    field: str
    reason: str


class ProblemDetails(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] | None = None


class HealthState(BaseModel):
    """`ok`, or `degraded` while messages lie in a dead-letter queue; and how much waits in each queue."""

    status: str
    version: str
    queues: dict[str, int]


@dataclass(frozen=True)
class Operation:
    """What a route takes and gives; `problems` are the statuses beside those every route has."""

    summary: str
    description: str
    tag: str
    status: HTTPStatus
    answer: type[BaseModel] | None
    body: type[BaseModel] | None = None
    body_required: bool = True
    query: type[BaseModel] | None = None
    csv_query: type[BaseModel] | None = None
    csv_answer: bool = False
    problems: tuple[int, ...] = ()


OPERATIONS: dict[Route, Operation] = {
    routes.POST_DATA: Operation(
        "Post energy readings of a spaceship",
        "Readings in kW or kWh at any interval become 15-minute kWh. Every item is judged: good ones are stored, "
        "bad ones come back in `rejected`. As `text/csv`, the columns are `datetime,value` and the rest stands in "
        "the query string. A later post replaces what earlier posts said about the time it covers.",
        "Spaceship energy",
        HTTPStatus.CREATED,
        energy.EnergyReceipt,
        body=energy.EnergyPostBody,
        csv_query=energy.EnergyPostParameters,
        problems=(400, 413, 422, 503),
    ),
    routes.GET_DATA: Operation(
        "Read the 15-minute energy of a spaceship",
        "The quarter hours that start in [start, end). `Accept: text/csv` gives CSV, with the next page in a "
        "`Link` header.",
        "Spaceship energy",
        HTTPStatus.OK,
        energy.EnergySeries,
        query=energy.EnergyReadParameters,
        csv_answer=True,
        problems=(404, 422, 502, 503),
    ),
    routes.POST_TELEMETRY: Operation(
        "Post heartbeats of vehicles and meters",
        'Up to 1,000 readings, kinds mixed: one object, a list, or `{"readings": [...]}`. Every item is judged: good '
        "ones are stored, bad ones come back in `rejected`. 202 means durable.",
        "Fleet",
        HTTPStatus.ACCEPTED,
        telemetry.HeartbeatReceipt,
        body=telemetry.HeartbeatPost,
        problems=(400, 413, 422, 503),
    ),
    routes.PUT_LINK: Operation(
        "Link a meter to a vehicle",
        "From when to when the meter feeds the vehicle. With the same `from`, `to` is changed. Links of one meter may "
        "not overlap.",
        "Fleet",
        HTTPStatus.OK,
        links.LinkState,
        body=links.LinkBody,
        problems=(400, 409, 422, 503),
    ),
    routes.DELETE_LINK: Operation(
        "Take a link away",
        "The meter's link to the vehicle that begins at `from`.",
        "Fleet",
        HTTPStatus.NO_CONTENT,
        None,
        query=links.LinkParameters,
        problems=(404, 422, 503),
    ),
    routes.GET_VEHICLES: Operation(
        "Live states of all vehicles",
        "In pages; `charging=true` keeps those whose last heartbeat was of charging.",
        "Fleet",
        HTTPStatus.OK,
        telemetry.VehiclePage,
        query=telemetry.LiveParameters,
        csv_answer=True,
        problems=(422, 503),
    ),
    routes.GET_VEHICLE: Operation(
        "Live state of a vehicle",
        "Its last heartbeat.",
        "Fleet",
        HTTPStatus.OK,
        telemetry.LiveVehicle,
        problems=(404, 503),
    ),
    routes.GET_METERS: Operation(
        "Live states of all meters",
        "In pages.",
        "Fleet",
        HTTPStatus.OK,
        telemetry.MeterPage,
        query=telemetry.PageParameters,
        csv_answer=True,
        problems=(422, 503),
    ),
    routes.GET_METER: Operation(
        "Live state of a meter",
        "Its last heartbeat.",
        "Fleet",
        HTTPStatus.OK,
        telemetry.LiveMeter,
        problems=(404, 503),
    ),
    routes.GET_LINKS: Operation(
        "Links of a vehicle",
        "Which meters feed it, over time.",
        "Fleet",
        HTTPStatus.OK,
        links.LinkList,
        problems=(503,),
    ),
    routes.GET_METER_READINGS: Operation(
        "Read the load profile of a smart meter",
        "15-minute energy of [start, end), as it was read or summed by hour, day, week or month of a time zone, and "
        "what it tells: totals, patterns, the heatmap, the cost by tariff, the autocorrelation. Longest range: 400 "
        "days for `raw`, `15m` and `include`, 800 days for `hourly`, 3,700 days for the others.",
        "Smart meters",
        HTTPStatus.OK,
        meter_readings.MeterReadings,
        query=meter_readings.MeterReadingsParameters,
        csv_answer=True,
        problems=(404, 422, 502, 503),
    ),
    routes.GET_PRICING: Operation(
        "Read the tariffs",
        "The set in force, by effective date. A file dropped under `drops/tariffs/` replaces the set.",
        "Smart meters",
        HTTPStatus.OK,
        pricing.Pricing,
        query=pricing.PricingParameters,
        problems=(422, 503),
    ),
    routes.GET_PERFORMANCE: Operation(
        "Performance of a vehicle",
        "Energy drawn from the grid (AC, while a meter is linked) against energy into the battery (DC).",
        "Fleet",
        HTTPStatus.OK,
        performance.PerformanceState,
        query=performance.PerformanceParameters,
        problems=(404, 422, 502, 503),
    ),
    routes.GET_LOADS: Operation(
        "Loads of dropped files",
        "Newest first. With `state`, a page may hold fewer than `limit` though more follow.",
        "File drops",
        HTTPStatus.OK,
        loads.LoadList,
        query=loads.LoadParameters,
        csv_answer=True,
        problems=(422, 503),
    ),
    routes.GET_LOAD: Operation(
        "One load",
        "How far it is, how it ended, and where the rejected rows are. `load_id` is the first 32 hexadecimal digits of "
        "the SHA-256 of the key, a line feed and the ETag.",
        "File drops",
        HTTPStatus.OK,
        loads.LoadView,
        problems=(404, 503),
    ),
    routes.GET_BATTERIES: Operation(
        "All batteries as they are now",
        "In pages: the vendor's description and state, and the latest value of each metric. As CSV, a line a metric.",
        "Batteries",
        HTTPStatus.OK,
        batteries.BatteryList,
        query=batteries.BatteryListParameters,
        csv_answer=True,
        problems=(422, 503),
    ),
    routes.GET_BATTERY: Operation(
        "A battery as it is now",
        "The vendor's description and state, and the latest value of each metric.",
        "Batteries",
        HTTPStatus.OK,
        batteries.BatteryState,
        problems=(404, 422, 503),
    ),
    routes.GET_BATTERY_TELEMETRY: Operation(
        "Telemetry of a battery",
        "One metric: its points, or buckets of a minute, a quarter hour, an hour or a UTC day that start in "
        "[start, end). Registers (`...Kwh`) are cumulative: `raw` gives what they showed, a bucket the difference, "
        "credited to the later reading and never negative. `Accept: text/csv` gives CSV, with the next page in a "
        "`Link` header.",
        "Batteries",
        HTTPStatus.OK,
        batteries.TelemetrySeries,
        query=batteries.TelemetryParameters,
        csv_answer=True,
        problems=(404, 422, 502, 503),
    ),
    routes.GET_DEGRADATION: Operation(
        "How a battery ages",
        "Energy by day, round-trip efficiency, equivalent full cycles, capacity from discharges of 20 % or more with "
        "its 95 % interval, and the trend of the state of health, for a window of up to 366 days.",
        "Batteries",
        HTTPStatus.OK,
        degradation.BatteryDegradation,
        query=degradation.DegradationParameters,
        problems=(404, 422, 502, 503),
    ),
    routes.GET_ALERTS: Operation(
        "Open alerts",
        "Pending, firing and clearing alerts by rule and device, in pages: one key query, whatever the fleet's size. "
        "An alert is listed a second or two after its reading.",
        "Alerts",
        HTTPStatus.OK,
        alerts.AlertList,
        query=alerts.AlertParameters,
        csv_answer=True,
        problems=(422, 503),
    ),
    routes.TRIGGER_REPORT: Operation(
        "Trigger a report on the availability of stores",
        "Observed up- and downtime of every store in the hour, day and week before now, within its business hours. "
        "`now` is the newest poll of all stores. What counts is what has been received.",
        "Stores",
        HTTPStatus.ACCEPTED,
        reports.TriggeredReport,
        body=reports.TriggerBody,
        body_required=False,
        problems=(400, 409, 413, 422, 503),
    ),
    routes.GET_REPORT: Operation(
        "Look at a report",
        "`Running`, `Complete` with a link to the CSV, or `Failed` with the reason; the header `X-Report-Status` says "
        "so too. With `Accept: text/csv` a complete report is the CSV itself, or a 303 to it when it is over 5 MB. "
        "Reports are kept for 30 days.",
        "Stores",
        HTTPStatus.OK,
        reports.ReportState,
        query=reports.ReportParameters,
        csv_answer=True,
        problems=(404, 422, 503),
    ),
    routes.HEALTH: Operation(
        "Whether all is well",
        "The version, and how much waits in each queue.",
        "Service",
        HTTPStatus.OK,
        HealthState,
        problems=(503,),
    ),
    routes.DOCS: Operation("This documentation", "Swagger UI.", "Service", HTTPStatus.OK, None),
    routes.OPENAPI: Operation("This document", "OpenAPI 3.1.", "Service", HTTPStatus.OK, None),
}

"""Build the OpenAPI document from the table of routes and the wire models.

Run `make openapi` after a change; a test compares the committed file with what this module builds. No function
imports it.
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import wattline
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
from wattline.api.problems import PROBLEM_JSON
from wattline.api.routes import ROUTES, Route
from wattline.domain.ids import ID_PATTERN

_REFS = "#/components/schemas/{model}"


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


def build() -> str:
    """The document as text, in a stable order."""
    models = {model for operation in OPERATIONS.values() for model in (operation.answer, operation.body) if model}
    named = sorted(models | {ProblemDetails}, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in named], ref_template=_REFS)
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, OPERATIONS[route])
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "wattline",
            "version": wattline.__version__,
            "summary": "Telemetry for power, batteries, fleets, meters and store availability.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return json.dumps(document, indent=1) + "\n"


def _operation(route: Route, operation: Operation) -> dict[str, object]:
    content: dict[str, object] = {
        "operationId": f"{route.method.lower()}_{re.sub(r'[^A-Za-z0-9]+', '_', route.path).strip('_')}",
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": _path_parameters(route.path)
        + _parameters(operation.query)
        + _parameters(operation.csv_query, only_csv=True),
        "responses": _responses(route, operation),
    }
    if operation.body is not None:
        media: dict[str, object] = {"application/json": {"schema": _ref(operation.body)}}
        if operation.csv_query is not None:
            media["text/csv"] = {"schema": {"type": "string"}, "example": "datetime,value\n2018-08-24T00:00:00Z,12\n"}
        content["requestBody"] = {"required": operation.body_required, "content": media}
    if route.scope is not None:
        content["security"] = [{"token": [route.scope.value]}]
    return content


def _path_parameters(path: str) -> list[dict[str, object]]:
    schema = {"type": "string", "pattern": ID_PATTERN}
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _parameters(model: type[BaseModel] | None, *, only_csv: bool = False) -> list[dict[str, object]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=_REFS)
    definitions = schema.get("$defs", {})
    parameters: list[dict[str, object]] = []
    for name, field in schema["properties"].items():
        inline = {key: value for key, value in field.items() if key not in ("title", "description", "$ref")}
        if "$ref" in field:
            inline |= {"enum": definitions[field["$ref"].rsplit("/", 1)[1]]["enum"], "type": "string"}
        description = field.get("description", "")
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []) and not only_csv,
                "description": f"With text/csv only. {description}".strip() if only_csv else description,
                "schema": inline,
            }
        )
    return parameters


def _responses(route: Route, operation: Operation) -> dict[str, object]:
    media: dict[str, object] = {}
    if operation.answer is not None:
        media["application/json"] = {"schema": _ref(operation.answer)}
        if operation.csv_answer:
            media["text/csv"] = {"schema": {"type": "string"}}
    statuses = sorted({*operation.problems, 429, 500, *((401, 403) if route.scope else ())})
    problem = {PROBLEM_JSON: {"schema": _ref(ProblemDetails)}}
    responses: dict[str, object] = {
        str(operation.status.value): {"description": operation.status.phrase} | ({"content": media} if media else {})
    }
    for status in statuses:
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return responses


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFS.format(model=model.__name__)}


if __name__ == "__main__":
    print(build(), end="")

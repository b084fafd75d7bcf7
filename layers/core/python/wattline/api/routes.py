"""Every route, once: the gateway, the functions, their scopes and the API's document derive from this table."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a token may allow."""

    WRITE = "telemetry:write"
    READ = "telemetry:read"
    REPORTS = "reports:run"


@dataclass(frozen=True, slots=True)
class Route:
    """`scope` None means public; `function` is the folder under functions/ that answers."""

    method: str
    path: str
    function: str
    scope: Scope | None


POST_DATA = Route("POST", "/data", "ingestion", Scope.WRITE)
GET_DATA = Route("GET", "/data", "query", Scope.READ)
POST_TELEMETRY = Route("POST", "/v1/telemetry", "ingestion", Scope.WRITE)
GET_VEHICLES = Route("GET", "/v1/vehicles", "query", Scope.READ)
GET_VEHICLE = Route("GET", "/v1/vehicles/{vehicleId}", "query", Scope.READ)
GET_METERS = Route("GET", "/v1/meters", "query", Scope.READ)
GET_METER = Route("GET", "/v1/meters/{meterId}", "query", Scope.READ)
GET_LINKS = Route("GET", "/v1/vehicles/{vehicleId}/meters", "query", Scope.READ)
PUT_LINK = Route("PUT", "/v1/vehicles/{vehicleId}/meters/{meterId}", "ingestion", Scope.WRITE)
DELETE_LINK = Route("DELETE", "/v1/vehicles/{vehicleId}/meters/{meterId}", "ingestion", Scope.WRITE)
GET_PERFORMANCE = Route("GET", "/v1/analytics/performance/{vehicleId}", "analytics", Scope.READ)
GET_LOADS = Route("GET", "/v1/loads", "query", Scope.READ)
GET_LOAD = Route("GET", "/v1/loads/{loadId}", "query", Scope.READ)
GET_BATTERIES = Route("GET", "/v1/batteries", "query", Scope.READ)
GET_BATTERY = Route("GET", "/v1/batteries/{deviceId}", "query", Scope.READ)
GET_BATTERY_TELEMETRY = Route("GET", "/v1/batteries/{deviceId}/telemetry", "query", Scope.READ)
GET_DEGRADATION = Route("GET", "/v1/analytics/batteries/{deviceId}/degradation", "analytics", Scope.READ)
GET_ALERTS = Route("GET", "/v1/alerts", "query", Scope.READ)
GET_METER_READINGS = Route("GET", "/v1/meter_readings", "query", Scope.READ)
GET_PRICING = Route("GET", "/v1/pricing", "query", Scope.READ)
TRIGGER_REPORT = Route("POST", "/trigger_report", "reports", Scope.REPORTS)
GET_REPORT = Route("GET", "/get_report", "reports", Scope.REPORTS)
HEALTH = Route("GET", "/health", "web", None)
DOCS = Route("GET", "/docs", "web", None)
OPENAPI = Route("GET", "/openapi.json", "web", None)

ROUTES: tuple[Route, ...] = (
    POST_DATA,
    GET_DATA,
    POST_TELEMETRY,
    PUT_LINK,
    DELETE_LINK,
    GET_VEHICLES,
    GET_VEHICLE,
    GET_METERS,
    GET_METER,
    GET_LINKS,
    GET_ALERTS,
    GET_METER_READINGS,
    GET_PRICING,
    GET_PERFORMANCE,
    GET_LOADS,
    GET_LOAD,
    GET_BATTERIES,
    GET_BATTERY,
    GET_BATTERY_TELEMETRY,
    GET_DEGRADATION,
    TRIGGER_REPORT,
    GET_REPORT,
    HEALTH,
    DOCS,
    OPENAPI,
)

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
HEALTH = Route("GET", "/health", "web", None)
DOCS = Route("GET", "/docs", "web", None)
OPENAPI = Route("GET", "/openapi.json", "web", None)

ROUTES: tuple[Route, ...] = (POST_DATA, GET_DATA, HEALTH, DOCS, OPENAPI)

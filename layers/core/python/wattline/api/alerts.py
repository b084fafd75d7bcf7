"""The wire of open alerts."""

from collections.abc import Callable
from typing import Annotated, Literal

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field, StringConstraints

from wattline.api.http import Answer, page_answer
from wattline.api.wire import QueryInteger, QueryModel, decode_place, encode_place, from_query
from wattline.domain.alerts import AlertState, DeviceKind
from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import format_instant
from wattline.ports import AlertPage, OpenAlert

MAX_PAGE = 1_000
DEFAULT_PAGE = 100

_RULE = r"[a-z][a-z0-9_]{0,63}"
_KINDS = "|".join(kind.name for kind in DeviceKind)
_PLACE = rf"{_RULE}#({_KINDS})#{ID_PATTERN[1:-1]}"


class AlertParameters(QueryModel):
    """The query string of the listing."""

    rule: Annotated[str, StringConstraints(pattern=f"^{_RULE}$")] | None = Field(
        default=None, description="Only alerts of this rule, for example `low_soc`."
    )
    state: Literal["pending", "firing", "clearing"] | None = Field(
        default=None,
        description="Only alerts in this state: `pending` (the breach has not lasted long enough), `firing` or "
        "`clearing` (the recovery has not). Resolved alerts are not listed; their resolution is published.",
    )
    limit: Annotated[QueryInteger, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class AlertItem(BaseModel, defer_build=True):
    """An open alert: since when it is in its state, the value that led there, and when it began to fire."""

    rule: str
    metric: str
    device_kind: DeviceKind
    device_id: str
    state: AlertState
    since: str
    value: float
    fired_at: str | None


class AlertList(BaseModel, defer_build=True):
    """A page of alerts, by rule and device."""

    alerts: list[AlertItem]
    next_cursor: str | None


def alerts_answer(event: APIGatewayProxyEvent, page: Callable[..., AlertPage]) -> Answer:
    """A page of open alerts; `page` reads it. Raises InvalidRequest."""
    asked = from_query(AlertParameters, event.resolved_query_string_parameters)
    after = None if asked.cursor is None else decode_place(asked.cursor, _PLACE)
    state = AlertState(asked.state) if asked.state else None
    found = page(rule=asked.rule, state=state, after=after, limit=asked.limit)
    alerts = [_item(alert) for alert in found.alerts]
    content: dict[str, object] = {
        "alerts": alerts,
        "next_cursor": None if found.next is None else encode_place(found.next),
    }
    return page_answer(
        event, content, lambda: (tuple(AlertItem.model_fields), [tuple(each.values()) for each in alerts])
    )


def _item(alert: OpenAlert) -> dict[str, object]:
    return {
        "rule": alert.rule,
        "metric": alert.metric,
        "device_kind": alert.device.kind.value,
        "device_id": alert.device.id,
        "state": alert.state.value,
        "since": format_instant(alert.since_ms),
        "value": alert.value,
        "fired_at": None if alert.fired_ms is None else format_instant(alert.fired_ms),
    }

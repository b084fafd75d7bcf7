"""The wire of loads: what became of dropped files."""

from collections.abc import Callable
from typing import Annotated

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

from wattline.api.http import Answer, json_answer, page_answer
from wattline.api.wire import QueryInteger, QueryModel, decode_place, encode_place, from_query
from wattline.domain.instants import format_instant
from wattline.domain.loads import Load, LoadState, as_seen
from wattline.errors import NotFound
from wattline.ports import Loads

MAX_PAGE = 1_000
DEFAULT_PAGE = 100
_PLACE = r"\d{15}#[0-9a-f]{32}"


class LoadParameters(QueryModel):
    """The query string of the listing."""

    state: LoadState | None = Field(default=None, description="Only loads in this state.")
    limit: Annotated[QueryInteger, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class LoadView(BaseModel, defer_build=True):
    """A load; `reason` says why it failed, waits or stored nothing, `rejects_url` is good for an hour."""

    load_id: str
    key: str
    kind: str
    state: LoadState
    rows_read: int
    rows_stored: int
    rows_rejected: int
    percent: int
    reason: str | None
    rejects_url: str | None
    started_at: str
    ended_at: str | None


class LoadList(BaseModel, defer_build=True):
    """A page of loads, newest first."""

    loads: list[LoadView]
    next_cursor: str | None


def loads_answer(event: APIGatewayProxyEvent, loads: Loads, now_ms: int) -> Answer:
    """A page of loads."""
    asked = from_query(LoadParameters, event.resolved_query_string_parameters)
    after = None if asked.cursor is None else decode_place(asked.cursor, _PLACE)
    page = loads.page(state=asked.state, after=after, limit=asked.limit, now_ms=now_ms)
    views = [_view(load, loads.rejects_url, now_ms) for load in page.loads]
    content: dict[str, object] = {
        "loads": views,
        "next_cursor": None if page.next is None else encode_place(page.next),
    }
    return page_answer(event, content, lambda: (tuple(LoadView.model_fields), [list(view.values()) for view in views]))


def load_answer(load_id: str, loads: Loads, now_ms: int) -> Answer:
    """One load. Raises NotFound."""
    load = loads.find(load_id)
    if load is None:
        raise NotFound(f"there is no load {load_id}; a file that was just dropped is announced within seconds")
    return json_answer(200, _view(load, loads.rejects_url, now_ms))


def _view(load: Load, rejects_url: Callable[[str], str], now_ms: int) -> dict[str, object]:
    seen = as_seen(load, now_ms)
    return {
        "load_id": seen.load_id,
        "key": seen.key,
        "kind": seen.kind,
        "state": seen.state.value,
        "rows_read": seen.rows_read,
        "rows_stored": seen.rows_stored,
        "rows_rejected": seen.rows_rejected,
        "percent": seen.percent,
        "reason": seen.reason,
        "rejects_url": rejects_url(seen.load_id) if seen.has_rejects else None,
        "started_at": format_instant(seen.started_ms),
        "ended_at": None if seen.ended_ms is None else format_instant(seen.ended_ms),
    }

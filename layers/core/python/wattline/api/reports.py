"""The wire of availability reports."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wattline.api.http import CSV, Answer, body_of, header, json_answer
from wattline.api.wire import Instant, QueryModel, from_json, from_query
from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import format_instant, reading_instant
from wattline.domain.reports import Report, State
from wattline.errors import InvalidRequest
from wattline.ports import ReportFiles

STATUS_HEADER = "X-Report-Status"

LINK_SECONDS = 3600
"""How long a download link is good; a new one is signed at each look."""

INLINE_BYTES = 5_000_000
"""A larger CSV is not answered, but redirected to."""


class TriggerBody(BaseModel):
    """May be left out."""

    model_config = ConfigDict(extra="forbid")

    now: Instant | None = Field(default=None, description="The newest poll considered; of all stores, if not given.")


class TriggeredReport(BaseModel, defer_build=True):
    """Look at it with `GET /get_report`."""

    report_id: str


class ReportParameters(QueryModel):
    """The query string."""

    report_id: Annotated[str, StringConstraints(pattern=ID_PATTERN)]


class ReportState(BaseModel, defer_build=True):
    """`Complete` comes with all but `detail`, `Failed` with `detail`; both are final."""

    status: Literal["Running", "Complete", "Failed"]
    report_url: str | None = Field(default=None, description="Where the CSV can be downloaded, without a token.")
    expires_at: str | None = Field(default=None, description="Until when `report_url` is good; ask again for another.")
    now: str | None = Field(default=None, description="The newest poll considered.")
    rows: int | None = Field(default=None, description="Stores in the report.")
    detail: str | None = Field(default=None, description="Why it failed.")


def parse_trigger(event: APIGatewayProxyEvent, now_ms: int) -> int | None:
    """The pinned now, if there is one. Raises MalformedRequest or InvalidRequest."""
    body = body_of(event)
    if not body.strip():
        return None
    pinned = from_json(TriggerBody, body).now
    if pinned is None:
        return None
    try:
        return reading_instant(format_instant(pinned), now_ms)
    except ValueError as error:
        raise InvalidRequest.of_field("now", str(error)) from error


def parse_report_id(event: APIGatewayProxyEvent) -> str:
    """Of which report. Raises InvalidRequest."""
    return from_query(ReportParameters, event.resolved_query_string_parameters).report_id


def triggered_answer(report: Report) -> Answer:
    """202."""
    return _with_status(json_answer(202, {"report_id": report.report_id}), report)


def report_answer(event: APIGatewayProxyEvent, report: Report, files: ReportFiles, now_ms: int) -> Answer:
    """The state as JSON; a complete report as CSV where that is wanted, or a 303 to it where it is too large."""
    if report.state is not State.COMPLETE:
        failed = {"detail": report.reason} if report.state is State.FAILED else {}
        return _with_status(json_answer(200, {"status": report.state.value, **failed}), report)
    if CSV in header(event, "accept"):
        return _with_status(_csv_answer(report, files), report)
    content = {
        "status": report.state.value,
        "report_url": files.link(report, LINK_SECONDS),
        "expires_at": format_instant((now_ms // 1000 + LINK_SECONDS) * 1000),
        "now": format_instant(report.now_ms),
        "rows": report.rows,
    }
    return _with_status(json_answer(200, content), report)


def _csv_answer(report: Report, files: ReportFiles) -> Answer:
    text = files.read(report.key, INLINE_BYTES)
    if text is None:
        return Response(303, CSV, "", headers={"Location": files.link(report, LINK_SECONDS)})
    return Response(200, f"{CSV}; charset=utf-8", text, headers={})


def _with_status(answer: Answer, report: Report) -> Answer:
    answer.headers[STATUS_HEADER] = report.state.value
    return answer

"""Trigger reports of the availability of stores, and answer how they stand.

Wire models and AWS clients are imported at a route's first request: a cold start pays for the route that woke it.
"""

from functools import cache
from typing import Any, NamedTuple
from uuid import uuid4

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.api import routes
from wattline.api.http import Answer, HttpApi
from wattline.ports import NewestPoll, ReportFiles, ReportJobs, Reports
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import logger, metrics
from wattline.services.reports import look_at_report, trigger_report

api = HttpApi(logger, metrics)


class Stores(NamedTuple):
    """Where reports lie, and the way to the worker."""

    newest: NewestPoll
    reports: Reports
    jobs: ReportJobs
    files: ReportFiles


@cache
def stores() -> Stores:
    from wattline.adapters import aws
    from wattline.adapters.hot_reports import DynamoNewestPoll, DynamoReports
    from wattline.adapters.hot_table import HotTable
    from wattline.adapters.queues import SqsReportJobs
    from wattline.adapters.report_files import S3ReportFiles
    from wattline.runtime.settings import ReportsSettings, load

    settings = load(ReportsSettings)
    table = HotTable(aws.dynamodb(), settings.hot_table)
    return Stores(
        DynamoNewestPoll(table),
        DynamoReports(table),
        SqsReportJobs(aws.sqs(), settings.reports_queue_url),
        S3ReportFiles(aws.s3(), settings.bucket),
    )


@api.route(routes.TRIGGER_REPORT)
def post_trigger_report(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import reports

    now = now_ms()
    pinned_ms = reports.parse_trigger(event, now)
    at = stores()
    report = trigger_report(str(uuid4()), pinned_ms, now, newest=at.newest, reports=at.reports, jobs=at.jobs)
    return reports.triggered_answer(report)


@api.route(routes.GET_REPORT)
def get_report(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import reports

    now = now_ms()
    at = stores()
    report = look_at_report(reports.parse_report_id(event), now, reports=at.reports)
    return reports.report_answer(event, report, at.files, now)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api.resolver.resolve(event, context)

"""Compute reports of the availability of stores, one a delivery."""

from functools import cache
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.adapters import aws
from wattline.adapters.athena import AthenaQueries
from wattline.adapters.hot_reports import DynamoReports
from wattline.adapters.hot_table import HotTable
from wattline.adapters.queues import SqsDeadLetters, SqsRetries
from wattline.adapters.store_history import AthenaStoreHistory
from wattline.adapters.store_sets import S3StoreSets
from wattline.errors import TerminalError, TransientError
from wattline.ports import DeadLetters, Reports, StoreHistory, StoreSets
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import Count, logger, metrics
from wattline.runtime.settings import ReportWorkerSettings, load
from wattline.services.reports import Run, run_report

QUERY_PATIENCE_SECONDS = 240
RETRY_SECONDS = 60


class Stores(NamedTuple):
    """What a report is made of and goes to, and where its message may go back to."""

    reports: Reports
    sets: StoreSets
    history: StoreHistory
    retries: SqsRetries
    dead_letters: DeadLetters


@cache
def stores() -> Stores:
    settings = load(ReportWorkerSettings)
    table = HotTable(aws.dynamodb(), settings.hot_table)
    queries = AthenaQueries(
        aws.athena(),
        aws.s3(),
        workgroup=settings.athena_workgroup,
        database=settings.glue_database,
        patience=QUERY_PATIENCE_SECONDS,
    )
    return Stores(
        DynamoReports(table),
        S3StoreSets(aws.s3(), settings.bucket, table),
        AthenaStoreHistory(queries, aws.s3(), settings.bucket),
        SqsRetries(aws.sqs(), settings.reports_queue_url),
        SqsDeadLetters(aws.sqs(), settings.dead_letter_queue_url),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers with the message if the queue shall deliver it again."""
    (record,) = event["Records"]
    run = Run(record["body"], context.aws_request_id, int(record["attributes"]["ApproximateReceiveCount"]))
    logger.append_keys(report_id=run.report_id, attempt=run.attempt)
    metrics.add_metric("ReportRuns", Count, 1)
    at = stores()
    try:
        report = run_report(run, now_ms, reports=at.reports, sets=at.sets, history=at.history)
    except TerminalError as error:
        logger.exception("the report failed")
        at.dead_letters.bury(record["body"], error.detail)
        return {"batchItemFailures": []}
    except TransientError as error:
        logger.warning("the report has to wait", reason=error.detail)
        at.retries.hasten(record["receiptHandle"], RETRY_SECONDS)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    except Exception:
        at.retries.hasten(record["receiptHandle"], RETRY_SECONDS)
        raise
    logger.info("settled", extra={} if report is None else {"state": report.state.value, "rows": report.rows})
    return {"batchItemFailures": []}

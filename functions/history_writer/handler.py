"""Write queued readings into the history, one flush a delivery."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.adapters import aws
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_lake import ParquetLake
from wattline.adapters.queues import SqsDeadLetters
from wattline.ports import DeadLetters, HistoryLake
from wattline.runtime.observability import Count, logger, metrics
from wattline.runtime.settings import HistoryWriterSettings, load
from wattline.services.history import QueueMessage, write_history


@cache
def stores() -> tuple[HistoryLake, DeadLetters]:
    settings = load(HistoryWriterSettings)
    marks = HotTable(aws.dynamodb(), settings.hot_table)
    return ParquetLake(aws.s3(), settings.bucket, marks), SqsDeadLetters(aws.sqs(), settings.dead_letter_queue_url)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers with the messages that the queue shall deliver again."""
    lake, dead_letters = stores()
    messages = [QueueMessage(record["messageId"], record["body"]) for record in event["Records"]]
    outcome = write_history(messages, lake=lake, dead_letters=dead_letters)
    metrics.add_metric("HistoryRows", Count, outcome.rows)
    metrics.add_metric("HistoryMessagesBuried", Count, outcome.buried)
    logger.info("wrote", rows=outcome.rows, buried=outcome.buried, retried=len(outcome.retry))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in outcome.retry]}

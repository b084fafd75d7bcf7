"""Compact the marked partitions of the history, on a schedule."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.adapters import aws
from wattline.adapters.hot_table import HotTable
from wattline.adapters.ledger import DynamoLedger
from wattline.adapters.partition_objects import S3PartitionObjects
from wattline.ports import Ledger, PartitionObjects
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import Count, logger, metrics
from wattline.runtime.settings import CompactorSettings, load
from wattline.services.compaction import Policy, compact_marked


@cache
def stores() -> tuple[Ledger, PartitionObjects]:
    settings = load(CompactorSettings)
    ledger = DynamoLedger(HotTable(aws.dynamodb(), settings.hot_table))
    return ledger, S3PartitionObjects(aws.s3(), settings.bucket)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """The event may change the policy: `open_objects`, `grace_ms`, `settle_ms`."""
    ledger, objects = stores()
    policy = Policy(**{name: int(event[name]) for name in ("open_objects", "grace_ms", "settle_ms") if name in event})
    done = compact_marked(
        context.aws_request_id,
        now_ms,
        ledger=ledger,
        objects=objects,
        policy=policy,
        has_time=lambda: context.get_remaining_time_in_millis() > 180_000,
    )
    totals = {
        "partitions": len(done),
        "inputs": sum(run.inputs for run in done),
        "rows": sum(run.rows for run in done),
        "deleted": sum(run.deleted for run in done),
        "busy": sum(run.busy for run in done),
    }
    metrics.add_metric("CompactedRows", Count, totals["rows"])
    logger.info("compacted", extra=totals)
    return totals

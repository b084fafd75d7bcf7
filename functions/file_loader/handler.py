"""Load the files that senders drop into the bucket."""

import json
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.adapters import aws
from wattline.adapters.drops import S3Drops
from wattline.adapters.hot_alerts import DynamoAlerts
from wattline.adapters.hot_batteries import DynamoHotBatteries
from wattline.adapters.hot_energy import DynamoHotEnergy
from wattline.adapters.hot_fleet import DynamoHotFleet
from wattline.adapters.hot_links import DynamoLinks
from wattline.adapters.hot_loads import DynamoLoads
from wattline.adapters.hot_obis import DynamoSmartMeters, DynamoTariffSets
from wattline.adapters.hot_reports import DynamoNewestPoll
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_lake import ParquetLake
from wattline.adapters.store_sets import S3StoreSets
from wattline.loading.kind import Stores
from wattline.loading.run import Dropped, Means, take_drop
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import Count, logger, metrics
from wattline.runtime.settings import FileLoaderSettings, load
from wattline.services.energy import HOT_WINDOW_MS


@cache
def means() -> Means:
    settings = load(FileLoaderSettings)
    table, s3 = HotTable(aws.dynamodb(), settings.hot_table), aws.s3()
    stores = Stores(
        ParquetLake(s3, settings.bucket, table),
        DynamoHotEnergy(table, HOT_WINDOW_MS),
        DynamoHotFleet(table),
        DynamoLinks(table),
        DynamoHotBatteries(table),
        DynamoSmartMeters(table),
        DynamoTariffSets(table),
        DynamoNewestPoll(table),
        S3StoreSets(s3, settings.bucket, table),
        DynamoAlerts(table),
        settings.rules,
    )
    return Means(DynamoLoads(table, s3, settings.bucket), S3Drops(s3, settings.bucket), stores, now_ms)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """One message of the loads queue. An error makes the queue deliver it again, which repeats nothing that is done."""
    drops = [dropped for record in event["Records"] for dropped in announced(record)]
    metrics.add_metric("FilesAnnounced", Count, len(drops))
    for dropped in drops:
        load = take_drop(dropped, means())
        metrics.add_metric("RowsLoaded", Count, load.rows_stored)
        metrics.add_metric("RowsRejected", Count, load.rows_rejected)
        logger.info("loaded", load_id=load.load_id, key=load.key, state=load.state.value, reason=load.reason)


def announced(message: dict[str, Any]) -> list[Dropped]:
    """The objects that a message speaks of; none in the event that S3 sends when it is told of the queue.

    What the console makes of a folder is an object too, whose key ends in a slash, and no drop.
    """
    attempt = int(message["attributes"]["ApproximateReceiveCount"])
    objects = [record["s3"]["object"] for record in json.loads(message["body"]).get("Records", [])]
    dropped = [Dropped(unquote_plus(each["key"]), each["eTag"].strip('"'), attempt) for each in objects]
    return [each for each in dropped if not each.key.endswith("/")]

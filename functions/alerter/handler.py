"""Judge vehicles' readings and publish alerts, from the hot table's stream; on a schedule, publish what it lost."""

from functools import cache
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.domain.alerts import Rule
from wattline.ports import AlertOutbox, Alerts, AlertTopic, FeedRecord, HotFleet
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import Count, logger, metrics
from wattline.services.alert_feed import follow
from wattline.services.alerts import judge_live, publish, publish_overdue


class Stores(NamedTuple):
    """The rules, where readings and alerts lie, and where alerts are announced."""

    rules: tuple[Rule, ...]
    fleet: HotFleet
    alerts: Alerts
    outbox: AlertOutbox
    topic: AlertTopic


@cache
def stores() -> Stores:
    from wattline.adapters import aws
    from wattline.adapters.hot_alerts import DynamoAlerts
    from wattline.adapters.hot_fleet import DynamoHotFleet
    from wattline.adapters.hot_table import HotTable
    from wattline.adapters.topics import SnsAlertTopic
    from wattline.runtime.settings import AlerterSettings, load

    settings = load(AlerterSettings)
    table = HotTable(aws.dynamodb(), settings.hot_table)
    alerts = DynamoAlerts(table)
    return Stores(settings.rules, DynamoHotFleet(table), alerts, alerts, SnsAlertTopic(aws.sns(), settings.topic_arn))


def handle(record: FeedRecord) -> None:
    to, now = stores(), now_ms()
    if record.change:
        judge_live(record.change, rules=to.rules, hot=to.fleet, alerts=to.alerts, now_ms=now)
    if record.event_id:
        publish(record.event_id, outbox=to.outbox, topic=to.topic, now_ms=now)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers with the record from which on the stream shall deliver again. An event without records is the clock's."""
    to = stores()
    if "Records" not in event:
        overdue = publish_overdue(outbox=to.outbox, topic=to.topic, now_ms=now_ms())
        metrics.add_metric("AlertsOverdue", Count, overdue)
        logger.info("published what was overdue", events=overdue)
        return {}
    from wattline.adapters.hot_stream import stream_record

    again = follow([stream_record(record) for record in event["Records"]], handle)
    metrics.add_metric("StreamRecords", Count, len(event["Records"]))
    logger.info("followed the stream", records=len(event["Records"]), again_because=again.reason if again else None)
    return {"batchItemFailures": [{"itemIdentifier": again.number}] if again else []}

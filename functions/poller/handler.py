"""Ask the smart-meter API for new and late readings, on a schedule."""

from collections import Counter
from functools import cache
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.adapters import aws
from wattline.adapters.hot_obis import DynamoPollLedger, DynamoSmartMeters
from wattline.adapters.hot_table import HotTable
from wattline.adapters.meter_source import HttpMeterSource
from wattline.adapters.queues import SqsHistoryQueue
from wattline.domain.instants import format_instant, parse_instant
from wattline.ports import MeterSource
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import Count, logger, metrics
from wattline.runtime.settings import PollerSettings, load
from wattline.services.poll_meters import Destination, MeterPoll, Outcome, poll_meters

METERS_UNREAD = "MetersUnread"
"""The metric of the alarm: meters the source did not answer for."""

SPARE_MS = 120_000
"""What one more meter may take; without it, the rest is left to the next run."""


class Wiring(NamedTuple):
    """Which meters, from where, to where."""

    muids: list[str]
    since_ms: int
    source: MeterSource
    to: Destination


@cache
def wiring() -> Wiring:
    settings = load(PollerSettings)
    table = HotTable(aws.dynamodb(), settings.hot_table)
    queue = SqsHistoryQueue(aws.sqs(), settings.history_queue_url)
    to = Destination(queue, DynamoSmartMeters(table), DynamoPollLedger(table))
    since_ms = parse_instant(f"{settings.since}T00:00:00Z")
    return Wiring(settings.muids, since_ms, HttpMeterSource(settings.source_url), to)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Answers with totals; a line is logged for each meter."""
    at = wiring()
    polls = poll_meters(
        at.muids,
        at.since_ms,
        now_ms,
        source=at.source,
        to=at.to,
        has_time=lambda: context.get_remaining_time_in_millis() > SPARE_MS,
    )
    for poll in polls:
        _log(poll)
    outcomes = Counter(poll.outcome for poll in polls)
    totals = {
        **{outcome.value: outcomes[outcome] for outcome in Outcome},
        "queued": sum(poll.queued for poll in polls),
        "rejected": sum(poll.rejected for poll in polls),
        "gaps": sum(len(poll.gaps) for poll in polls),
    }
    metrics.add_metric(METERS_UNREAD, Count, len(polls) - outcomes[Outcome.READ])
    metrics.add_metric("MeterReadingsQueued", Count, totals["queued"])
    metrics.add_metric("MeterReadingsRejected", Count, totals["rejected"])
    metrics.add_metric("MeterGaps", Count, totals["gaps"])
    logger.info("polled", extra=totals)
    return totals


def _log(poll: MeterPoll) -> None:
    trouble = poll.outcome is not Outcome.READ or poll.rejected or poll.gaps
    (logger.warning if trouble else logger.info)(
        "polled a meter",
        muid=poll.muid,
        outcome=poll.outcome.value,
        queued=poll.queued,
        rejected=poll.rejected,
        reason=poll.reason,
        gaps=[f"{format_instant(gap.start_ms)}/{format_instant(gap.end_ms)}" for gap in poll.gaps[:20]],
        watermark=None if poll.watermark_ms is None else format_instant(poll.watermark_ms),
    )

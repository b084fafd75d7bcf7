"""Take readings over HTTP.

Wire models and AWS clients are imported at a route's first request: a cold start pays for the route that woke it.
"""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.api import routes
from wattline.api.http import Answer, HttpApi, request_id
from wattline.ports import HistoryQueue, HotEnergy
from wattline.runtime.clock import now_ms, received
from wattline.runtime.observability import Count, logger, metrics
from wattline.services.energy import HOT_WINDOW_MS, post_energy

api = HttpApi(logger, metrics)


@cache
def stores() -> tuple[HistoryQueue, HotEnergy]:
    from wattline.adapters import aws
    from wattline.adapters.hot_energy import DynamoHotEnergy
    from wattline.adapters.hot_table import HotTable
    from wattline.adapters.queues import SqsHistoryQueue
    from wattline.runtime.settings import IngestionSettings, load

    settings = load(IngestionSettings)
    hot_table = HotTable(aws.dynamodb(), settings.hot_table)
    return SqsHistoryQueue(aws.sqs(), settings.history_queue_url), DynamoHotEnergy(hot_table, HOT_WINDOW_MS)


@api.route(routes.POST_DATA)
def post_data(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import energy

    post = energy.parse_post(event)
    queue, hot = stores()
    now = now_ms()
    judged = post_energy(post, received(now, request_id(event)), now, queue=queue, hot=hot)
    metrics.add_metric("ReadingsAccepted", Count, judged.accepted)
    metrics.add_metric("ReadingsRejected", Count, len(judged.rejections))
    return energy.receipt(post, judged)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api.resolver.resolve(event, context)

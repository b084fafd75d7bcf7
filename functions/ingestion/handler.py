"""Take readings over HTTP, and links between vehicles and meters.

Wire models and AWS clients are imported at a route's first request: a cold start pays for the route that woke it.
"""

from functools import cache
from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.api import routes
from wattline.api.http import Answer, HttpApi, request_id
from wattline.ports import HistoryQueue, HotEnergy, HotFleet, Links
from wattline.runtime.clock import now_ms, received
from wattline.runtime.observability import Count, logger, metrics
from wattline.services.energy import HOT_WINDOW_MS, post_energy
from wattline.services.fleet import link_meter, post_heartbeats, unlink_meter

api = HttpApi(logger, metrics)


class Stores(NamedTuple):
    """Where readings and links go."""

    queue: HistoryQueue
    energy: HotEnergy
    fleet: HotFleet
    links: Links


@cache
def stores() -> Stores:
    from wattline.adapters import aws
    from wattline.adapters.hot_energy import DynamoHotEnergy
    from wattline.adapters.hot_fleet import DynamoHotFleet
    from wattline.adapters.hot_links import DynamoLinks
    from wattline.adapters.hot_table import HotTable
    from wattline.adapters.queues import SqsHistoryQueue
    from wattline.runtime.settings import IngestionSettings, load

    settings = load(IngestionSettings)
    table = HotTable(aws.dynamodb(), settings.hot_table)
    return Stores(
        SqsHistoryQueue(aws.sqs(), settings.history_queue_url),
        DynamoHotEnergy(table, HOT_WINDOW_MS),
        DynamoHotFleet(table),
        DynamoLinks(table),
    )


@api.route(routes.POST_DATA)
def post_data(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import energy

    post = energy.parse_post(event)
    to, now = stores(), now_ms()
    judged = post_energy(post, received(now, request_id(event)), now, queue=to.queue, hot=to.energy)
    metrics.add_metric("ReadingsAccepted", Count, judged.accepted)
    metrics.add_metric("ReadingsRejected", Count, len(judged.rejections))
    return energy.receipt(post, judged)


@api.route(routes.POST_TELEMETRY)
def post_telemetry(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import telemetry

    now = now_ms()
    judged = telemetry.parse_post(event, now)
    to = stores()
    post_heartbeats(judged.heartbeats, received(now, request_id(event)), now, queue=to.queue, hot=to.fleet)
    metrics.add_metric("ReadingsAccepted", Count, judged.accepted)
    metrics.add_metric("ReadingsRejected", Count, len(judged.rejected))
    return telemetry.receipt(judged)


@api.route(routes.PUT_LINK)
def put_link(event: APIGatewayProxyEvent, vehicleId: str, meterId: str) -> Answer:  # noqa: N803 - names of the path
    from wattline.api import links

    wanted = links.parse_link(event, vehicleId, meterId)
    link_meter(wanted, links=stores().links)
    return links.link_answer(wanted)


@api.route(routes.DELETE_LINK)
def delete_link(event: APIGatewayProxyEvent, vehicleId: str, meterId: str) -> Answer:  # noqa: N803 - names of the path
    from wattline.api import links

    unlink_meter(meterId, vehicleId, links.parse_unlink(event), links=stores().links)
    return Response(204, headers={})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api.resolver.resolve(event, context)

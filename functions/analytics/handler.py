"""Answer what readings mean: the performance of a vehicle, the ageing of a battery.

Wire models and AWS clients are imported at a route's first request: a cold start pays for the route that woke it.
"""

from functools import cache
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.api import routes
from wattline.api.http import Answer, HttpApi
from wattline.ports import BatteryHistory, FleetHistory, HotBatteries, HotFleet, Links
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import logger, metrics
from wattline.services.performance import measure_performance

api = HttpApi(logger, metrics)


class Stores(NamedTuple):
    """Where heartbeats, links and batteries lie."""

    fleet: HotFleet
    links: Links
    batteries: HotBatteries


@cache
def stores() -> Stores:
    from wattline.adapters import aws
    from wattline.adapters.hot_batteries import DynamoHotBatteries
    from wattline.adapters.hot_fleet import DynamoHotFleet
    from wattline.adapters.hot_links import DynamoLinks
    from wattline.adapters.hot_table import HotTable
    from wattline.runtime.settings import QuerySettings, load

    table = HotTable(aws.dynamodb(), load(QuerySettings).hot_table)
    return Stores(DynamoHotFleet(table), DynamoLinks(table), DynamoHotBatteries(table))


def fleet_history() -> FleetHistory:
    """With the patience of one request."""
    from wattline.adapters.fleet_history import AthenaFleetHistory
    from wattline.runtime.history import queries

    return AthenaFleetHistory(queries().for_request())


def battery_history() -> BatteryHistory:
    """With the patience of one request."""
    from wattline.adapters.battery_history import AthenaBatteryHistory
    from wattline.runtime.history import queries

    return AthenaBatteryHistory(queries().for_request())


@api.route(routes.GET_PERFORMANCE)
def get_performance(event: APIGatewayProxyEvent, vehicleId: str) -> Answer:  # noqa: N803 - a name of the path
    from wattline.api import performance

    now = now_ms()
    window = performance.parse_window(event, vehicleId, now)
    at = stores()
    measured = measure_performance(window, now, hot=at.fleet, history=fleet_history(), links=at.links)
    return performance.performance_answer(window, measured)


@api.route(routes.GET_DEGRADATION)
def get_degradation(event: APIGatewayProxyEvent, deviceId: str) -> Answer:  # noqa: N803 - a name of the path
    from wattline.api import degradation
    from wattline.services.degradation import measure_degradation

    query = degradation.parse_window(event, deviceId)
    ageing = measure_degradation(query, hot=stores().batteries, history=battery_history())
    return degradation.degradation_answer(query, ageing)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api.resolver.resolve(event, context)

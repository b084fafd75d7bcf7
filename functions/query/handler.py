"""Answer reads of readings: from the hot table, and from the history for what it no longer holds.

Wire models and AWS clients are imported at a route's first request: a cold start pays for the route that woke it.
"""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.api import routes
from wattline.api.http import Answer, HttpApi
from wattline.ports import EnergyHistory, HotEnergy
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import logger, metrics
from wattline.services.energy import HOT_WINDOW_MS, read_energy

api = HttpApi(logger, metrics)


@cache
def stores() -> tuple[HotEnergy, EnergyHistory]:
    from wattline.adapters import aws
    from wattline.adapters.athena import AthenaQueries
    from wattline.adapters.energy_history import AthenaEnergyHistory
    from wattline.adapters.hot_energy import DynamoHotEnergy
    from wattline.adapters.hot_table import HotTable
    from wattline.runtime.settings import QuerySettings, load

    settings = load(QuerySettings)
    queries = AthenaQueries(
        aws.athena(), aws.s3(), workgroup=settings.athena_workgroup, database=settings.glue_database
    )
    return DynamoHotEnergy(HotTable(aws.dynamodb(), settings.hot_table), HOT_WINDOW_MS), AthenaEnergyHistory(queries)


@api.route(routes.GET_DATA)
def get_data(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import energy

    now = now_ms()
    query = energy.parse_read(event, now)
    hot, history = stores()
    return energy.series_answer(event, query, read_energy(query, now, hot=hot, history=history))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api.resolver.resolve(event, context)

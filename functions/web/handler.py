"""What a browser and a monitor ask: the API's documentation and whether all is well."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.api import documentation, routes
from wattline.api.http import Answer, HttpApi, json_answer
from wattline.ports import QueueDepths
from wattline.runtime.observability import logger, metrics
from wattline.services.health import health

api = HttpApi(logger, metrics)


@cache
def depths() -> QueueDepths:
    from wattline.adapters import aws
    from wattline.adapters.queues import SqsDepths
    from wattline.runtime.settings import WebSettings, load

    return SqsDepths(aws.sqs(), load(WebSettings).queue_urls)


@api.route(routes.HEALTH)
def get_health(_: APIGatewayProxyEvent) -> Answer:
    state = health(depths())
    return json_answer(200, {"status": state.status, "version": state.version, "queues": state.queues})


@api.route(routes.DOCS)
def get_docs(event: APIGatewayProxyEvent) -> Answer:
    return documentation.swagger_ui(event)


@api.route(routes.OPENAPI)
def get_openapi(event: APIGatewayProxyEvent) -> Answer:
    return documentation.openapi_json(event)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api.resolver.resolve(event, context)

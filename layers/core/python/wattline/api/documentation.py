"""Serve the API's document and its browser page."""

import json
from functools import cache
from importlib.resources import files

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from wattline.api.http import JSON, Answer

_FILE = files("wattline.api") / "openapi.json"


def openapi_json(event: APIGatewayProxyEvent) -> Answer:
    """The committed document, with this deployment's address."""
    return Response(200, JSON, _document(_base_path(event)), headers={})


def swagger_ui(event: APIGatewayProxyEvent) -> Answer:
    """Powertools' bundled Swagger UI, in one page that loads nothing from elsewhere."""
    from aws_lambda_powertools.event_handler.openapi import swagger_ui as bundle

    here = files(bundle)
    html = bundle.generate_swagger_html(
        _document(_base_path(event)).replace("</", "<\\/"),
        (here / "swagger-ui-bundle.min.js").read_text(),
        (here / "swagger-ui.min.css").read_text(),
        "",
        None,
        persist_authorization=True,
    )
    return Response(200, "text/html; charset=utf-8", html, headers={})


@cache
def _document(base_path: str) -> str:
    return json.dumps(json.loads(_FILE.read_text()) | {"servers": [{"url": base_path}]})


def _base_path(event: APIGatewayProxyEvent) -> str:
    """What stands before our path in the request's: the stage, which only the deployment knows."""
    return (event.request_context.path or event.path).removesuffix(event.path) or "/"

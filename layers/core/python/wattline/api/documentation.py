"""Serve the API's document and its browser page."""

from functools import cache
from importlib.resources import files

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from wattline.api.http import JSON, Answer


def openapi_json(_: APIGatewayProxyEvent) -> Answer:
    """The committed document; its server is relative to wherever it is served."""
    return Response(200, JSON, _document(), headers={})


def swagger_ui(_: APIGatewayProxyEvent) -> Answer:
    """Powertools' bundled Swagger UI, in one page that loads nothing from elsewhere."""
    from aws_lambda_powertools.event_handler.openapi import swagger_ui as bundle

    here = files(bundle)
    html = bundle.generate_swagger_html(
        _document().replace("</", "<\\/"),
        (here / "swagger-ui-bundle.min.js").read_text(),
        (here / "swagger-ui.min.css").read_text(),
        "",
        None,
        persist_authorization=True,
    )
    return Response(200, "text/html; charset=utf-8", html, headers={})


@cache
def _document() -> str:
    return (files("wattline.api") / "openapi.json").read_text()

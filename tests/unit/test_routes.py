"""The table of routes, the functions, the API's document and the gateway say the same."""

import importlib
from pathlib import Path

import wattline.api
from wattline.api import openapi
from wattline.api.http import HttpApi
from wattline.api.operations import OPERATIONS
from wattline.api.routes import ROUTES


def test_each_function_answers_exactly_its_routes() -> None:
    for function in {route.function for route in ROUTES}:
        module = importlib.import_module(f"functions.{function}.handler")
        api: HttpApi = module.api
        assert api.routes == [route for route in ROUTES if route.function == function]


def test_each_route_is_documented() -> None:
    assert OPERATIONS.keys() == set(ROUTES)


def test_the_committed_document_is_what_the_code_says() -> None:
    (package,) = wattline.api.__path__
    committed = (Path(package) / "openapi.json").read_text()
    assert committed == openapi.build(), "run `make openapi` and commit the change"

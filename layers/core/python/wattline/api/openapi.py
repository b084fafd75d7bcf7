"""Build the OpenAPI document from the table of routes and the wire models.

Run `make openapi` after a change; a test compares the committed file with what this module builds. No function
imports it.
"""

import json
import re
from http import HTTPStatus

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import wattline
from wattline.api.operations import OPERATIONS, Operation, ProblemDetails
from wattline.api.problems import PROBLEM_JSON
from wattline.api.routes import ROUTES, Route
from wattline.domain.ids import ID_PATTERN

_REFS = "#/components/schemas/{model}"


def build() -> str:
    """The document as text, in a stable order."""
    models = {model for operation in OPERATIONS.values() for model in (operation.answer, operation.body) if model}
    named = sorted(models | {ProblemDetails}, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in named], ref_template=_REFS)
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, OPERATIONS[route])
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "wattline",
            "version": wattline.__version__,
            "summary": "Telemetry for power, batteries, fleets, meters and store availability.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return json.dumps(document, indent=1) + "\n"


def _operation(route: Route, operation: Operation) -> dict[str, object]:
    content: dict[str, object] = {
        "operationId": f"{route.method.lower()}_{re.sub(r'[^A-Za-z0-9]+', '_', route.path).strip('_')}",
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": _path_parameters(route.path)
        + _parameters(operation.query)
        + _parameters(operation.csv_query, only_csv=True),
        "responses": _responses(route, operation),
    }
    if operation.body is not None:
        media: dict[str, object] = {"application/json": {"schema": _ref(operation.body)}}
        if operation.csv_query is not None:
            media["text/csv"] = {"schema": {"type": "string"}, "example": "datetime,value\n2018-08-24T00:00:00Z,12\n"}
        content["requestBody"] = {"required": operation.body_required, "content": media}
    if route.scope is not None:
        content["security"] = [{"token": [route.scope.value]}]
    return content


def _path_parameters(path: str) -> list[dict[str, object]]:
    schema = {"type": "string", "pattern": ID_PATTERN}
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _parameters(model: type[BaseModel] | None, *, only_csv: bool = False) -> list[dict[str, object]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=_REFS)
    definitions = schema.get("$defs", {})
    parameters: list[dict[str, object]] = []
    for name, field in schema["properties"].items():
        inline = {key: value for key, value in field.items() if key not in ("title", "description", "$ref")}
        if "$ref" in field:
            inline |= {"enum": definitions[field["$ref"].rsplit("/", 1)[1]]["enum"], "type": "string"}
        description = field.get("description", "")
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []) and not only_csv,
                "description": f"With text/csv only. {description}".strip() if only_csv else description,
                "schema": inline,
            }
        )
    return parameters


def _responses(route: Route, operation: Operation) -> dict[str, object]:
    media: dict[str, object] = {}
    if operation.answer is not None:
        media["application/json"] = {"schema": _ref(operation.answer)}
        if operation.csv_answer:
            media["text/csv"] = {"schema": {"type": "string"}}
    statuses = sorted({*operation.problems, 429, 500, *((401, 403) if route.scope else ())})
    problem = {PROBLEM_JSON: {"schema": _ref(ProblemDetails)}}
    responses: dict[str, object] = {
        str(operation.status.value): {"description": operation.status.phrase} | ({"content": media} if media else {})
    }
    for status in statuses:
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return responses


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFS.format(model=model.__name__)}


if __name__ == "__main__":
    print(build(), end="")

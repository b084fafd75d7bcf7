"""What all HTTP functions share: the resolver, scopes, problems, bodies and content types."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from wattline.api.problems import PROBLEM_JSON, problem_of
from wattline.api.routes import Route
from wattline.errors import Forbidden, NotFound, TooLarge, Unauthenticated, WattlineError

JSON = "application/json"
CSV = "text/csv"

MAX_BODY_BYTES = 5_000_000
"""What a body may hold; a Lambda request of 6 MB holds it JSON-escaped."""

Answer = Response[str]


class HttpApi:
    """A function's routes. Handlers take the request's event and return an `Answer` or raise a `WattlineError`."""

    def __init__(self, logger: Logger, metrics: Metrics) -> None:
        self.resolver = APIGatewayRestResolver()
        self._logger = logger
        self._metrics = metrics
        self.routes: list[Route] = []

        @self.resolver.not_found
        def _no_route(_: NotFoundError) -> Answer:
            return self._problem(NotFound("there is no such route; /docs lists them all"))

        @self.resolver.exception_handler(Exception)  # type: ignore[untyped-decorator]
        def _raised(error: Exception) -> Answer:
            if not isinstance(error, WattlineError):
                logger.exception("unexpected error")
            return self._problem(error)

    def route(self, route: Route) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
        """Register the handler of a route; its scope is checked first, and one line is logged after."""
        self.routes.append(route)

        def register(handle: Callable[..., Answer]) -> Callable[..., Answer]:
            def checked(**path_parameters: str) -> Answer:
                started = time.perf_counter()
                event = self.resolver.current_event
                self._logger.append_keys(request_id=request_id(event))
                check_scope(event, route, time.time())
                answer = handle(event, **path_parameters)
                answer.headers["X-Request-Id"] = request_id(event)
                milliseconds = round((time.perf_counter() - started) * 1000, 1)
                self._logger.info("answered", route=route.path, status=answer.status_code, milliseconds=milliseconds)
                self._metrics.add_metric("Answered", MetricUnit.Count, 1)
                return answer

            self.resolver.route(_powertools_rule(route.path), route.method)(checked)
            return handle

        return register

    def _problem(self, error: Exception) -> Answer:
        event = self.resolver.current_event
        problem = problem_of(error, request_id(event))
        self._logger.append_keys(request_id=request_id(event))
        self._metrics.add_metric("Failed" if problem.status >= 500 else "Refused", MetricUnit.Count, 1)
        self._logger.warning("refused", path=event.path, status=problem.status, reason=str(error))
        return Response(problem.status, PROBLEM_JSON, problem.body, headers=dict(problem.headers))


def _powertools_rule(path: str) -> str:
    return path.replace("{", "<").replace("}", ">")


def request_id(event: APIGatewayProxyEvent) -> str:
    """The gateway's id of the request, which also stands in every log line."""
    return event.request_context.request_id or "unknown"


def check_scope(event: APIGatewayProxyEvent, route: Route, now: float) -> None:
    """The authorizer's verdict is cached for minutes and for all routes: scope and expiry are checked here."""
    if route.scope is None:
        return
    context: Mapping[str, Any] = event.request_context.authorizer.raw_event or {}
    if float(context.get("exp") or 0) <= now:
        raise Unauthenticated("the token has expired; get a new one")
    if route.scope.value not in str(context.get("scopes", "")).split():
        raise Forbidden(f"this needs a token with the scope {route.scope.value}")


def body_of(event: APIGatewayProxyEvent) -> str:
    """The request's body. Raises TooLarge."""
    body = (event.decoded_body or "").removeprefix("\ufeff")
    if len(body) > MAX_BODY_BYTES or len(body.encode()) > MAX_BODY_BYTES:
        raise TooLarge(
            f"a body holds at most {MAX_BODY_BYTES // 10**6} MB; send less at once, or more as a file drop: "
            "put the file in the bucket under drops/<kind>/"
        )
    return body


def header(event: APIGatewayProxyEvent, name: str) -> str:
    """A request header in lower case, empty if there is none."""
    headers: Mapping[str, str] = event.headers
    return (headers.get(name) or "").lower()


def json_answer(status: int, content: object) -> Answer:
    """An answer in JSON."""
    return Response(
        status, JSON, json.dumps(content, separators=(",", ":"), allow_nan=False, ensure_ascii=False), headers={}
    )


def page_answer(
    event: APIGatewayProxyEvent,
    content: dict[str, object],
    rows: Callable[[], tuple[Sequence[str], Iterable[Sequence[object]]]],
) -> Answer:
    """A page as JSON, or as CSV with the next page in a `Link` header (RFC 8288, relative to the request)."""
    if CSV not in header(event, "accept"):
        return json_answer(200, content)
    names, values = rows()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(names)
    writer.writerows(values)
    headers: dict[str, str] = {}
    if content["next_cursor"] is not None:
        query = {**event.resolved_query_string_parameters, "cursor": content["next_cursor"]}
        headers["Link"] = f'<?{urlencode(query, doseq=True)}>; rel="next"'
    return Response(200, f"{CSV}; charset=utf-8", text.getvalue(), headers=dict(headers))

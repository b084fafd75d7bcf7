"""Requests as API Gateway hands them to a function, and a context as Lambda gives it."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

ALL_SCOPES = "telemetry:write telemetry:read reports:run"
FAR_FUTURE = 4_102_444_800


@dataclass
class Context:
    """The part of a Lambda context that Powertools reads."""

    function_name: str = "test"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@dataclass(frozen=True)
class Reply:
    """A function's answer."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str,
    path: str,
    *,
    query: str = "",
    body: object = None,
    headers: dict[str, str] | None = None,
    scopes: str = ALL_SCOPES,
    expires: float = FAR_FUTURE,
) -> dict[str, Any]:
    """A proxy event; `body` is sent as it is if it is a text, else as JSON."""
    parameters = parse_qs(query, keep_blank_values=True)
    return {
        "httpMethod": method,
        "path": path,
        "resource": path,
        "headers": headers or {},
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
        "multiValueQueryStringParameters": parameters or None,
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "path": f"/stage{path}",
            "stage": "stage",
            "authorizer": {"scopes": scopes, "exp": str(expires), "principalId": "tester"},
        },
    }


def call(handler: Any, event: dict[str, Any]) -> Reply:
    """Invoke a function with the event."""
    answer = handler(event, Context())
    headers = {name: values[0] for name, values in (answer.get("multiValueHeaders") or {}).items()}
    return Reply(answer["statusCode"], headers | (answer.get("headers") or {}), answer["body"])

"""Which exception becomes which answer: RFC 9457 problem details, decided here and nowhere else."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from wattline import errors

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class _Kind:
    status: HTTPStatus
    slug: str


_KINDS: dict[type[errors.WattlineError], _Kind] = {
    errors.MalformedRequest: _Kind(HTTPStatus.BAD_REQUEST, "malformed-request"),
    errors.Unauthenticated: _Kind(HTTPStatus.UNAUTHORIZED, "unauthenticated"),
    errors.Forbidden: _Kind(HTTPStatus.FORBIDDEN, "missing-scope"),
    errors.NotFound: _Kind(HTTPStatus.NOT_FOUND, "not-found"),
    errors.Conflict: _Kind(HTTPStatus.CONFLICT, "conflict"),
    errors.TooLarge: _Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large"),
    errors.InvalidRequest: _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request"),
    errors.QueryFailed: _Kind(HTTPStatus.BAD_GATEWAY, "history-query-failed"),
    errors.TransientError: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "try-again"),
}

_UNEXPECTED = _Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error")

_SHOWN_ERRORS = 1_000
"""Entries of `errors` in one answer; a post can hold more bad items than an answer may hold bytes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer ready to be sent."""

    status: int
    headers: dict[str, str]
    body: str


def problem_of(error: Exception, request_id: str) -> Problem:
    """The answer to an exception. One that is not ours says nothing about what happened inside."""
    kind = next((_KINDS[each] for each in type(error).__mro__ if each in _KINDS), _UNEXPECTED)
    content: dict[str, object] = {
        "type": problem_type(kind.slug),
        "title": kind.status.phrase,
        "status": kind.status.value,
        "detail": _detail(error, kind),
        "request_id": request_id,
    }
    if isinstance(error, errors.InvalidRequest) and error.errors:
        content["errors"] = [_field_error(each) for each in error.errors[:_SHOWN_ERRORS]]
    headers = {"X-Request-Id": request_id}
    if isinstance(error, errors.TransientError):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return Problem(kind.status.value, headers, json.dumps(content))


def problem_type(slug: str) -> str:
    """The URI that names a kind of problem."""
    return f"urn:wattline:problem:{slug}"


def _detail(error: Exception, kind: _Kind) -> str:
    if isinstance(error, errors.QueryFailed):
        return "the history engine failed to run the query; it is logged under this request_id"
    if isinstance(error, errors.WattlineError) and kind is not _UNEXPECTED:
        return error.detail
    return "something went wrong on our side; it is logged under this request_id"


def _field_error(error: errors.FieldError) -> dict[str, object]:
    content: dict[str, object] = {} if error.index is None else {"index": error.index}
    return content | {"field": error.field, "reason": error.reason}

"""Exceptions as RFC 9457 problem details."""

import json

import pytest

from wattline import errors
from wattline.api.problems import problem_of

CASES = [
    (errors.MalformedRequest("d"), 400),
    (errors.Unauthenticated("d"), 401),
    (errors.Forbidden("d"), 403),
    (errors.NotFound("d"), 404),
    (errors.Conflict("d"), 409),
    (errors.TooLarge("d"), 413),
    (errors.InvalidRequest("d"), 422),
    (errors.SourceUnavailable("d"), 503),
    (errors.SourceRefused("d"), 500),
    (errors.QueryFailed("d"), 502),
    (errors.TransientError("d"), 503),
    (errors.QueryTimeout("d"), 503),
    (errors.TerminalError("d"), 500),
    (RuntimeError("secret"), 500),
]


@pytest.mark.parametrize(("error", "status"), CASES)
def test_each_exception_has_its_status(error: Exception, status: int) -> None:
    problem = problem_of(error, "r-1")
    body = json.loads(problem.body)
    assert problem.status == body["status"] == status
    assert body["request_id"] == problem.headers["X-Request-Id"] == "r-1"
    assert body["type"].startswith("urn:wattline:problem:")
    assert body["title"]
    assert "secret" not in problem.body


def test_every_exception_of_ours_is_in_the_table_or_inherits_from_one_that_is() -> None:
    tested = {type(error) for error, _ in CASES}
    ours = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.WattlineError) and each is not errors.WattlineError
    }
    assert ours == tested - {RuntimeError}


def test_field_errors_are_listed_up_to_what_an_answer_can_hold() -> None:
    found = [errors.FieldError("data", "value: is null", index) for index in range(75_000)]
    problem = problem_of(errors.InvalidRequest("no reading is good", found), "r")
    listed = json.loads(problem.body)["errors"]
    assert listed[0] == {"index": 0, "field": "data", "reason": "value: is null"}
    assert len(listed) == 1_000


def test_the_headers_say_when_to_come_back_and_how_to_identify() -> None:
    assert problem_of(errors.TransientError("d", retry_after=7), "r").headers["Retry-After"] == "7"
    assert problem_of(errors.Unauthenticated("d"), "r").headers["WWW-Authenticate"] == "Bearer"

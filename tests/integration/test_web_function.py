"""The function `web`: health and documentation."""

import json

import pytest

from functions.web import handler as web
from tests.fakes import FakeDepths
from tests.http_events import call, request


@pytest.mark.parametrize(("buried", "status"), [(0, "ok"), (2, "degraded")])
def test_health_tells_the_version_and_what_waits(monkeypatch: pytest.MonkeyPatch, buried: int, status: str) -> None:
    monkeypatch.setattr(web, "depths", lambda: FakeDepths({"history": 3, "history_dlq": buried}))
    reply = call(web.handler, request("GET", "/health"))
    assert reply.status == 200
    assert reply.json() == {"status": status, "version": "0.1.0", "queues": {"history": 3, "history_dlq": buried}}


def test_the_document_lists_the_routes_beside_where_it_is_served() -> None:
    document = call(web.handler, request("GET", "/openapi.json")).json()
    assert document["servers"] == [{"url": "."}]
    assert set(document["paths"]["/data"]) == {"post", "get"}


def test_the_documentation_page_holds_all_it_needs() -> None:
    reply = call(web.handler, request("GET", "/docs"))
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "swagger-ui" in reply.body
    for tag in ("<script src=", "<link rel=", "cdn", "unpkg"):
        assert tag not in reply.body.split("<style>")[0]
    assert len(json.dumps(reply.body)) < 6_291_456, "a Lambda answer holds no more"


def test_a_path_without_a_route_is_a_problem() -> None:
    reply = call(web.handler, request("GET", "/nothing"))
    assert (reply.status, reply.headers["Content-Type"]) == (404, "application/problem+json")

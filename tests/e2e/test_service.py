"""What every route of a deployment does: tokens, problems, documentation, health."""

import json
import time

import jwt
import pytest

from infra.local import tokens
from tests.e2e.api import Api, Deployment, eventually

pytestmark = pytest.mark.e2e

READ = "/data?spaceship_id=x&start=2018-08-24T00:00:00Z&end=2018-08-25T00:00:00Z"


def with_token(deployment: Deployment, token: str | None) -> Api:
    return Api(deployment.outputs["api_url"], token)


def expired(deployment: Deployment) -> str:
    return tokens.mint(deployment.state, ["telemetry:read"], days=-1)


def for_another_audience(deployment: Deployment) -> str:
    claims = {"iss": tokens.ISSUER, "aud": "else", "sub": "x", "exp": time.time() + 60, "scope": "telemetry:read"}
    key = jwt.PyJWK(dict(tokens.private_key(deployment.state)))
    return jwt.encode(claims, key.key, algorithm="ES256", headers={"kid": "local"})


def unsigned(deployment: Deployment) -> str:
    claims = {
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "sub": "x",
        "exp": time.time() + 60,
        "scope": "telemetry:read",
    }
    return jwt.encode(claims, "", algorithm="none", headers={"kid": "local"})


@pytest.mark.capability("authorizer", "gateway-responses")
@pytest.mark.parametrize("bad", [None, expired, for_another_audience, unsigned, lambda _: "garbage"])
def test_without_a_good_token_every_protected_route_is_401(deployment: Deployment, bad: object) -> None:
    token = bad(deployment) if callable(bad) else None
    with with_token(deployment, token) as api:
        for answer in (api.http.get(READ), api.http.post("/data", json={})):
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["status"] == 401
            assert answer.json()["request_id"]


def test_a_token_allows_what_its_scopes_say_and_no_more(deployment: Deployment) -> None:
    with with_token(deployment, tokens.mint(deployment.state, ["telemetry:read"])) as reader:
        assert reader.http.get(READ).status_code == 404
        refused = reader.post_energy("x", "kW", [])
        assert refused.status_code == 403
        assert "telemetry:write" in refused.json()["detail"]
    with with_token(deployment, tokens.mint(deployment.state, ["telemetry:write"])) as writer:
        assert writer.http.get(READ).status_code == 403


def test_an_unknown_route_is_a_problem(api: Api) -> None:
    answer = api.http.get("/nothing/here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "/docs" in answer.json()["detail"]


def test_a_body_over_the_limit_is_413(api: Api) -> None:
    answer = api.http.post("/data", content=b"x" * 5_000_001)
    assert answer.status_code == 413
    assert "drops/" in answer.json()["detail"]


@pytest.mark.capability("routes", "layers")
def test_health_docs_and_the_document_are_public(deployment: Deployment) -> None:
    with with_token(deployment, None) as anyone:
        assert anyone.http.get("/health").json()["status"] in ("ok", "degraded")
        assert "swagger-ui" in anyone.http.get("/docs").text
        document = anyone.http.get("/openapi.json").json()
    assert "/data" in document["paths"]


@pytest.mark.capability("batches")
def test_a_message_nobody_can_read_ends_in_the_dead_letter_queue_and_health_says_so(
    api: Api, deployment: Deployment
) -> None:
    sqs = deployment.client("sqs")
    queue, dead = (sqs.get_queue_url(QueueName=f"wattline-local-history{end}")["QueueUrl"] for end in ("", "-dlq"))
    sqs.send_message(QueueUrl=queue, MessageBody="not ours")
    eventually(lambda: bool(api.http.get("/health").json()["status"] == "degraded"))
    (message,) = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == "not ours"
    assert "not a history message" in json.dumps(message["MessageAttributes"])
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    eventually(lambda: bool(api.http.get("/health").json()["status"] == "ok"))

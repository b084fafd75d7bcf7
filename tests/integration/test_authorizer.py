"""The authorizer with real tokens: what it lets in, and everything it must not."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

from functions.authorizer import handler as authorizer
from infra.local import tokens
from tests.http_events import Context
from wattline.adapters.tokens import TokenVerifier
from wattline.errors import TransientError

METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/POST/data"


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("JWT_ISSUER", tokens.ISSUER)
    monkeypatch.setenv("JWT_AUDIENCE", tokens.AUDIENCE)
    monkeypatch.setenv("JWKS", tokens.jwks(tmp_path))
    authorizer.verifier.cache_clear()
    yield
    authorizer.verifier.cache_clear()


def authorize(token: str | None, header: str = "Authorization") -> dict[str, Any]:
    headers = {} if token is None else {header: f"Bearer {token}"}
    event = {"type": "REQUEST", "methodArn": METHOD_ARN, "headers": headers}
    return authorizer.handler(event, Context())  # type: ignore[arg-type]


def forged(tmp_path: Path, *, key: Any = None, algorithm: str = "ES256", **changes: Any) -> str:
    claims = {"iss": tokens.ISSUER, "aud": tokens.AUDIENCE, "sub": "x", "exp": time.time() + 60, "scope": "a"}
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    signing = key or jwt.PyJWK(dict(tokens.private_key(tmp_path))).key
    return jwt.encode(claims, signing, algorithm=algorithm, headers={"kid": "local"})


@pytest.mark.parametrize("header", ["Authorization", "authorization", "AUTHORIZATION"])
def test_a_good_token_opens_the_whole_stage_and_passes_scopes_and_expiry(tmp_path: Path, header: str) -> None:
    allowed = authorize(tokens.mint(tmp_path, ["telemetry:read", "reports:run"], subject="ada"), header)
    assert allowed["principalId"] == "ada"
    (statement,) = allowed["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Resource"] == "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/*/*"
    assert allowed["context"]["scopes"] == "telemetry:read reports:run"
    assert float(allowed["context"]["exp"]) > time.time() + 29 * 86_400


def by_hand(tmp_path: Path, algorithm: str, secret: bytes) -> str:
    """A token as an attacker puts it together; libraries refuse to."""
    header = _encoded(json.dumps({"alg": algorithm, "kid": "local"}).encode())
    signed = f"{header}.{forged(tmp_path).split('.')[1]}"
    return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), 'sha256')) if secret else ''}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


BAD_TOKENS: dict[str, Callable[[Path], str | None]] = {
    "none at all": lambda _: None,
    "not a token": lambda _: "abc",
    "expired": lambda path: forged(path, exp=time.time() - 60),
    "without expiry": lambda path: forged(path, exp=None),
    "without subject": lambda path: forged(path, sub=None),
    "wrong audience": lambda path: forged(path, aud="else"),
    "wrong issuer": lambda path: forged(path, iss="https://else/"),
    "wrong key": lambda path: forged(path, key=ec.generate_private_key(ec.SECP256R1())),
    "unsigned": lambda path: by_hand(path, "none", b""),
    "signed with the public key as a secret": lambda path: by_hand(path, "HS256", tokens.jwks(path).encode()),
    "not yet valid": lambda path: forged(path, nbf=time.time() + 600),
    "changed": lambda path: forged(path)[:-4] + "AAAA",
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_is_exactly_unauthorized(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        authorize(BAD_TOKENS[kind](tmp_path))


def test_another_scheme_than_bearer_is_refused(tmp_path: Path) -> None:
    event = {"methodArn": METHOD_ARN, "headers": {"authorization": f"Basic {tokens.mint(tmp_path, [])}"}}
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        authorizer.handler(event, Context())  # type: ignore[arg-type]


@pytest.fixture
def key_server() -> Iterator[tuple[str, list[str], rsa.RSAPrivateKey]]:
    """An identity provider's JWKS address: its URL, the requests it got, and the private key."""
    key = rsa.generate_private_key(65_537, 2_048)
    document = json.dumps(
        {"keys": [RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "rsa", "alg": "RS256"}]}
    )
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(document.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json", requests, key
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_by_address_are_fetched_once(key_server: tuple[str, list[str], rsa.RSAPrivateKey]) -> None:
    url, requests, key = key_server
    verifier = TokenVerifier("i", "a", jwks_url=url)
    claims = {"iss": "i", "aud": "a", "sub": "s", "exp": time.time() + 60, "scope": "one two"}
    token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "rsa"})
    for _ in range(3):
        assert verifier.verify(f"Bearer {token}").scopes == ("one", "two")
    assert len(requests) == 1


def test_keys_that_cannot_be_fetched_let_nobody_in(tmp_path: Path) -> None:
    verifier = TokenVerifier(tokens.ISSUER, tokens.AUDIENCE, jwks_url="http://127.0.0.1:9/jwks.json")
    with pytest.raises(TransientError):  # the gateway answers 503, not 401: the token may be good
        verifier.verify(f"Bearer {tokens.mint(tmp_path, [])}")


def test_exactly_one_source_of_keys_must_be_configured() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        TokenVerifier("i", "a")
    with pytest.raises(ValueError, match="exactly one"):
        TokenVerifier("i", "a", jwks="{}", jwks_url="http://127.0.0.1:9/")

"""Background processes and tokens of the local run."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import tokens
from infra.local.cloud import LocalCloud
from infra.local.processes import HOST, LocalRunError, Service, free_port, port_is_free
from wattline.adapters.tokens import TokenVerifier


def web_server(state: Path, port: int) -> Service:
    return Service("web", port, [sys.executable, "-m", "http.server", str(port), "--bind", HOST], state, "PORT")


def test_a_service_is_started_once_found_again_and_ended(tmp_path: Path) -> None:
    service = web_server(tmp_path, free_port())
    service.start({})
    first = (tmp_path / "web.pid").read_text()
    web_server(tmp_path, service.port).start({})
    assert (tmp_path / "web.pid").read_text() == first
    assert service.stop()
    assert not service.is_running()
    assert port_is_free(service.port)
    assert not service.stop()


def test_a_port_can_be_taken_again_as_soon_as_its_service_was_ended(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path, free_port(), free_port())
    for _ in range(4):
        cloud.athena.start(cloud.process_environment())
        assert cloud.athena.stop()


def test_a_taken_port_is_a_clear_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalRunError, match=rf"port {port} .*taken.*make up PORT="):
            web_server(tmp_path, port).start({})


def test_another_port_while_it_runs_is_a_clear_message(tmp_path: Path) -> None:
    service = web_server(tmp_path, free_port())
    service.start({})
    try:
        with pytest.raises(LocalRunError, match=rf"runs on port {service.port} already.*make down"):
            web_server(tmp_path, free_port()).start({})
    finally:
        assert service.stop()


def test_a_service_that_dies_at_once_says_why(tmp_path: Path) -> None:
    service = Service("broken", free_port(), [sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path, "PORT")
    with pytest.raises(LocalRunError, match="no luck"):
        service.start({})


def test_a_process_that_has_got_the_pid_since_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (tmp_path / "web.pid").write_text(f"{stranger.pid}\n1234\nsomething\nelse")
        assert not web_server(tmp_path, free_port()).stop()
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_a_minted_token_is_one_that_the_authorizer_takes(tmp_path: Path) -> None:
    token = tokens.mint(tmp_path, ["telemetry:read"], subject="ada")
    verified = TokenVerifier(tokens.ISSUER, tokens.AUDIENCE, jwks=tokens.jwks(tmp_path)).verify(f"Bearer {token}")
    assert (verified.subject, verified.scopes) == ("ada", ("telemetry:read",))


def test_the_private_key_stays_with_its_owner_and_out_of_the_public_document(tmp_path: Path) -> None:
    document = tokens.jwks(tmp_path)
    assert '"d"' not in document
    assert os.stat(tmp_path / "signing-key.json").st_mode & 0o077 == 0  # noqa: PTH116
    assert tokens.jwks(tmp_path) == document, "the key is made once"

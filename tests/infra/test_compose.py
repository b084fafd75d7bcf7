"""docker-compose.yml, as `docker compose` itself reads it where that is installed."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.cloud import ROOT, LocalCloud
from infra.local.docker import DockerLocalStack

FILE = ROOT / "docker-compose.yml"


def has_compose() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0


def composed(**variables: str) -> dict[str, Any]:
    """The file with its variables; the short forms that are used in it stay, or become docker's long ones."""
    if has_compose():
        command = ["docker", "compose", "--file", str(FILE), "config", "--format", "json", "--no-path-resolution"]
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        rendered: dict[str, Any] = json.loads(done.stdout)
        return rendered

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1]) or match[2] or ""

    text = re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", value, FILE.read_text())
    assert "$" not in text, "another kind of variable than ${NAME} and ${NAME:-default}"
    read: dict[str, Any] = yaml.safe_load(text)
    return read


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = composed(PWD="/somewhere")["services"]
    return found


def variables_of(service: dict[str, Any]) -> dict[str, str | None]:
    given = service["environment"]
    if isinstance(given, dict):
        return given
    return {name: value or None for name, _, value in (line.partition("=") for line in given)}


def published(service: dict[str, Any]) -> list[str]:
    return [
        port if isinstance(port, str) else f"{port.get('host_ip')}:{port['published']}:{port['target']}"
        for port in service["ports"]
    ]


def mounted(service: dict[str, Any]) -> dict[str, str]:
    pairs = [
        volume if isinstance(volume, str) else f"{volume['source']}:{volume['target']}" for volume in service["volumes"]
    ]
    return {pair.split(":")[1]: pair.split(":")[0] for pair in pairs}


def address(service: dict[str, Any]) -> str:
    found: str = service["networks"]["wattline"]["ipv4_address"]
    return found


def test_every_port_is_published_on_this_machine_only_and_can_be_chosen(services: dict[str, Any]) -> None:
    assert {name: published(service) for name, service in services.items()} == {
        "localstack": ["127.0.0.1:4566:4566"],
        "athena": ["127.0.0.1:4567:4567"],
    }
    chosen = composed(PWD="/somewhere", PORT="5000", ATHENA_PORT="5001")["services"]
    assert published(chosen["localstack"]) == ["127.0.0.1:5000:4566"]
    assert published(chosen["athena"]) == ["127.0.0.1:5001:4567"]


def test_the_image_needs_no_token_and_a_newer_one_can_be_chosen(services: dict[str, Any]) -> None:
    assert services["localstack"]["image"] == "localstack/localstack:4.14.0"
    assert not variables_of(services["localstack"]).get("LOCALSTACK_AUTH_TOKEN")
    newer = composed(PWD="/somewhere", LOCALSTACK_VERSION="9.9", LOCALSTACK_AUTH_TOKEN="secret")["services"]
    assert newer["localstack"]["image"] == "localstack/localstack:9.9"


def test_functions_have_docker_and_what_they_import(services: dict[str, Any]) -> None:
    localstack = services["localstack"]
    assert mounted(localstack)["/var/run/docker.sock"] == "/var/run/docker.sock"
    assert variables_of(localstack)["LAMBDA_DOCKER_FLAGS"] == "-v /somewhere/build/localstack/opt:/opt"
    assert variables_of(localstack)["LAMBDA_DOCKER_NETWORK"] == composed(PWD="/")["networks"]["wattline"]["name"]


def test_the_plugin_is_where_localstack_looks_for_it(services: dict[str, Any]) -> None:
    localstack = services["localstack"]
    found_at = str(variables_of(localstack)["PYTHONPATH"])
    assert mounted(localstack)[found_at].endswith("build/localstack/site")


def test_both_say_when_they_are_healthy_and_athena_waits(services: dict[str, Any]) -> None:
    assert all(service["healthcheck"]["test"][0] == "CMD" for service in services.values())
    assert services["athena"]["depends_on"]["localstack"]["condition"] == "service_healthy"


def test_functions_are_told_the_addresses_that_the_services_have(services: dict[str, Any]) -> None:
    told = DockerLocalStack(Path("unused"), 1, 2).function_addresses()
    assert told == {
        "endpoint_url": f"http://{address(services['localstack'])}:4566",
        "athena_url": f"http://{address(services['athena'])}:4567",
    }
    assert variables_of(services["athena"])["AWS_ENDPOINT_URL"] == told["endpoint_url"]
    assert variables_of(services["localstack"])["LOCALSTACK_HOST"] == told["endpoint_url"].removeprefix("http://")


def test_athena_serves_the_bucket_and_names_of_the_stacks(services: dict[str, Any]) -> None:
    _, _, _, *local = LocalCloud(Path("unused"), 1, 4567).athena.command
    pairs = dict(zip(local[::2], local[1::2], strict=True))
    composed_pairs = dict(word.split("=") for word in services["athena"]["command"][3:])
    assert composed_pairs == {**pairs, "--host": "0.0.0.0"}


def test_athena_has_the_code_and_the_locks_it_is_built_from(services: dict[str, Any]) -> None:
    athena = services["athena"]
    folder = ROOT / athena["build"]["context"]
    dockerfile = (folder / athena["build"]["dockerfile"]).read_text()
    (copied,) = re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE)
    assert all((folder / name).is_file() for name in copied.split())
    roots = str(variables_of(athena)["PYTHONPATH"]).split(":")
    assert {Path(root, name).parts[2] for root, name in zip(roots, ("infra", "wattline"), strict=True)} == {
        Path(target).name for target in mounted(athena)
    }

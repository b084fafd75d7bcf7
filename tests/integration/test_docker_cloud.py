"""LocalStack in Docker, with a program in docker's place that writes down what it is asked."""

import os
from pathlib import Path

import pytest

from infra.local.docker import DockerLocalStack
from infra.local.processes import LocalRunError

FAKE = """#!/bin/sh
echo "$PORT $ATHENA_PORT $*" >> "{asked}"
case "$*" in
  *" ps "*) cat "{running}" ;;
  *" up "*) echo localstack > "{running}"; echo athena >> "{running}" ;;
  *" down "*) : > "{running}" ;;
esac
"""


class Docker:
    """What was asked of it, without the options that come first; what runs."""

    def __init__(self, folder: Path) -> None:
        self._asked, self.program = folder / "asked", folder / "docker"
        running = folder / "running"
        running.touch()
        self.program.write_text(FAKE.format(asked=self._asked, running=running))
        self.program.chmod(0o755)

    def asked(self) -> list[str]:
        return [line.split("docker-compose.yml ")[1] for line in self._asked.read_text().splitlines()]

    def ports(self) -> set[str]:
        return {" ".join(line.split()[:2]) for line in self._asked.read_text().splitlines()}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return Docker(tmp_path)


def test_it_is_started_with_a_new_athena_and_ended(docker: Docker, tmp_path: Path) -> None:
    cloud = DockerLocalStack(tmp_path / "state", 5000, 5001)
    assert not cloud.is_running()
    cloud.start(lambda _: None)
    assert cloud.is_running()
    assert cloud.down() == ["localstack", "athena"]
    assert not cloud.is_running()
    assert [line for line in docker.asked() if not line.startswith("ps ")] == [
        "rm --stop --force athena",
        "up --detach --build --wait",
        "down --volumes",
    ]
    assert docker.ports() == {"5000 5001"}


def test_what_docker_complains_of_is_told(docker: Docker, tmp_path: Path) -> None:
    docker.program.write_text("#!/bin/sh\necho 'no daemon' >&2\nexit 1\n")
    with pytest.raises(LocalRunError, match=r"docker compose rm failed:\nno daemon"):
        DockerLocalStack(tmp_path, 1, 2).start(lambda _: None)


def test_without_docker_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalRunError, match="docker is not installed"):
        DockerLocalStack(tmp_path, 1, 2).start(lambda _: None)

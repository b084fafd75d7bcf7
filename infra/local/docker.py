"""The local cloud on LocalStack in Docker, as docker-compose.yml describes it."""

import os
import shutil
import subprocess
from pathlib import Path

from infra.local.cloud import ROOT, LocalCloud, Progress
from infra.local.processes import LocalRunError

START_TIMEOUT_SECONDS = 900
"""The first start downloads the images."""


class DockerLocalStack(LocalCloud):
    """LocalStack and the Athena endpoint in containers; functions run in containers beside them."""

    def api_url(self, api_id: str) -> str:
        """LocalStack serves a stage by path or by host; a path needs no name server."""
        return f"{self.endpoint_url}/_aws/execute-api/{api_id}/local"

    def function_addresses(self) -> dict[str, str]:
        """The addresses that docker-compose.yml gives the two services."""
        return {"endpoint_url": "http://172.30.45.2:4566", "athena_url": "http://172.30.45.3:4567"}

    def is_running(self) -> bool:
        """Whether LocalStack does."""
        return "localstack" in self._running()

    def start(self, progress: Progress) -> None:
        """Start both and wait until they are healthy. Raises LocalRunError."""
        self.state.mkdir(parents=True, exist_ok=True)
        progress(f"starting LocalStack on {self.endpoint_url}, and the local Athena on {self.athena_url}, in Docker")
        self._compose("rm", "--stop", "--force", "athena")  # a new one knows the tables as they are now
        self._compose("up", "--detach", "--build", "--wait")

    def stop(self) -> list[str]:
        """End both, and the functions' containers with LocalStack; the names of those that ran."""
        running = self._running()
        self._compose("down", "--volumes")
        return running

    def _running(self) -> list[str]:
        return self._compose("ps", "--services", "--status", "running").split()

    def _compose(self, *arguments: str) -> str:
        docker = shutil.which("docker")
        if docker is None:
            raise LocalRunError("docker is not installed; `make up` without TARGET=localstack needs none")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "PORT": str(self.port),
            "ATHENA_PORT": str(self.athena_port),
            "PWD": str(ROOT),
        }
        command = [docker, "compose", "--file", str(Path(ROOT, "docker-compose.yml")), *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=START_TIMEOUT_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise LocalRunError(f"docker compose {arguments[0]} failed:\n{error.stderr}") from error
        except subprocess.TimeoutExpired as error:
            raise LocalRunError(f"docker compose {arguments[0]} took over {START_TIMEOUT_SECONDS} s") from error
        return done.stdout

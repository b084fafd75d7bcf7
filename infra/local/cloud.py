"""The local cloud: an emulator of AWS and the Athena endpoint in the background, and the real CDK app deployed on them.

The emulator is MiniStack; a subclass of LocalCloud says what is different about another.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from infra.local import tokens
from infra.local.processes import HOST, LocalRunError, Service, tail
from wattline.api.routes import Scope

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
ACCOUNT = "000000000000"
NAME = "wattline-local"
DEPLOY_TIMEOUT_SECONDS = 300
SAMPLE_METERS = ROOT / "events" / "obis"
SAMPLE_METERS_SINCE = "2023-03-01"

Progress = Callable[[str], None]


def outputs_of(file: Path) -> dict[str, str]:
    """What `make up` left for other commands. Raises LocalRunError when it did not."""
    try:
        outputs: dict[str, str] = json.loads(file.read_text())
    except FileNotFoundError:
        raise LocalRunError("the local stack does not run; start it with `make up`") from None
    return outputs


@dataclass(frozen=True)
class LocalCloud:
    """One local cloud, on MiniStack: its state folder and its two ports. Several can run side by side."""

    state: Path
    port: int
    athena_port: int
    meter_port: int | None = None
    """Of the stand-in for a smart-meter API; without one, none is started and no poller deployed."""

    @property
    def endpoint_url(self) -> str:
        """Of every AWS service but Athena."""
        return f"http://{HOST}:{self.port}"

    @property
    def athena_url(self) -> str:
        """Of Athena."""
        return f"http://{HOST}:{self.athena_port}"

    @property
    def bucket(self) -> str:
        """The name that the data stack gives the bucket."""
        return f"{NAME}-{ACCOUNT}-{REGION}"

    @property
    def emulator(self) -> Service:
        """Everything but Athena."""
        command = [sys.executable, "-m", "ministack"]
        return Service("ministack", self.port, command, self.state, "PORT")

    @property
    def athena(self) -> Service:
        """The stand-in for Athena."""
        command = [sys.executable, "-m", "infra.local.athena", "--port", str(self.athena_port)]
        command += ["--bucket", self.bucket, "--workgroup", NAME, "--database", NAME.replace("-", "_")]
        return Service("athena", self.athena_port, command, self.state, "ATHENA_PORT")

    @property
    def meter_source(self) -> Service:
        """The stand-in for a smart-meter API, with the sample meters."""
        command = [sys.executable, "-m", "infra.local.meter_source", "--port", str(self.meter_port)]
        command += ["--folder", str(SAMPLE_METERS)]
        return Service("meter-source", self.meter_port or 0, command, self.state, "METER_PORT")

    def api_url(self, api_id: str) -> str:
        """Where the emulator serves the stage; the stack's own output names an address on AWS."""
        return f"{self.endpoint_url}/restapis/{api_id}/local/_user_request_"

    def function_addresses(self) -> dict[str, str]:
        """Where functions find AWS and Athena, as context for the CDK app."""
        return {"endpoint_url": self.endpoint_url, "athena_url": self.athena_url}

    def client_environment(self) -> dict[str, str]:
        """The variables under which AWS clients on this machine speak to this cloud."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_ENDPOINT_URL_ATHENA": self.athena_url,
        }

    def up(self, progress: Progress) -> dict[str, str]:
        """Start what does not run, deploy, and answer with the outputs. Raises LocalRunError."""
        fresh = not self.is_running()
        self.start(progress)
        if fresh:
            progress("cdk bootstrap")
            # From elsewhere, or it would synthesize the app to look for more accounts.
            self._cdk(["bootstrap", f"aws://{ACCOUNT}/{REGION}"], self.state)
        progress("cdk deploy")
        outputs_file = self.state / "cdk-outputs.json"
        self._cdk(["deploy", "--all", "--outputs-file", str(outputs_file), *self._app()], ROOT)
        return self._write_outputs(json.loads(outputs_file.read_text()))

    def is_running(self) -> bool:
        """Whether the emulator runs; Athena keeps nothing that could be lost."""
        return self.emulator.is_running()

    def start(self, progress: Progress) -> None:
        """Start what does not run, without deploying."""
        progress(f"starting the local cloud on {self.endpoint_url}")
        self.emulator.start(self.emulator_environment())
        progress(f"starting the local Athena on {self.athena_url}")
        self.athena.stop()  # it keeps nothing, and a new one knows the tables as they are now
        self.athena.start(self.process_environment())
        if self.meter_port is not None:
            progress(f"starting the smart-meter API on http://{HOST}:{self.meter_port}")
            self.meter_source.start(self.process_environment())

    def compact(self) -> str:
        """Run the compactor now, on every marked partition however little landed; what it says it did."""
        return self._invoke("compactor", {"open_objects": 1})

    def poll(self) -> str:
        """Run the poller now; what it says it did."""
        return self._invoke("poller", {})

    def _invoke(self, function: str, event: dict[str, int]) -> str:
        client = boto3.client(
            "lambda",
            endpoint_url=outputs_of(self.state / "outputs.json")["endpoint_url"],
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
            config=Config(read_timeout=900, retries={"total_max_attempts": 1}),
        )
        try:
            answer = client.invoke(FunctionName=f"{NAME}-{function}", Payload=json.dumps(event).encode())
        except BotoCoreError as error:
            raise LocalRunError(f"{error}; is the local stack still up? `make up` starts it") from error
        return answer["Payload"].read().decode()

    def down(self) -> list[str]:
        """End everything; the names of what ran."""
        ended = self.stop()
        (self.state / "outputs.json").unlink(missing_ok=True)
        return ended

    def stop(self) -> list[str]:
        """End the processes; the names of those that ran."""
        meters = [self.meter_source] if self.meter_port is not None else []
        return [service.name for service in (self.athena, self.emulator, *meters) if service.stop()]

    def process_environment(self) -> dict[str, str]:
        """Nothing of the caller's environment: a stray AWS profile must not lead to a real account."""
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "core" / "python")]),
            "HOME": str(self.state),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **self.client_environment(),
        }

    def emulator_environment(self) -> dict[str, str]:
        """What the emulator is started with."""
        return self.sandbox() | {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": HOST,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }

    def sandbox(self) -> dict[str, str]:
        """An emulator's own scratch folder, and not our PYTHONPATH: functions must find wattline in their layer."""
        scratch = self.state / "tmp"
        if not self.is_running():  # a running one keeps its functions there
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
        environment = self.process_environment() | {"TMPDIR": str(scratch)}
        del environment["PYTHONPATH"]
        return environment

    def _app(self) -> list[str]:
        context = {
            "environment": "local",
            "jwt_issuer": tokens.ISSUER,
            "jwt_audience": tokens.AUDIENCE,
            "jwks": tokens.jwks(self.state),
            **self.function_addresses(),
            **self._meters(),
        }
        options = ["--app", f"{sys.executable} -m infra.app", "--output", str(self.state / "cdk.out")]
        return options + [word for key, value in context.items() for word in ("-c", f"{key}={value}")]

    def _meters(self) -> dict[str, str]:
        """What the poller asks, as context for the CDK app."""
        if self.meter_port is None:
            return {}
        return {
            "meter_url": f"http://{HOST}:{self.meter_port}/",
            "meter_ids": ",".join(path.stem for path in sorted(SAMPLE_METERS.glob("*.json"))),
            "meter_since": SAMPLE_METERS_SINCE,
        }

    def _cdk(self, arguments: Sequence[str], folder: Path) -> None:
        node = shutil.which("node")
        if node is None:
            raise LocalRunError("node is not installed; wattline's infrastructure needs Node.js 20 or later")
        environment = self.process_environment() | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(Path(node).parent), "/usr/bin", "/bin"]),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
        }
        command = [str(ROOT / "infra" / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices"]
        log = self.state / "cdk.log"
        with log.open("ab") as output:
            try:
                subprocess.run(
                    command,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=DEPLOY_TIMEOUT_SECONDS,
                    check=True,
                )
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                raise LocalRunError(f"cdk {arguments[0]} failed; {log} ends with:\n{tail(log)}") from error

    def _write_outputs(self, stacks: dict[str, Any]) -> dict[str, str]:
        api_id = stacks[f"{NAME}-api"]["ApiId"]
        outputs = {
            "api_url": self.api_url(api_id),
            "token": tokens.mint(self.state, [scope.value for scope in Scope]),
            "bucket": stacks[f"{NAME}-data"]["BucketName"],
            "alerts_topic": stacks[f"{NAME}-data"]["AlertsTopic"],
            "hot_table": stacks[f"{NAME}-data"]["HotTableName"],
            "athena_url": self.athena_url,
            "endpoint_url": self.endpoint_url,
            "region": REGION,
        }
        (self.state / "outputs.json").write_text(json.dumps(outputs, indent=2) + "\n")
        return outputs

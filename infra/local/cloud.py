"""The local cloud: MiniStack and the Athena endpoint in the background, and the real CDK app deployed on them."""

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

from infra.local import tokens
from infra.local.processes import HOST, LocalRunError, Service, tail
from wattline.api.routes import Scope

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
ACCOUNT = "000000000000"
NAME = "wattline-local"
DEPLOY_TIMEOUT_SECONDS = 300
METER_PORT = 4568
SAMPLE_METERS = ROOT / "events" / "obis"
SAMPLE_METERS_SINCE = "2023-03-01"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class LocalCloud:
    """One local cloud: its state folder and its two ports. Several can run side by side."""

    state: Path
    port: int
    athena_port: int
    meter_port: int = METER_PORT

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
    def ministack(self) -> Service:
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
        return Service(
            "meter-source", self.meter_port, [*command, "--folder", str(SAMPLE_METERS)], self.state, "METER_PORT"
        )

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
        fresh = not self.ministack.is_running()
        progress(f"starting the local cloud on {self.endpoint_url}")
        self.ministack.start(self._ministack_environment())
        progress(f"starting the local Athena on {self.athena_url}")
        self.athena.stop()  # it keeps nothing, and a new one knows the tables as they are now
        self.athena.start(self.process_environment())
        progress(f"starting the smart-meter API on http://{HOST}:{self.meter_port}")
        self.meter_source.start(self.process_environment())
        if fresh:
            progress("cdk bootstrap")
            self._cdk(["bootstrap", f"aws://{ACCOUNT}/{REGION}"])
        progress("cdk deploy")
        outputs_file = self.state / "cdk-outputs.json"
        self._cdk(["deploy", "--all", "--outputs-file", str(outputs_file)])
        return self._write_outputs(json.loads(outputs_file.read_text()))

    def compact(self) -> str:
        """Run the compactor now, on every marked partition however little landed; what it says it did."""
        return self._invoke("compactor", {"open_objects": 1})

    def poll(self) -> str:
        """Run the poller now; what it says it did."""
        return self._invoke("poller", {})

    def _invoke(self, function: str, event: dict[str, int]) -> str:
        if not self.ministack.is_running():
            raise LocalRunError("the local stack does not run; start it with `make up`")
        client = boto3.client(
            "lambda",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
            config=Config(read_timeout=900, retries={"total_max_attempts": 1}),
        )
        answer = client.invoke(FunctionName=f"{NAME}-{function}", Payload=json.dumps(event).encode())
        return answer["Payload"].read().decode()

    def down(self) -> list[str]:
        """End all processes; the names of those that ran."""
        ended = [service.name for service in (self.athena, self.ministack, self.meter_source) if service.stop()]
        (self.state / "outputs.json").unlink(missing_ok=True)
        return ended

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

    def _ministack_environment(self) -> dict[str, str]:
        """Without our PYTHONPATH: functions must find wattline in their layer."""
        scratch = self.state / "tmp"
        if not self.ministack.is_running():  # a running one keeps its functions there
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
        environment = self.process_environment()
        del environment["PYTHONPATH"]
        return environment | {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": HOST,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "TMPDIR": str(scratch),
        }

    def _cdk(self, arguments: Sequence[str]) -> None:
        node = shutil.which("node")
        if node is None:
            raise LocalRunError("node is not installed; wattline's infrastructure needs Node.js 20 or later")
        environment = self.process_environment() | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(Path(node).parent), "/usr/bin", "/bin"]),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
        }
        context = {
            "environment": "local",
            "jwt_issuer": tokens.ISSUER,
            "jwt_audience": tokens.AUDIENCE,
            "jwks": tokens.jwks(self.state),
            "athena_url": self.athena_url,
            "endpoint_url": self.endpoint_url,
            "meter_url": f"http://{HOST}:{self.meter_port}/",
            "meter_ids": ",".join(path.stem for path in sorted(SAMPLE_METERS.glob("*.json"))),
            "meter_since": SAMPLE_METERS_SINCE,
        }
        command = [str(ROOT / "infra" / "node_modules" / ".bin" / "cdk"), *arguments]
        command += ["--app", f"{sys.executable} -m infra.app", "--output", str(self.state / "cdk.out"), "--no-notices"]
        command += [word for key, value in context.items() for word in ("-c", f"{key}={value}")]
        log = self.state / "cdk.log"
        with log.open("ab") as output:
            try:
                subprocess.run(
                    command,
                    cwd=ROOT,
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
            # Where this emulator serves a stage; the stack's own output names an address on AWS.
            "api_url": f"{self.endpoint_url}/restapis/{api_id}/local/_user_request_",
            "token": tokens.mint(self.state, [scope.value for scope in Scope]),
            "bucket": stacks[f"{NAME}-data"]["BucketName"],
            "hot_table": stacks[f"{NAME}-data"]["HotTableName"],
            "athena_url": self.athena_url,
            "endpoint_url": self.endpoint_url,
            "region": REGION,
        }
        (self.state / "outputs.json").write_text(json.dumps(outputs, indent=2) + "\n")
        return outputs

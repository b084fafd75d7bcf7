"""A local cloud on LocalStack without Docker."""

import sys

from infra.local.cloud import ROOT, LocalCloud
from infra.local.processes import HOST, Service

PYTHON = ROOT / ".venv-localstack" / "bin" / "python"
"""The interpreter of `make .venv-localstack/.installed`."""


class HostModeLocalStack(LocalCloud):
    """LocalStack with the plugin of this folder; functions run on the interpreter of this process."""

    @property
    def emulator(self) -> Service:
        """LocalStack, everything but Athena."""
        return Service("localstack", self.port, [str(PYTHON), "-m", "localstack.runtime.main"], self.state, "PORT")

    def api_url(self, api_id: str) -> str:
        """LocalStack serves a stage by path or by host; a path needs no name server."""
        return f"{self.endpoint_url}/_aws/execute-api/{api_id}/local"

    def emulator_environment(self) -> dict[str, str]:
        """What LocalStack is started with."""
        address = f"{HOST}:{self.port}"
        return self.sandbox() | {
            "FILESYSTEM_ROOT": str(self.state / "localstack"),
            "GATEWAY_LISTEN": address,
            "LOCALSTACK_HOST": address,
            "OVERRIDE_IN_DOCKER": "0",
            # It must not ask for anything on the internet.
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "SQS_ENDPOINT_STRATEGY": "path",
            # Glue and Athena; a test says that there are no others.
            "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "1",
            # The plugin's.
            "LAMBDA_RUNTIME_EXECUTOR": "process",
            "HOSTMODE_PYTHON": sys.executable,
            "PROVIDER_OVERRIDE_DYNAMODB": "moto",
            "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "moto",
        }

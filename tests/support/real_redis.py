"""Redis itself, as its Debian package has it, on a port of its own and with nothing on disk.

    with RealRedis(folder, "--requirepass", "sesame") as redis:
        redis.url("sesame")

Tests that need it skip where it is not installed, and say so.
"""

import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from infra.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

_PROGRAM: Final = "redis-server"


class RealRedis:
    """A server from `with`, or `start`, to the end of the block; `tls` serves TLS alone."""

    def __init__(self, folder: Path, *options: str, tls: bool = False) -> None:
        if shutil.which(_PROGRAM) is None:
            pytest.skip(f"needs {_PROGRAM}; install it with your system's package manager")
        self._folder = folder
        self._options = options
        self._tls = tls
        self._port = free_port().number
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, password: str = "") -> str:
        """The server's URL, with a password where there is one."""
        scheme = "rediss" if self._tls else "redis"
        whose = f":{password}@" if password else ""
        return f"{scheme}://{whose}{LOOPBACK}:{self._port}/0"

    def start(self) -> None:
        """Serve, with nothing in it."""
        port = str(self._port)
        listens = ("--port", "0", "--tls-port", port) if self._tls else ("--port", port)
        fixed = ("--bind", LOOPBACK, "--save", "", "--appendonly", "no", "--dir", str(self._folder))
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_PROGRAM, *fixed, *listens, *self._options], stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._listens, "redis-server is ready")

    def stop(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "redis-server has ended; see redis.log"
        try:
            socket.create_connection((LOOPBACK, self._port)).close()
        except OSError:
            return False
        return True

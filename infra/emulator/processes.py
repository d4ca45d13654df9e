"""Processes that end: each in a group of its own, told to a guardian that survives this process.

A process gets nothing of this machine's environment but what is given here, and `python3` is the
interpreter below this process's virtual environment, so that what a package lacks is missing here
as well.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the kernel sends this signal when the parent dies, however it dies."""
_STOP_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 65536
_LINE_BYTES_MAX: Final = 8192
"""Of one line of a log; the rest of a longer one is a line of its own."""


class Guardian:
    """The emulator's side of guardian.py."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            # Isolated and without site packages: ready in some 20 ms.
            [interpreter(), "-I", "-S", str(Path(__file__).with_name("guardian.py")), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,  # Ctrl-C and the death of the terminal are not for it.
        )

    def watch(self, group: int) -> None:
        """End this process group if the emulator dies."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """The group has ended; its number may be another's soon."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let it clean up and go."""
        assert self._process.stdin is not None  # noqa: S101 -- Popen was given a pipe
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 -- Popen was given a pipe
        with contextlib.suppress(BrokenPipeError):
            os.write(self._process.stdin.fileno(), line.encode())


@dataclass(frozen=True, slots=True)
class Streams:
    """What a process reads and writes, as subprocess has it; `terminal`: all is one terminal."""

    stdin: int = subprocess.DEVNULL
    stdout: int = subprocess.PIPE
    stderr: int = subprocess.STDOUT
    terminal: bool = False


class GroupProcess:
    """A process that leads its own group, from its start to the end of the whole group."""

    def __init__(self, process: asyncio.subprocess.Process, guardian: Guardian) -> None:
        self._process = process
        self._guardian = guardian
        self._ended = asyncio.create_task(self._end())

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        guardian: Guardian,
        streams: Streams = Streams(),
    ) -> Self:
        """Start `command` in `folder`; raises OSError where it cannot be run."""
        terminal = streams.stdin if streams.terminal else None
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=dict(environment),
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            start_new_session=True,
            # Covers the moment before the guardian knows the group.
            preexec_fn=lambda: _prepare(terminal),
        )
        guardian.watch(process.pid)
        return cls(process, guardian)

    @property
    def pid(self) -> int:
        """The process id, which is the group's number too."""
        return self._process.pid

    @property
    def pipes(self) -> asyncio.subprocess.Process:
        """The process with its ends of the pipes."""
        return self._process

    @property
    def running(self) -> bool:
        """Whether the leader is still there."""
        return self._process.returncode is None

    async def wait(self) -> None:
        """Wait until nothing of the group is left."""
        await asyncio.shield(self._ended)

    async def read_lines(self, take: Callable[[str], object]) -> None:
        """Hand every line of output to `take`, until nobody holds the pipe any more."""
        assert self._process.stdout is not None  # noqa: S101 -- started with a pipe
        rest = b""
        while chunk := await self._process.stdout.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            while len(rest) > _LINE_BYTES_MAX:
                lines.append(rest[:_LINE_BYTES_MAX])
                rest = rest[_LINE_BYTES_MAX:]
            for line in lines:
                take(line[:_LINE_BYTES_MAX].decode("utf-8", "replace"))
        if rest:
            take(rest.decode("utf-8", "replace"))

    def kill(self) -> None:
        """SIGKILL to the group, at once."""
        self._signal(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM to the group, SIGKILL to what is left after 5 s. Harmless when it has ended."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.wait()

    async def _end(self) -> None:
        await self._process.wait()
        self._signal(signal.SIGKILL)  # what the leader has left behind in its group
        self._guardian.forget(self.pid)

    def _signal(self, number: signal.Signals) -> None:
        if self._ended.done():
            return  # The number may be another group's by now.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def python_path(folder: Path) -> str:
    """A PATH by way of `folder`, on which `python3` is the interpreter that functions run with."""
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "python3").symlink_to(interpreter())
    return f"{binaries}:{_SYSTEM_PATH}"


def interpreter() -> str:
    """The interpreter that this process's virtual environment was made from."""
    # CPython's own name for the interpreter that a virtual environment was made from.
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def _prepare(terminal: int | None) -> None:
    """Within the new process: let it die with this one, and have the terminal as its session's."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if terminal is not None:
        with contextlib.suppress(PermissionError):  # Event loops differ in who makes the session.
            os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

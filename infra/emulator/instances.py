"""Instances: a real process each, and the pool that starts, shares and ends them.

    starting ──healthy──▶ ready ──┬─ up to instanceConcurrency requests at a time
       │                          ├─ its process ends ─▶ gone; a minimum is filled up again
       └─ exits, or too late      ├─ idle too long ────▶ stopping ──SIGTERM, SIGKILL──▶ gone
            ▼                     └─ newer version ────▶ drains, then stopping
       FcError 412

An instance sees its unpacked package as working directory, the platform's variables and its own,
and nothing else of this machine but a PATH. `python3` is the interpreter below this process's
virtual environment, so that what the package lacks is missing here too.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import aiohttp

from infra.emulator.errors import FcError
from infra.emulator.model import Account, Function

LOOPBACK: Final = "127.0.0.1"
INSTANCES_MAX: Final = 20
"""Of one function, on one machine; the platform's own limit is per account and larger."""
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 300.0
_RESTART_SECONDS: Final = 0.2
_LOG_LINES_MAX: Final = 500
_PR_SET_PDEATHSIG: Final = 1


@dataclass(eq=False, slots=True)
class Instance:
    """One process of a function."""

    id: str
    version: int
    port: int
    process: asyncio.subprocess.Process
    in_flight: int = 0
    ready: bool = False
    """Whether it may be given requests."""
    started: bool = False
    """Whether it ever was ready: one that never was is not started again by itself."""
    idle_since: float = field(default_factory=time.monotonic)


class Pool:
    """The instances of one function."""

    def __init__(self, account: Account, name: str, session: aiohttp.ClientSession) -> None:
        self._account = account
        self._name = name
        self._session = session
        self._starting: asyncio.Task[Instance] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.instances: list[Instance] = []
        self.log: deque[str] = deque(maxlen=_LOG_LINES_MAX)

    @property
    def _function(self) -> Function:
        return self._account.function(self._name)

    async def acquire(self) -> Instance:
        """An instance with room for one more request, started if there is none.

        Raises ResourceExhausted (429) where all are full, and an FcError where none can start.
        """
        limit = self._function.configuration.instance_concurrency
        while True:
            for instance in self.instances:
                if self._current(instance) and instance.in_flight < limit:
                    instance.in_flight += 1
                    return instance
            if len(self.instances) >= INSTANCES_MAX:
                raise FcError(429, "ResourceExhausted", f"all instances of {self._name} are busy")
            await asyncio.shield(self._start_one())

    def release(self, instance: Instance) -> None:
        """Give an instance back after a request."""
        instance.in_flight -= 1
        instance.idle_since = time.monotonic()
        if instance.version != self._function_version() and instance.in_flight == 0:
            self._spawn(self._stop(instance))

    def discard(self, instance: Instance) -> None:
        """End an instance that broke a call: it gets no other, whatever state it is in."""
        instance.ready = False
        self.release(instance)
        self._spawn(self._stop(instance))

    async def fill(self) -> None:
        """Start what the configured minimum still lacks."""
        while not self._closed and len(self._live()) < self._function.instances_min:
            await asyncio.shield(self._start_one())

    async def renew(self) -> None:
        """After a change of code or configuration: new instances first, then the old ones go."""
        await self.fill()
        for instance in list(self.instances):
            if not self._current(instance) and instance.in_flight == 0:
                await self._stop(instance)

    async def reap(self) -> None:
        """Stop instances beyond the minimum that have been idle too long."""
        now = time.monotonic()
        spare = len(self._live()) - self._function.instances_min
        for instance in list(self.instances):
            if spare > 0 and not instance.in_flight and now - instance.idle_since > _IDLE_SECONDS:
                spare -= 1
                await self._stop(instance)

    async def close(self) -> None:
        """Stop everything."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, FcError):
                await self._starting
        await asyncio.gather(*(self._stop(instance) for instance in list(self.instances)))
        for task in list(self._tasks):
            task.cancel()

    def _live(self) -> list[Instance]:
        return [instance for instance in self.instances if self._current(instance)]

    def _current(self, instance: Instance) -> bool:
        return instance.ready and instance.version == self._function_version()

    def _function_version(self) -> int:
        function = self._account.functions.get(self._name)
        return function.version if function else -1

    def _start_one(self) -> asyncio.Task[Instance]:
        """One start at a time: whoever waits for an instance waits for the same one."""
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start(), name=f"start {self._name}")
        return self._starting

    async def _start(self) -> Instance:
        function = self._function
        folder = function.code.folder
        port = _free_port()
        try:
            process = await asyncio.create_subprocess_exec(
                *function.configuration.command,
                cwd=folder,
                env=self._environment(function, port),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # a group of its own, to be ended whole
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        except OSError as error:
            what = f"the start command of {self._name} cannot be run: {error.strerror}"
            raise FcError(412, "CAFileNotFound", what) from None
        instance = Instance(f"c-{uuid4().hex[:12]}", function.version, port, process)
        self.instances.append(instance)
        self._spawn(self._read(instance))
        self._spawn(self._watch(instance))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._healthy(instance)
        except TimeoutError:
            await self._stop(instance)
            what = f"{self._name} did not answer on its port within {_START_SECONDS:.0f} s"
            raise FcError(412, "FunctionNotStarted", what) from None
        except BaseException:
            await self._stop(instance)
            raise
        instance.ready = instance.started = True
        return instance

    async def _healthy(self, instance: Instance) -> None:
        path = self._function.configuration.health_check.path
        while True:
            if instance.process.returncode is not None:
                what = f"{self._name} ended at its start; its log tells why"
                raise FcError(412, "CAExited", what)
            try:
                if not path:
                    _, writer = await asyncio.open_connection(LOOPBACK, instance.port)
                    writer.close()
                    break
                async with self._session.get(f"http://{LOOPBACK}:{instance.port}{path}") as answer:
                    if answer.status == 200:
                        break
            except (OSError, aiohttp.ClientError):
                pass
            await asyncio.sleep(0.02)
        if self._function.configuration.initializer:
            url = f"http://{LOOPBACK}:{instance.port}/initialize"
            async with self._session.post(url) as answer:
                if not 200 <= answer.status < 300:
                    what = f"the initialiser of {self._name} answered {answer.status}"
                    raise FcError(412, "FunctionNotStarted", what)

    def _environment(self, function: Function, port: int) -> dict[str, str]:
        configuration = function.configuration
        return {
            "PATH": f"{_interpreters(self._account.folder)}:{os.environ.get('PATH', os.defpath)}",
            "HOME": tempfile.gettempdir(),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "FC_SERVER_PORT": str(port),
            "FC_FUNCTION_NAME": configuration.name,
            "FC_FUNCTION_HANDLER": configuration.handler,
            "FC_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
            "FC_REGION": self._account.region,
            "FC_ACCOUNT_ID": self._account.account_id,
            **dict(configuration.environment),
        }

    async def _read(self, instance: Instance) -> None:
        assert instance.process.stdout is not None  # noqa: S101 -- started with a pipe
        with contextlib.suppress(ValueError):  # a line longer than the reader's limit
            async for line in instance.process.stdout:
                self.log.append(line.decode("utf-8", "replace").rstrip("\n"))

    async def _watch(self, instance: Instance) -> None:
        await instance.process.wait()
        instance.ready = False
        if instance in self.instances:
            self.instances.remove(instance)
        if instance.started and not self._closed and self._name in self._account.functions:
            # A function that keeps crashing is started again at a bounded rate.
            await asyncio.sleep(_RESTART_SECONDS)
            with contextlib.suppress(FcError):
                await self.fill()

    async def _stop(self, instance: Instance) -> None:
        instance.ready = False
        if instance in self.instances:
            self.instances.remove(instance)
        for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(instance.process.pid, number)
            try:
                async with asyncio.timeout(seconds):
                    await instance.process.wait()
                    return
            except TimeoutError:
                continue

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _interpreters(folder: Path) -> Path:
    """A folder in which `python3` is the interpreter that this process's environment is made of."""
    found = folder / "bin"
    if not found.is_dir():
        found.mkdir()
        base = getattr(sys, "_base_executable", sys.executable)
        (found / "python3").symlink_to(Path(base).resolve())
    return found


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

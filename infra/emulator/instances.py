"""An instance: one process of a function, from its start to its end.

    starting ──listens──▶ /initialize ──▶ health check ──▶ ready ◀──▶ unhealthy
       │ exits, late, or a hook fails                        │ (too many checks in a row fail)
       ▼                                                     ▼
    FcError 412         draining ──▶ stopping: /pre-stop, SIGTERM, SIGKILL ──▶ gone

Order of hooks and checks: help.aliyun.com/zh/functioncompute, "Configure instance health checks"
(2026-04-14) and "Configure instance lifecycles".
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from infra.emulator import memory, runtimes
from infra.emulator.environment import environment
from infra.emulator.errors import FcError
from infra.emulator.headers import platform_lines
from infra.emulator.http.client import AnswerError, LostError
from infra.emulator.http.connections import Connections
from infra.emulator.model import LATEST, Code, Configuration, Version
from infra.emulator.place import Place
from infra.emulator.processes import GroupProcess, interpreter
from infra.ports import LOOPBACK, free_port

_START_SECONDS: Final = 120.0
"""The platform's own limit for a custom runtime to listen."""
_POLL_SECONDS: Final = 0.01
_HOOKS: Final = {"/initialize": "Initialize", "/pre-stop": "PreStop"}
"""By their paths: what the log calls them ("Configure instance lifecycles")."""
_BROKEN: Final = (AnswerError, LostError, OSError)
"""How a call of the platform's own fails when an instance does not answer as HTTP does."""


class State(StrEnum):
    """Where an instance is in its life."""

    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    STOPPING = "stopping"
    GONE = "gone"


class Instance:
    """One process of a function, with what its version was when the process was started."""

    def __init__(self, version: Version, place: Place, log: Callable[[str], object]) -> None:
        self.id = place.ids.instance()
        self.rollout, self.version_id = version.rollout, version.id
        self.configuration: Configuration = version.configuration
        self.port = free_port().number
        self.connections = Connections(LOOPBACK, self.port)
        self.state = State.STARTING
        self.in_flight = self.served = 0
        self.created = place.clock.now()
        self.idle_since = place.clock.monotonic()
        self.memory_peak_mb = 0.0
        self._platform = platform_lines(
            self.configuration, version.id, place.account_id, place.region
        )
        self.code: Code = version.code
        self.layers: tuple[Code, ...] = version.layers
        self.place = place
        self._log = log
        self._process: GroupProcess | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int | None:
        """The process id, once there is a process."""
        return self._process.pid if self._process else None

    def platform_head(self, request_id: str, control_path: str, qualifier: str = LATEST) -> bytes:
        """The header lines with which the platform speaks to it."""
        own = b"x-fc-request-id: %b\r\nx-fc-control-path: %b\r\nx-fc-qualifier: %b\r\n"
        told = own % (request_id.encode(), control_path.encode(), qualifier.encode())
        return self._platform + told

    async def start(self) -> None:
        """Bring it up until it is ready; it is gone when this raises an FcError."""
        name = self.configuration.name
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._start()
        except TimeoutError:
            await self.stop()
            what = f"{name} did not become healthy on port {self.port} in {_START_SECONDS:.0f} s"
            raise FcError(412, "FunctionNotStarted", what) from None
        except BaseException:
            await self.stop()
            raise
        if self.state is State.STARTING:
            self.state = State.READY
        if self.configuration.health_check.path:
            self._tasks.append(asyncio.create_task(self._check_health()))

    def kill(self, why: str) -> None:
        """End it at once, as the platform does with one that breaks a limit."""
        self._log(f"{self.id} was ended: {why}")
        if self._process is not None:
            self._process.kill()

    async def _watch_memory(self) -> None:
        """End it when it takes more memory than its function has."""
        limit_mb = self.configuration.memory_mb
        while self._process is not None:
            await asyncio.sleep(memory.PERIOD_SECONDS)
            now_mb = memory.resident_mb(self._process.pid)
            self.memory_peak_mb = max(self.memory_peak_mb, now_mb)
            if now_mb > limit_mb:
                self.kill(f"its memory of {now_mb:.0f} MB exceeds the limit of {limit_mb} MB")
                return

    async def wait_gone(self) -> None:
        """Wait for the end of its process, whoever ends it."""
        if self._process is not None:
            await self._process.wait()
        self._end()

    async def stop(self) -> None:
        """End it as the platform does: its own hook first, then signals."""
        if self.state in (State.STOPPING, State.GONE):
            await self.wait_gone()
            return
        was_up = self.state is not State.STARTING
        self.state = State.STOPPING
        seconds = self.configuration.pre_stop_seconds
        if was_up and seconds is not None:
            with contextlib.suppress(*_BROKEN, TimeoutError):
                await self._hook("GET", "/pre-stop", seconds)
        if self._process is not None:
            await self._process.stop()
        self._end()

    async def _start(self) -> None:
        name = self.configuration.name
        how = await asyncio.to_thread(runtimes.start, self.configuration, interpreter())
        if how.note:
            self._log(how.note)
        try:
            self._process = await GroupProcess.start(
                how.command, self.code.folder, environment(self), self.place.guardian
            )
        except PermissionError as error:
            raise _cannot_start("CAFilePermission", name, how.command[0], error) from None
        except OSError as error:
            raise _cannot_start("CAFileNotFound", name, how.command[0], error) from None
        self._tasks.append(asyncio.create_task(self._process.read_lines(self._log)))
        if memory.MEASURED:
            self._tasks.append(asyncio.create_task(self._watch_memory()))
        if self.state is not State.STARTING:  # Stopped before there was a process to stop.
            await self._process.stop()
        check = self.configuration.health_check
        await asyncio.sleep(check.initial_delay_seconds)
        await self._until(self._listens)
        if self.configuration.initialize_seconds is not None:
            await self._initialize(self.configuration.initialize_seconds)
        if check.path:
            # The platform checks once; here the first check may come before the server is warm.
            await self._until(self._healthy)

    async def _until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        assert self._process is not None  # noqa: S101 -- called with a process only
        while not await holds():
            if not self._process.running:
                name = self.configuration.name
                raise FcError(412, "CAExited", f"{name} ended at its start; its log tells why")
            await asyncio.sleep(_POLL_SECONDS)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _healthy(self) -> bool:
        check = self.configuration.health_check
        try:
            status = await self._hook("GET", check.path, check.timeout_seconds)
        except (*_BROKEN, TimeoutError):
            return False
        return 200 <= status < 400

    async def _initialize(self, seconds: float) -> None:
        name = self.configuration.name
        try:
            status = await self._hook("POST", "/initialize", seconds)
        except TimeoutError:
            what = f"the initializer of {name} took more than {seconds:g} s"
            raise FcError(412, "FunctionNotStarted", what) from None
        except _BROKEN:
            what = f"the initializer of {name} broke; its log tells why"
            raise FcError(412, "FunctionNotStarted", what) from None
        if not 200 <= status < 300:
            what = f"the initializer of {name} answered {status}, not 2xx"
            raise FcError(412, "FunctionNotStarted", what)

    async def _hook(self, method: str, path: str, seconds: float) -> int:
        """The status that the instance answers to a call of the platform's own."""
        request_id, name = self.place.ids.request(), _HOOKS.get(path)
        head = b"host: localhost\r\n" + self.platform_head(request_id, path)
        if name:
            self._log(f"FC {name} Start RequestId: {request_id}")
        try:
            async with asyncio.timeout(seconds):
                answer = await self.connections.call(method.encode(), path.encode(), head)
                return answer.status
        finally:
            if name:
                self._log(f"FC {name} End RequestId: {request_id}")

    async def _check_health(self) -> None:
        """Take it out of service after some failures in a row, and back in after successes."""
        check = self.configuration.health_check
        failures = successes = 0
        while True:
            await asyncio.sleep(check.period_seconds)
            if await self._healthy():
                failures, successes = 0, successes + 1
            else:
                failures, successes = failures + 1, 0
            if self.state is State.READY and failures >= check.failure_threshold:
                self.state = State.UNHEALTHY
                self._log(f"{self.id} is unhealthy: GET {check.path} failed {failures} times")
            elif self.state is State.UNHEALTHY and successes >= check.success_threshold:
                self.state = State.READY

    def _end(self) -> None:
        self.state = State.GONE
        self.connections.close()
        for task in self._tasks[1:]:  # The first reads the log to its end.
            task.cancel()


def _cannot_start(code: str, name: str, command: str, error: OSError) -> FcError:
    what = f"The function {name} cannot be started: {command}: {error.strerror}"
    return FcError(412, code, what)

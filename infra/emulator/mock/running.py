"""An emulator in a thread of its own, reached by bytes.

talk(request) ──▶ answer            one exchange, whole, from any thread
connect(protocol) ──▶ transport     a connection for a protocol of another event loop
accept() ──▶ socket                 a pair of sockets, for who must have one
"""

import asyncio
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from infra.emulator.application import Application
from infra.emulator.http.server import Connection
from infra.emulator.mock.memory_transport import MemoryTransport
from infra.emulator.signature import Credentials
from infra.emulator.state import Emulator

_Result = TypeVar("_Result")


class RunningEmulator:
    """The emulator, from `start` to `stop`."""

    def __init__(
        self, region: str, account_id: str, credentials: Credentials | None, instances_max: int
    ) -> None:
        self._region, self._account_id = region, account_id
        self._credentials, self._instances_max = credentials, instances_max
        self._folder = Path(tempfile.mkdtemp(prefix="meshward-mock-"))
        self._loop = asyncio.new_event_loop()
        # Linux takes the death of this thread for the death of its processes' parent.
        self._thread = threading.Thread(target=self._loop.run_forever, name="mock_fc", daemon=True)
        self._connections: set[Connection] = set()

    def start(self) -> None:
        """Begin; where that fails, nothing is left open."""
        self._thread.start()
        try:
            self.do(self._start)
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """End it, and all instances with it."""
        try:
            self.do(self._stop)
        finally:
            self._end()

    @property
    def emulator(self) -> Emulator:
        """Its state; to be touched by way of `do` only."""
        return self._emulator

    def serves(self, host: str) -> bool:
        """Whether it has a custom domain of that name."""
        return host in self._emulator.account.domains

    def do(self, work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Do `work` in the emulator's thread, and wait for what comes of it."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    def talk(self, request: bytes) -> bytes:
        """The answer to a request that says `Connection: close`."""
        return self.do(lambda: self._talk(request))

    def connect(
        self, protocol: asyncio.Protocol, loop: asyncio.AbstractEventLoop
    ) -> MemoryTransport:
        """A connection of `protocol`, which lives in `loop`, to the emulator."""
        theirs: MemoryTransport

        def back(call: Callable[..., object], *arguments: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(call, *arguments)

        server = Connection(self._application.handle, self._connections)
        ours = MemoryTransport(
            server, lambda data: back(theirs.receive, data), lambda: back(theirs.ended)
        )

        def here(call: Callable[..., object], *arguments: object) -> None:
            self._loop.call_soon_threadsafe(call, *arguments)

        theirs = MemoryTransport(
            protocol, lambda data: here(ours.receive, data), lambda: here(ours.ended)
        )
        here(server.connection_made, ours)
        protocol.connection_made(theirs)
        return theirs

    def accept(self) -> socket.socket:
        """A connection for a client that wants a socket; its other end is the emulator's."""
        theirs, ours = socket.socketpair()

        async def work() -> None:
            await self._loop.connect_accepted_socket(
                lambda: Connection(self._application.handle, self._connections), ours
            )

        try:
            self.do(work)
        except BaseException:
            theirs.close()
            ours.close()
            raise
        return theirs

    def _end(self) -> None:
        """Let go of the thread, its event loop and the folder."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _start(self) -> None:
        self._emulator = Emulator(
            self._account_id, self._region, self._folder, instances_max=self._instances_max
        )
        self._application = Application(self._emulator, self._credentials)

    async def _stop(self) -> None:
        for connection in list(self._connections):
            connection.transport.abort()
        await self._emulator.close()

    async def _talk(self, request: bytes) -> bytes:
        answer: list[bytes] = []
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        server = Connection(self._application.handle, self._connections)
        transport = MemoryTransport(server, answer.append, lambda: ended.set_result(None))
        server.connection_made(transport)
        transport.receive(request)
        await ended
        return b"".join(answer)

"""A bounded load: some connections, each asking again as soon as it has its answer.

One asyncio protocol object a connection and no HTTP library: what is measured is the server.
Answers must bear `content-length`.
"""

import asyncio
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final, cast

import uvloop

_END_OF_HEAD: Final = b"\r\n\r\n"
_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: answers per second, and the median answer's seconds."""

    per_second: float
    median_seconds: float


class LoadError(Exception):
    """An answer other than 200, or none."""


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, turns: "list[float]", count: int) -> None:
        self._request = request
        self._turns = turns
        self._count = count
        self._received = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        if self._transport is None:
            return
        if len(self._turns) >= self._count:
            self._transport.close()
            return
        self._sent = perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(_END_OF_HEAD)
        if not found or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail(head.partition(b"\r\n")[0].decode("latin-1"))
            return
        self._received = b""
        self._turns.append(perf_counter() - self._sent)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if len(self._turns) < self._count:
            self._fail(f"the connection ended early ({exc})")
        elif not self.done.done():
            self.done.set_result(None)

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(why))


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0])


def load(port: int, request: bytes, connections: int, count: int) -> Load:
    """Ask `count` times in all over that many connections; raises `LoadError`."""
    turns: list[float] = []

    async def run() -> float:
        loop = asyncio.get_running_loop()
        start = perf_counter()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            made = await asyncio.gather(
                *(
                    loop.create_connection(
                        lambda: _Connection(request, turns, count), "127.0.0.1", port
                    )
                    for _ in range(connections)
                )
            )
            await asyncio.gather(*(protocol.done for _, protocol in made))
        return perf_counter() - start

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seconds = runner.run(run())
    return Load(len(turns) / seconds, median(turns))

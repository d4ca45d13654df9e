"""Different calls, offered over some connections, each looked at for its verdict.

Like `load`, but every request is another one and none of the answers has to be 200.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import cycle
from time import perf_counter
from typing import Final, NamedTuple, cast

import uvloop

_PATIENCE_SECONDS: Final = 60.0
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_VERDICT: Final = re.compile(rb"(?i)\r\nx-meshward-verdict: *(\w+)")


class Call(NamedTuple):
    """An answered call: how long it took, and its verdict where it has one."""

    seconds: float
    verdict: str


class _Caller(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], calls: list[Call]) -> None:
        self._requests = requests
        self._calls = calls
        self._received = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        request = next(self._requests, None)
        if request is None or self._transport is None:
            self.done.set_result(None)
            return
        self._sent = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        length = _LENGTH.search(received, 0, end + 2) if end >= 0 else None
        if length is None or len(received) < end + 4 + int(length[1]):
            self._received = received
            return
        self._received = b""
        found = _VERDICT.search(received, 0, end + 2)
        verdict = found[1].decode() if found else ""
        self._calls.append(Call(perf_counter() - self._sent, verdict))
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the connection ended early"))


def offer(
    ports: int | Sequence[int], requests: Sequence[bytes], connections: int
) -> tuple[list[Call], float]:
    """Send `requests` over that many connections; the calls, and the seconds for all of them.

    All connections are open before the first request leaves; of several ports each has its share.
    """
    to = cycle([ports] if isinstance(ports, int) else ports)
    calls: list[Call] = []
    rest = iter(requests)

    async def run() -> float:
        loop = asyncio.get_running_loop()
        callers = []
        for _ in range(connections):
            made = await loop.create_connection(lambda: _Caller(rest, calls), "127.0.0.1", next(to))
            callers.append(made)
        start = perf_counter()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            for _, caller in callers:
                caller.ask()
            await asyncio.gather(*(caller.done for _, caller in callers))
        seconds = perf_counter() - start
        for transport, _ in callers:
            transport.close()
        return seconds

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seconds = runner.run(run())
    return calls, seconds

"""A server that sends what it is told to, whatever it is asked, one script a connection.

    async with scripted([[b"HTTP/1.1 200 OK…", HOLD]]) as server:
        server.port, server.asked           who asked what: the connection's number, the body

A script is what goes out after each request; when it is through, the connection ends. The last
script holds for all connections that come later.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

HOLD: Final = "hold"
"""In a script: nothing more goes out until the caller has ended the connection."""
SINGLY: Final = "singly"
"""In a script: what follows goes out a byte at a time."""
UNASKED: Final = "unasked"
"""In a script: what follows goes out once `unasked` is set, without a request."""

Step = bytes | Literal["hold", "singly", "unasked"] | Callable[[], Awaitable[bytes]]


class Scripted:
    """The server; `open` counts the connections that stand now, `most` how many ever did."""

    def __init__(self, scripts: Sequence[Sequence[Step]]) -> None:
        self._scripts = scripts
        self.port = 0
        self.asked: list[tuple[int, bytes]] = []
        self.heads: list[bytes] = []
        self.open = self.most = self.connections = 0
        self.unasked = asyncio.Event()
        self.left = asyncio.Event()
        """Set while no connection stands, once there was one."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.connections
        self.connections += 1
        self.open += 1
        self.left.clear()
        self.most = max(self.most, self.open)
        try:
            await self._play(number, reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.open -= 1
            writer.close()
            if not self.open:
                self.left.set()

    async def _play(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        singly, asked = False, True
        for step in self._scripts[min(number, len(self._scripts) - 1)]:
            if step == SINGLY:
                singly = True
                continue
            if step == HOLD:
                await reader.read()
                return
            if step == UNASKED:
                await self.unasked.wait()
                asked = False
                continue
            if asked:
                await self._read(number, reader)
            data = step if isinstance(step, bytes) else await step()
            for at in range(len(data)) if singly else ():
                writer.write(data[at : at + 1])
                await writer.drain()
                await asyncio.sleep(0)
            if not singly:
                writer.write(data)
                await writer.drain()

    async def _read(self, number: int, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.heads.append(head)
        self.asked.append((number, await reader.readexactly(length)))


@asynccontextmanager
async def scripted(
    scripts: Sequence[Sequence[Step]], host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    """The server, until the end of the block."""
    server = Scripted(scripts)
    listening = await asyncio.start_server(server.serve, host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()

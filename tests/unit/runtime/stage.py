"""A service behind `Connection`, and callers who speak to it byte by byte."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from functions.runtime.connection import Connection
from functions.runtime.outbox import Outbox
from functions.runtime.web import Answering, Head, Reply, Service

BODY_MAX = 100_000
GET = b"GET /page HTTP/1.1\r\nhost: f\r\n\r\n"
SECONDS = 10


def post(body: bytes, extra: bytes = b"", path: bytes = b"/echo") -> bytes:
    head = b"POST %s HTTP/1.1\r\nhost: f\r\ncontent-length: %d\r\n" % (path, len(body))
    return head + extra + b"\r\n" + body


@dataclass
class Asked:
    """What a service was asked, and whether it may answer what waits."""

    heads: list[Head] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    waits: int = 0
    cancelled: int = 0

    def begin(self, head: Head) -> Reply | Answering:
        self.heads.append(head)
        if head.path == "/breaks":
            raise RuntimeError("a secret")
        outcomes: dict[str, Reply | Answering] = {
            "/echo": self.echo,
            "/later": self.later,
            "/breaks-on-body": self.breaks,
            "/splits": Reply(headers=(("x-name", "a\r\nx-other: b"),)),
            "/long": Reply(b"y" * 1_000_000),
            "/page": Reply(b"page", headers=(("x-name", "café"),)),
        }
        return outcomes.get(head.path, Reply.error(404, "not-found", "nothing here"))

    def echo(self, body: bytes) -> Reply:
        self.bodies.append(body)
        return Reply(body)

    def breaks(self, body: bytes) -> Reply:
        raise RuntimeError(body)

    async def later(self, body: bytes) -> Reply:
        self.waits += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if body == b"break":
            raise RuntimeError("a secret")
        return Reply(b"later " + body)


class Caller:
    """A connection to the service, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def reply(self, *, bodiless: bool = False) -> tuple[int, str, bytes]:
        """The next reply: its status, its head and its body."""
        async with asyncio.timeout(SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            size = int(re.findall(r"content-length: (\d+)\r\n", head)[0])
            body = b"" if bodiless else await self.reader.readexactly(size)
        return int(head.split()[1]), head, body

    async def ask(self, data: bytes) -> tuple[int, str, bytes]:
        self.writer.write(data)
        return await self.reply()

    async def ended(self) -> bool:
        """Whether nothing more comes, once the connection ends."""
        async with asyncio.timeout(SECONDS):
            return await self.reader.read() == b""


@dataclass
class Stage:
    asked: Asked
    connections: set[Connection]
    port: int

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[Caller]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Caller(reader, writer)
        finally:
            writer.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 -- what is waited for tells nobody
            await asyncio.sleep(0.001)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """The service on a port of its own, until the end of the block."""
    loop = asyncio.get_running_loop()
    asked, connections, outbox = Asked(), set[Connection](), Outbox(loop, lambda: None)
    service = Service(asked.begin, BODY_MAX, lambda: Reply.error(413, "too-large", "too large"))
    server = await loop.create_server(
        lambda: Connection(service, outbox, connections, loop), "127.0.0.1", 0
    )
    try:
        yield Stage(asked, connections, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for each in tuple(connections):
            each.abort()
        await until(lambda: not connections)

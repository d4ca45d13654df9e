"""HTTP/1.1 as a function speaks it: every way to frame a request, and callers who do it badly."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from functions.runtime.connection import (
    HEAD_BYTES_MAX,
    KEEP_ALIVE_SECONDS,
    PATIENCE_SECONDS,
    Connection,
)
from functions.runtime.outbox import Outbox
from functions.runtime.web import Answering, Head, Reply, Service

BODY_MAX = 100_000
GET = b"GET /page HTTP/1.1\r\nhost: f\r\n\r\n"
SECONDS = 10
LONG = b"a" * 1_000_000
"""More than is read at once and may be unjudged."""


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


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    loop = asyncio.get_running_loop()
    asked, connections, outbox = Asked(), set[Connection](), Outbox(loop, lambda: None)
    service = Service(asked.begin, BODY_MAX, lambda: Reply.error(413, "too-large", "too large"))
    server = await loop.create_server(
        lambda: Connection(service, outbox, connections, loop), "127.0.0.1", 0
    )
    yield Stage(asked, connections, server.sockets[0].getsockname()[1])
    server.close()
    for each in tuple(connections):
        each.abort()
    await until(lambda: not connections)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 -- what is waited for tells nobody
            await asyncio.sleep(0.001)


async def test_a_request_gets_its_reply_and_the_connection_is_kept(stage: Stage) -> None:
    async with stage.caller() as caller:
        for number in range(3):
            body = b"text %d" % number
            status, head, echoed = await caller.ask(post(body))
            assert (status, echoed) == (200, body)
            assert "connection:" not in head
            assert re.search(r"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", head)
        assert len(stage.connections) == 1


async def test_a_head_is_told_as_it_was_sent(stage: Stage) -> None:
    data = b"GET /page?q=1 HTTP/1.1\r\nHost: f\r\nX-A: caf\xe9\r\nx-a: b\r\n\r\n"
    async with stage.caller() as caller:
        _, head, _ = await caller.ask(data)
        await caller.ask(b"GET http://f/page?q HTTP/1.1\r\nhost: f\r\n\r\n")
    first, second = stage.asked.heads
    assert (first.method, first.path) == ("GET", "/page")
    assert first.fields == {b"host": b"f", b"x-a": b"caf\xe9"}
    assert (first.values("x-a"), first.header("x-a")) == (["café", "b"], "café")
    assert (first.values("x-b"), first.header("x-b")) == ([], "")
    assert second.path == "/page"
    assert "x-name: café" in head


@pytest.mark.parametrize("cut", [1, 7, 40, 1000])
async def test_pieces_of_any_size_are_one_request(stage: Stage, cut: int) -> None:
    data = post(b"a body of some bytes") + post(b"and another")
    async with stage.caller() as caller:
        for at in range(0, len(data), cut):
            caller.writer.write(data[at : at + cut])
            await caller.writer.drain()
            await asyncio.sleep(0)
        assert (await caller.reply())[2] == b"a body of some bytes"
        assert (await caller.reply())[2] == b"and another"


async def test_a_chunked_body_with_trailers_is_whole(stage: Stage) -> None:
    head = b"POST /echo HTTP/1.1\r\nhost: f\r\ntransfer-encoding: chunked\r\n\r\n"
    async with stage.caller() as caller:
        body = b"3;ext=1\r\nabc\r\n4\r\ndefg\r\n0\r\nx-late: 1\r\n\r\n"
        assert (await caller.ask(head + body))[2] == b"abcdefg"
    assert b"x-late" not in stage.asked.heads[0].fields


async def test_requests_in_a_row_are_answered_in_their_order(stage: Stage) -> None:
    async with stage.caller() as caller:
        later = post(b"1", path=b"/later")
        caller.writer.write(later + post(b"2") + later + GET)
        await until(lambda: stage.asked.waits)
        stage.asked.open.set()
        bodies = [(await caller.reply())[2] for _ in range(4)]
    assert bodies == [b"later 1", b"2", b"later 1", b"page"]


async def test_a_head_request_gets_no_body(stage: Stage) -> None:
    async with stage.caller() as caller:
        caller.writer.write(b"HEAD /page HTTP/1.1\r\nhost: f\r\n\r\n" + GET)
        status, head, _ = await caller.reply(bodiless=True)
        assert (status, "content-length: 4\r\n" in head) == (200, True)
        assert (await caller.reply())[2] == b"page"


@pytest.mark.parametrize(
    "request_",
    [
        post(b"x", b"connection: close\r\n"),
        b"POST /echo HTTP/1.0\r\ncontent-length: 1\r\n\r\nx",
    ],
)
async def test_who_wants_to_end_is_told_so_and_closed(stage: Stage, request_: bytes) -> None:
    async with stage.caller() as caller:
        status, head, body = await caller.ask(request_)
        assert (status, body) == (200, b"x")
        assert "connection: close\r\n" in head
        assert await caller.ended()


async def test_who_waits_to_be_told_to_go_on_is_told_once(stage: Stage) -> None:
    async with stage.caller() as caller:
        for path, status in ((b"/echo", 200), (b"/nothing", 404)):
            data = post(b"body", b"Expect: 100-Continue\r\n", path)
            caller.writer.write(data[:-4])
            if status == 200:
                assert (
                    await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
                )
                caller.writer.write(b"bo")
                await caller.writer.drain()
                caller.writer.write(b"dy")
            assert (await caller.reply())[0] == status
        assert await caller.ended()


async def test_what_needs_no_body_is_answered_before_it(stage: Stage) -> None:
    async with stage.caller() as caller:
        caller.writer.write(post(b"x" * 50_000, path=b"/nothing")[:-40_000])
        status, head, _ = await caller.reply()
        assert (status, "connection: close\r\n" in head) == (404, True)
        caller.writer.write(b"x" * 40_000 + GET)
        assert await caller.ended()
    assert len(stage.asked.heads) == 1


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_body_beyond_its_bound_is_refused_and_not_kept(stage: Stage, framing: str) -> None:
    if framing == "length":
        data = post(b"x" * (BODY_MAX + 1))
    else:
        head = b"POST /echo HTTP/1.1\r\nhost: f\r\ntransfer-encoding: chunked\r\n\r\n"
        data = head + b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        data = data + (b"2000\r\n" + b"x" * 0x2000 + b"\r\n") * 20
    async with stage.caller() as caller:
        assert (await caller.ask(data))[0] == 413
    assert stage.asked.bodies == []


MALFORMED = {
    "words": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two lengths": b"POST /echo HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "length and chunks": b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked, x\r\n\r\nabc",
    "no number": b"POST /echo HTTP/1.1\r\ncontent-length: +1\r\n\r\na",
    "a blank before the colon": b"POST /echo HTTP/1.1\r\ncontent-length : 1\r\n\r\na",
    "a bad chunk": b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "a lone line feed": b"POST /echo HTTP/1.1\ncontent-length: 1\n\na",
    "a null": b"GET /page HTTP/1.1\r\nx-a: a\x00b\r\n\r\n",
    "an upgrade": b"GET /page HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "a tunnel": b"CONNECT f:443 HTTP/1.1\r\nhost: f\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_not_http_is_refused_and_reaches_nobody(
    stage: Stage, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    async with stage.caller() as caller:
        assert (await caller.ask(post(b"before")))[0] == 200
        status, _, body = await caller.ask(data + b"GET /page HTTP/1.1\r\n\r\n")
        assert (status, b"http.refused" in body) == (400, True)
        assert await caller.ended()
    assert stage.asked.bodies == [b"before"]
    assert [head.path for head in stage.asked.heads].count("/page") == 0
    assert '"event": "request refused"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "data",
    [
        b"GET /page HTTP/1.1\r\nx-a: " + b"a" * (HEAD_BYTES_MAX + 1),
        b"GET /" + b"a" * (HEAD_BYTES_MAX + 1),
        b"GET /page HTTP/1.1\r\n" + b"x-a: b\r\n" * 257 + b"\r\n",
        b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;" + LONG,
        b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: " + LONG,
    ],
    ids=["header", "target", "headers", "chunk", "trailer"],
)
async def test_a_head_without_end_is_refused(stage: Stage, data: bytes) -> None:
    async with stage.caller() as caller:
        assert (await caller.ask(data))[0] == 431
        assert await caller.ended()
    assert stage.asked.bodies == []


@pytest.mark.parametrize(
    "data",
    [
        post(b"", path=b"/breaks"),
        post(b"a secret", path=b"/breaks-on-body"),
        post(b"break", path=b"/later"),
        post(b"", path=b"/splits"),
    ],
)
async def test_a_service_that_breaks_says_nothing_but_that(
    stage: Stage, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    stage.asked.open.set()
    async with stage.caller() as caller:
        status, head, body = await caller.ask(data)
        assert (status, b"function.failed" in body) == (500, True)
        assert (await caller.ask(GET))[0] == 200
    assert "x-other" not in head
    said = capsys.readouterr().out
    assert "function failed" in said
    assert "a secret" not in said + body.decode()


async def test_who_goes_away_takes_what_waits_along(stage: Stage) -> None:
    async with stage.caller() as caller:
        caller.writer.write(post(b"1", path=b"/later") + post(b"2", path=b"/later"))
        await until(lambda: stage.asked.waits)
    await until(lambda: stage.asked.cancelled)
    assert (stage.asked.waits, stage.asked.cancelled) == (1, 1)
    await until(lambda: not stage.connections)


async def test_who_takes_no_replies_is_read_no_more(stage: Stage) -> None:
    request = b"GET /long HTTP/1.1\r\nhost: f\r\n\r\n"
    async with stage.caller() as caller:
        caller.writer.write(request * 100)
        await until(lambda: stage.asked.heads)
        (connection,) = stage.connections
        await until(lambda: connection._clogged)
        for _ in range(20):
            assert (await caller.reply())[2] == b"y" * 1_000_000
        now = asyncio.get_running_loop().time()
        await until(lambda: connection._clogged)
        connection.look(now + PATIENCE_SECONDS + 1)
        await until(lambda: not stage.connections)


async def test_a_request_that_does_not_come_whole_is_given_up(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    async with stage.caller() as caller:
        caller.writer.write(post(b"12345")[:-1])
        await until(lambda: stage.asked.heads)
        (connection,) = stage.connections
        connection.look(loop.time() + PATIENCE_SECONDS - 1)
        connection.look(loop.time() + PATIENCE_SECONDS + 1)
        assert (await caller.reply())[0] == 408
        assert await caller.ended()


async def test_an_idle_connection_is_closed_after_long(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    async with stage.caller() as caller:
        assert (await caller.ask(GET))[0] == 200
        (connection,) = stage.connections
        connection.look(loop.time() + KEEP_ALIVE_SECONDS - 1)
        assert (await caller.ask(GET))[0] == 200
        connection.look(loop.time() + KEEP_ALIVE_SECONDS + 1)
        assert await caller.ended()


async def test_what_is_under_way_ends_before_the_connection_is_shut(stage: Stage) -> None:
    async with stage.caller() as idle, stage.caller() as waits, stage.caller() as comes:
        assert (await idle.ask(GET))[0] == 200
        waits.writer.write(post(b"x", path=b"/later"))
        comes.writer.write(post(b"12")[:-1])
        await until(lambda: stage.asked.waits and len(stage.asked.heads) == 3)
        for connection in tuple(stage.connections):
            connection.shut()
        assert await idle.ended()
        stage.asked.open.set()
        comes.writer.write(b"2")
        for caller, body in ((waits, b"later x"), (comes, b"12")):
            _, head, replied = await caller.reply()
            assert (replied, "connection: close\r\n" in head) == (body, True)
            assert await caller.ended()

"""Callers who do not speak HTTP/1.1, never come to an end, go away or take no replies."""

import asyncio
import tracemalloc

import pytest

from functions.runtime.connection import PATIENCE_SECONDS, Connection
from functions.runtime.incoming import HEAD_BYTES_MAX, Incoming, Request
from functions.runtime.outbox import Outbox
from functions.runtime.web import Reply, Service
from tests.unit.runtime.stage import GET, Stage, post, until

LONG = b"a" * 1_000_000
"""More than is read at once and may be unjudged."""

MALFORMED = {
    "words": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two lengths": b"POST /echo HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "length and chunks": b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked, x\r\n\r\nabc",
    "a coding before chunks": b"POST /echo HTTP/1.1\r\n"
    b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding in its own line": b"POST /echo HTTP/1.1\r\ntransfer-encoding: identity\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /echo HTTP/1.0\r\nconnection: keep-alive\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
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


def test_a_body_in_tiny_pieces_takes_no_more_than_its_bytes() -> None:
    taken: list[Request] = []
    incoming = Incoming(Service(lambda _head: Reply, 1_000_000, Reply), taken.append)
    incoming.feed(b"POST /echo HTTP/1.1\r\nhost: f\r\ntransfer-encoding: chunked\r\n\r\n")
    pieces = b"2\r\nab\r\n" * 1000
    tracemalloc.start()
    for _ in range(50):
        incoming.feed(pieces)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    incoming.feed(b"0\r\n\r\n")
    assert taken[0].body == b"ab" * 50_000
    assert most < 400_000


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


@pytest.mark.parametrize("more", [GET, b"words"])
@pytest.mark.parametrize("path", [b"/echo", b"/later"])
async def test_what_follows_the_last_request_is_not_heard(
    stage: Stage, more: bytes, path: bytes
) -> None:
    """It came in one piece with it, and another caller's reply leaves in the same turn."""
    stage.asked.open.set()
    async with stage.caller() as caller, stage.caller() as other:
        caller.writer.write(post(b"said", b"connection: close\r\n", path) + more)
        assert (await other.ask(GET))[2] == b"page"
        assert (await caller.reply())[0] == 200
        assert await caller.ended()
    assert stage.asked.bodies == [b"said"] * (path == b"/echo")


async def test_who_goes_away_takes_what_waits_along(stage: Stage) -> None:
    async with stage.caller() as caller:
        caller.writer.write(post(b"1", path=b"/later") + post(b"2", path=b"/later"))
        await until(lambda: stage.asked.waits)
    await until(lambda: stage.asked.cancelled)
    assert (stage.asked.waits, stage.asked.cancelled) == (1, 1)
    await until(lambda: not stage.connections)


async def test_who_goes_away_before_the_answering_began_takes_it_along_when_it_has(
    stage: Stage,
) -> None:
    class Gone(asyncio.Transport):
        def abort(self) -> None:
            """It is gone already."""

    loop = asyncio.get_running_loop()
    service = Service(stage.asked.begin, 100, Reply)
    connection = Connection(service, Outbox(loop, lambda: None), set(), loop)
    connection.connection_made(Gone())
    connection.data_received(post(b"1", path=b"/later"))
    connection.connection_lost(None)
    await until(lambda: stage.asked.cancelled)
    assert (stage.asked.waits, stage.asked.cancelled) == (1, 1)


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

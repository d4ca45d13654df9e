"""HTTP/1.1 as a function speaks it: every way to frame a request, and the end of a connection."""

import asyncio
import re

import pytest

from functions.runtime.connection import KEEP_ALIVE_SECONDS
from tests.unit.runtime.stage import BODY_MAX, GET, Stage, post, until


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
    head = b"POST /echo HTTP/1.1\r\nhost: f\r\nTransfer-Encoding: Chunked \r\n\r\n"
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


async def test_who_waits_behind_another_request_is_told_to_go_on_after_it(stage: Stage) -> None:
    async with stage.caller() as caller:
        expects = post(b"body", b"expect: 100-continue\r\n")
        caller.writer.write(post(b"1", path=b"/later") + expects[:-4])
        await until(lambda: stage.asked.waits and len(stage.asked.heads) == 2)
        stage.asked.open.set()
        assert (await caller.reply())[2] == b"later 1"
        assert await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await caller.ask(b"body"))[2] == b"body"


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

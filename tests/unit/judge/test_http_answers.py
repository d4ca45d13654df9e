"""Answers that keep to HTTP/1.1, bend it and break it."""

import pytest

from functions.llm_guard.http import BrokenOff, Client, Place, TooLarge
from tests.support.http_asking import BODY_BYTES_MAX, HELLO, OK, Run, before, said
from tests.support.scripted_server import HOLD, SINGLY, Step


def test_a_request_says_what_it_must_and_no_more(run: Run) -> None:
    async def go() -> None:
        async with before([HELLO]) as (server, asking):
            answer = await asking.post(b"{}")
            assert (answer.status, answer.header("content-length")) == (200, "5")
            assert (answer.header("x-none"), await answer.read()) == ("", b"hello")
            answer.close()
            lines = [
                *("POST /v1/a?b=c HTTP/1.1", f"host: 127.0.0.1:{server.port}"),
                *("x-token: t", "content-length: 2", "", ""),
            ]
            assert server.heads == ["\r\n".join(lines).encode()]
            assert server.asked == [(0, b"{}")]

    run(go())


FRAMED = {
    "of a length": HELLO,
    "in chunks": OK + b"transfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "with trailers": OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-a: b\r\n\r\n",
    "up to the end of the connection": OK + b"\r\nhello",
    "in HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "after words in between": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\na: b\r\n\r\n"
    + HELLO,
}


@pytest.mark.parametrize("answer", FRAMED.values(), ids=FRAMED.keys())
@pytest.mark.parametrize("singly", [False, True], ids=["at once", "a byte at a time"])
def test_a_body_is_read_however_it_is_framed(run: Run, answer: bytes, *, singly: bool) -> None:
    async def go() -> None:
        script: list[Step] = [SINGLY, answer] if singly else [answer]
        async with before(script) as (_, asking):
            assert await said(asking) == b"hello"

    run(go())


def test_a_status_without_a_body_has_none(run: Run) -> None:
    async def go() -> None:
        async with before([b"HTTP/1.1 204 No Content\r\n\r\n", HELLO]) as (server, asking):
            assert await said(asking) == b""
            assert await said(asking) == b"hello"
            assert server.connections == 1

    run(go())


REFUSED = {
    "two lengths": OK + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "a length beside chunks": (
        OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "chunks beside a length": (
        OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "a list of lengths": OK + b"content-length: 5, 5\r\n\r\nhello",
    "a signed length": OK + b"content-length: +5\r\n\r\nhello",
    "a folded line": OK + b"x-a: b\r\n c\r\ncontent-length: 5\r\n\r\nhello",
    "a space before the colon": OK + b"content-length : 5\r\n\r\nhello",
    "bare line ends": HELLO.replace(b"\r\n", b"\n"),
    "a chunk of no number": OK + b"transfer-encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n",
    "a coding that is not known": OK + b"transfer-encoding: gzip\r\n\r\nhello",
    "another protocol": b"HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello",
    "another HTTP": HELLO.replace(b"1.1", b"2.0"),
    "a status that is none": HELLO.replace(b"200", b"000"),
    "no HTTP": b"hello\r\n\r\n",
    "nothing": b"",
    "half a head": OK,
    "half a body": HELLO[:-1],
    "half a chunk": OK + b"transfer-encoding: chunked\r\n\r\n9\r\nhello",
    "a head without an end": OK + b"x-a: b\r\n" * 5000,
    "words in between without an end": b"HTTP/1.1 103 E\r\n\r\n" * 5000,
    "trailers without an end": (
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + b"x-a: b\r\n" * 50_000
    ),
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_whole_answer_is_broken_off_and_asked_for_once(run: Run, answer: bytes) -> None:
    async def go() -> None:
        async with before([answer]) as (server, asking):
            with pytest.raises(BrokenOff):
                await said(asking)
            await server.left.wait()
            assert len(server.asked) == 1

    run(go())


@pytest.mark.parametrize(
    "head", [b"content-length: 100001\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n186a1\r\n"]
)
def test_a_body_beyond_the_bound_is_not_taken(run: Run, head: bytes) -> None:
    async def go() -> None:
        async with before([OK + head + b" " * (BODY_BYTES_MAX + 1), HOLD]) as (server, asking):
            with pytest.raises(TooLarge):
                await said(asking)
            await server.left.wait()

    run(go())


@pytest.mark.parametrize(
    "header", [("a b", "c"), ("a", "b\r\nc: d"), ("Content-Length", "3"), ("a", "\xe9")]
)
def test_a_header_that_cannot_be_sent_is_refused(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        Client(Place("http://a", None), [header], 1, 1)

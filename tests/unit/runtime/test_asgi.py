"""A service under a framework: calls as ASGI hands them over, replies as it takes them."""

import asyncio
import json
from typing import Any

import pytest

from functions.runtime.asgi import application
from functions.runtime.web import Answering, Head, Reply, Service

GONE = {"type": "http.disconnect"}
SCOPE = {
    "method": "POST",
    "path": "/p",
    "headers": [(b"x-name", b"caf\xe9"), *[(b"x-name", b"b")] * 2],
}


class Stage:
    """A service that remembers what it was asked, and a caller whose events are given."""

    def __init__(self, *events: dict[str, Any], outcome: Reply | Answering | None = None) -> None:
        self._events = iter(events)
        self._outcome = outcome or self.echo
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []
        self.sent: list[Any] = []

    def begin(self, head: Head) -> Reply | Answering:
        self.heads.append(head)
        return self._outcome

    def echo(self, body: bytes) -> Reply:
        self.bodies.append(body)
        return Reply(body)

    async def receive(self) -> dict[str, Any]:
        event = next(self._events, None)
        if event is None:
            await asyncio.Event().wait()
        assert event is not None
        return event

    async def send(self, event: Any) -> None:
        self.sent.append(event)

    async def call(self) -> list[Any]:
        service = Service(self.begin, 3, lambda: Reply.error(413, "too-large", "too large"))
        async with asyncio.timeout(10):
            await application(service)(SCOPE, self.receive, self.send)
        return self.sent


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_pieces_is_one_body_and_a_head_is_told_as_it_was_sent() -> None:
    stage = Stage(piece(b"ab", more=True), piece(b"", more=True), piece(b"c", more=False))
    assert (await stage.call())[-1] == {"type": "http.response.body", "body": b"abc"}
    (head,) = stage.heads
    assert (head.method, head.path) == ("POST", "/p")
    assert (head.header("x-name"), head.values("x-name")) == ("café", ["café", "b", "b"])


async def test_a_body_is_not_read_beyond_its_bound() -> None:
    stage = Stage(piece(b"ab", more=True), piece(b"cd", more=True))
    assert (await stage.call())[0]["status"] == 413
    assert stage.bodies == []


async def test_a_caller_who_goes_away_early_is_not_answered() -> None:
    stage = Stage(piece(b"ab", more=True), GONE)
    assert await stage.call() == []
    assert stage.bodies == []


async def test_what_a_caller_who_goes_away_waits_for_is_cancelled() -> None:
    ended = asyncio.Event()

    async def waits(_body: bytes) -> Reply:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Reply()

    assert await Stage(piece(b"", more=False), GONE, outcome=waits).call() == []
    assert ended.is_set()


async def test_what_is_waited_for_is_the_reply() -> None:
    async def soon(body: bytes) -> Reply:
        await asyncio.sleep(0)
        return Reply(b"soon " + body)

    sent = await Stage(piece(b"x", more=False), outcome=soon).call()
    assert sent[-1]["body"] == b"soon x"


async def test_a_reply_bears_its_length_and_needs_no_body() -> None:
    outcome = Reply("账".encode(), 201, (("content-type", "text/café"),))
    headers = [(b"content-type", b"text/caf\xe9"), (b"content-length", b"3")]
    assert await Stage(outcome=outcome).call() == [
        {"type": "http.response.start", "status": 201, "headers": headers},
        {"type": "http.response.body", "body": "账".encode()},
    ]


async def test_what_breaks_while_it_is_waited_for_is_raised() -> None:
    async def breaks(_body: bytes) -> Reply:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await Stage(piece(b"", more=False), outcome=breaks).call()


def test_an_error_is_a_document_with_a_code() -> None:
    reply = Reply.error(404, "not-found", "nothing here")
    assert (reply.status, reply.headers) == (404, (("content-type", "application/json"),))
    assert json.loads(reply.content) == {"error": {"code": "not-found", "message": "nothing here"}}

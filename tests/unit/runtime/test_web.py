"""A call as ASGI hands it over, and the reply as it takes it."""

import json
from typing import Any

import pytest

from functions.runtime.web import BodyTooLarge, Call, CallerGone, Reply, application

GONE = {"type": "http.disconnect"}


def call(*events: dict[str, Any]) -> Call:
    """A call whose receive gives these events."""
    rest = iter(events)

    async def receive() -> dict[str, Any]:
        return next(rest)

    headers = [(b"accept", b"a"), (b"x-name", b"caf\xe9"), (b"accept", b"b")]
    return Call({"method": "POST", "path": "/p", "headers": headers}, receive)


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_headers_are_given_as_they_were_sent() -> None:
    asked = call()
    assert asked.values("accept") == ["a", "b"]
    assert (asked.header("accept"), asked.header("x-name")) == ("a", "café")
    assert (asked.values("other"), asked.header("other")) == ([], "")


async def test_a_body_in_pieces_is_one_body() -> None:
    asked = call(piece(b"ab", more=True), piece(b"", more=True), piece(b"c", more=False))
    assert await asked.body(3) == b"abc"


async def test_a_body_is_not_read_beyond_its_bound() -> None:
    with pytest.raises(BodyTooLarge):
        await call(piece(b"ab", more=True), piece(b"cd", more=True)).body(3)


async def test_a_caller_who_goes_away_has_no_body() -> None:
    with pytest.raises(CallerGone):
        await call(piece(b"ab", more=True), GONE).body(3)


async def test_waiting_for_the_caller_to_go_ends_when_it_has_gone() -> None:
    await call(piece(b"", more=False), GONE).gone()


async def test_a_reply_bears_its_length_and_ends_the_call() -> None:
    sent: list[Any] = []

    async def answer(_call: Call) -> Reply:
        return Reply("账".encode(), 201, {"content-type": "text/café"})

    async def receive() -> dict[str, Any]:
        return GONE

    async def send(event: Any) -> None:
        sent.append(event)

    await application(answer)({"method": "GET", "path": "/", "headers": []}, receive, send)
    headers = [(b"content-type", b"text/caf\xe9"), (b"content-length", b"3")]
    assert sent == [
        {"type": "http.response.start", "status": 201, "headers": headers},
        {"type": "http.response.body", "body": "账".encode()},
    ]


def test_an_error_is_a_document_with_a_code() -> None:
    reply = Reply.error(404, "not-found", "nothing here")
    assert (reply.status, dict(reply.headers)) == (404, {"content-type": "application/json"})
    assert json.loads(reply.content) == {"error": {"code": "not-found", "message": "nothing here"}}

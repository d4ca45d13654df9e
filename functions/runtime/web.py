"""HTTP as a function sees it: a call that is asked, the reply to it. ASGI is on the far side.

    uvicorn ──ASGI──▶ application ──Call──▶ answer ──Reply──▶ application ──ASGI──▶ uvicorn

This little stands here rather than a framework: of what Starlette and functions-framework can do, a
function with one path needs none, and theirs took a fifth of a call and of a cold start.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from functions.verdict.contract import DOCUMENT_MEDIA_TYPE

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Event, Receive, Send], Awaitable[None]]
"""An ASGI application (asgi.readthedocs.io, HTTP & WebSocket message format, version 2.3)."""

_GONE: Final = "http.disconnect"


class CallerGone(Exception):
    """The caller closed its connection before it had its answer."""


class BodyTooLarge(Exception):
    """The body has more bytes than are taken."""


class Call:
    """One HTTP request. Names of `headers` are in lower case, values the bytes sent as Latin-1."""

    __slots__ = ("_receive", "headers", "method", "path")

    def __init__(self, scope: Event, receive: Receive) -> None:
        self._receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Sequence[tuple[str, str]] = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]

    def values(self, name: str) -> list[str]:
        """The values of all headers of that name, in their order."""
        return [value for each, value in self.headers if each == name]

    def header(self, name: str) -> str:
        """The first value of that name, empty where there is none."""
        for each, value in self.headers:
            if each == name:
                return value
        return ""

    async def body(self, bytes_max: int) -> bytes:
        """The body, once. Raises `BodyTooLarge` and `CallerGone`."""
        chunks: list[bytes] = []
        length = 0
        more = True
        while more:
            event = await self._receive()
            if event["type"] == _GONE:
                raise CallerGone
            chunks.append(event.get("body", b""))
            length += len(chunks[-1])
            if length > bytes_max:
                raise BodyTooLarge
            more = event.get("more_body", False)
        return b"".join(chunks)

    async def gone(self) -> None:
        """Wait until the caller has gone away, whose body has been read."""
        while (await self._receive())["type"] != _GONE:
            pass


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a call. Headers are Latin-1; the length of `content` is added to them."""

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def error(cls, status: int, code: str, message: str) -> "Reply":
        """An error in the one form that all functions have: `{"error": {"code", "message"}}`."""
        body = json.dumps({"error": {"code": code, "message": message}})
        return cls(body.encode(), status, {"content-type": DOCUMENT_MEDIA_TYPE})


Answer = Callable[[Call], Awaitable[Reply]]
"""Answers every request of a function."""


def application(answer: Answer) -> Application:
    """The ASGI application that replies as `answer` says."""

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        reply = await answer(Call(scope, receive))
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in reply.headers.items()
        ]
        headers.append((b"content-length", b"%d" % len(reply.content)))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.content})

    return app

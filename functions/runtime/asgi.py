"""A service as an ASGI application, for functions-framework and other servers.

server ──ASGI──▶ application ──▶ service ──Reply──▶ application ──ASGI──▶ server
                      └─ the caller goes away: what is waited for is cancelled
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final

from functions.runtime.web import Head, Later, Reply, Service

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Event, Receive, Send], Awaitable[None]]
"""An ASGI application (asgi.readthedocs.io, HTTP & WebSocket message format, version 2.3)."""

_GONE: Final = "http.disconnect"


def application(service: Service) -> Application:
    """The ASGI application that replies as `service` does."""

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        fields: dict[bytes, bytes] = {}
        more: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            if name in fields:
                more.setdefault(name, []).append(value)
            else:
                fields[name] = value
        reply = await _reply(service, Head(scope["method"], scope["path"], fields, more), receive)
        if reply is None:
            return
        headers = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in reply.headers]
        headers.append((b"content-length", b"%d" % len(reply.content)))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.content})

    return app


async def _reply(service: Service, head: Head, receive: Receive) -> Reply | None:
    """The service's reply; None where the caller goes away before it is there."""
    begun = service.begin(head)
    if isinstance(begun, Reply):
        return begun
    body = await _body(receive, service.body_bytes_max)
    if body is None:
        return None
    outcome = service.too_large() if len(body) > service.body_bytes_max else begun(body)
    return outcome if isinstance(outcome, Reply) else await _while_wanted(receive, outcome)


async def _body(receive: Receive, bytes_max: int) -> bytes | None:
    """The body, or more of it than `bytes_max`; None where the caller has gone away."""
    body = bytearray()
    more = True
    while more and len(body) <= bytes_max:
        event = await receive()
        if event["type"] == _GONE:
            return None
        body += event.get("body", b"")
        more = event.get("more_body", False)
    return bytes(body)


async def _while_wanted(receive: Receive, work: Later) -> Reply | None:
    """The outcome of `work`, None where the caller goes away, whose body has been read."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for each in (working, watching):
            each.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(working, watching, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != _GONE:
        pass

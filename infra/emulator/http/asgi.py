"""An ASGI application behind an exchange: the control plane's side of the callers' connections.

    Exchange ──scope, receive──▶ application ──send──▶ Exchange

The request's body is read whole. `request.state.exchange` is there for who speaks another protocol
from here on. A caller that goes away cancels the task in which all of this
runs, so that the application is never told of it.
"""

import asyncio
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Scope

from infra.emulator.http.exchange import Exchange, Gate

BODY_BYTES_MAX: Final = 160 * 1024 * 1024
"""A package of 100 MB in Base64, and what stands around it."""


async def serve(app: ASGIApp, exchange: Exchange, request_id: str) -> None:
    """Let `app` answer the exchange; raises TooLargeError for a body beyond all limits."""
    exchange.body.bytes_max = BODY_BYTES_MAX
    body = await exchange.body.read()
    gate = Gate()
    exchange.source = gate
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.get_running_loop().create_future()  # Until the task is cancelled.
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.start(message["status"], list(message.get("headers", ())))
            return
        await gate.passed()
        if piece := message.get("body", b""):
            exchange.write(piece)
        if message.get("more_body"):
            exchange.flush()
        else:
            exchange.end([])

    await app(_scope(exchange, request_id), receive, send)


def _scope(exchange: Exchange, request_id: str) -> Scope:
    client, server = exchange.peers
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.0" if exchange.http10 else "1.1",
        "method": exchange.method.decode("ascii"),
        "scheme": "https" if exchange.secure else "http",
        "path": unquote_to_bytes(exchange.path).decode("utf-8", "replace"),
        "raw_path": exchange.path,
        "query_string": exchange.query,
        "root_path": "",
        "headers": exchange.headers,
        "client": client,
        "server": server,
        "state": {"request_id": request_id, "exchange": exchange},
    }

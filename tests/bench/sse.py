"""A provider that streams: so many events, the first at once, the others at a pace.

python -m tests.bench.sse EVENTS MILLISECONDS      prints {"port": …} when it listens

first_token(port, host) ──▶ seconds until the first event has come, and until the last
"""

import asyncio
import json
import socket
import sys
import time
from typing import Final, cast

import uvloop

_EVENT: Final = b'data: {"choices":[{"index":0,"delta":{"content":"a few words "}}]}\n\n'
_LAST: Final = b"data: [DONE]\n\n"
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_BODY: Final = b'{"stream":true}'
_PATIENCE_SECONDS: Final = 10.0


class _Connection(asyncio.Protocol):
    def __init__(self, events: int, seconds: float) -> None:
        self._events = events
        self._seconds = seconds
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith((_BODY, _BODY + b"\r\n0\r\n\r\n")):
            return
        self._received = b""
        self._write(_HEAD)
        self._tell(self._events)

    def _tell(self, left: int) -> None:
        if left == 0:
            self._write(_chunk(_LAST) + _chunk(b""))
            return
        self._write(_chunk(_EVENT))
        asyncio.get_running_loop().call_later(self._seconds, self._tell, left - 1)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def first_token(port: int, host: str, path: str) -> tuple[float, float]:
    """Seconds from a call to its first event, and to its end."""
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(_BODY)}\r\n\r\n".encode() + _BODY
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS) as connection:
        start = time.perf_counter()
        connection.sendall(request)
        received, first = b"", 0.0
        while not received.endswith(b"0\r\n\r\n"):
            piece = connection.recv(65536)
            assert piece, received
            received += piece
            if not first and b"data:" in received:
                first = time.perf_counter() - start
        assert received.startswith(b"HTTP/1.1 200")
        assert _LAST in received
        return first, time.perf_counter() - start


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _serve(events: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(events, seconds), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))

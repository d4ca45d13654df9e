"""The callers' side of HTTP/1.1.

    Connection ──each request──▶ Exchange ──▶ handler(exchange), a task of its own
         └─ the caller goes away: the task is cancelled

Requests that come before the answer to the last one has ended wait for their turn. A caller that
sends no more may still wait for its answer, or have gone away, which looks the same: it is told to
go on, which means nothing to one that waits and makes the other's system refuse the connection.
"""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, cast

import httptools

from infra.emulator.http import framing
from infra.emulator.http.body import Body, Headers, MalformedError
from infra.emulator.http.exchange import Exchange
from infra.emulator.http.framing import Framing

Handler = Callable[[Exchange], Awaitable[None]]
HEAD_BYTES_MAX: Final = 64 * 1024
"""Of a head, trailers or a chunk's head, read before anything is judged; the platform's own limits
are lower and worded by it."""
_KEEP_ALIVE_SECONDS: Final = 300.0
_LINGER_SECONDS: Final = 2.0
"""For a caller that still sends when its answer is complete."""
_LOOK_SECONDS: Final = 0.1
"""Between two looks whether a caller that sends no more has gone away."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: to be closed at once, which the peer sees as a reset."""


class Connection(asyncio.Protocol):
    """One caller's connection. `every` holds all that are open, this one too while it lasts."""

    def __init__(self, handler: Handler, every: "set[Connection]") -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.transport = cast("asyncio.Transport", None)
        self._loop = cast("asyncio.AbstractEventLoop", None)
        self.secure = False
        self.closing = False
        self.gone = asyncio.Event()
        self._handler, self._every = handler, every
        self._waiting: deque[Exchange] = deque()
        self._reading: Exchange | None = None
        self._current: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_wish = self._half_closed = self._malformed = False
        self._unfinished_bytes = 0
        self._take: Callable[[bytes], None] | None = None
        self._beyond = b""
        self._idle_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._begin()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there."""
        self.transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()  # Asked once: it costs a system call each time.
        self.secure = transport.get_extra_info("sslcontext") is not None
        self._every.add(self)
        self._idle_since = time.monotonic()
        self._watch()

    def connection_lost(self, _error: Exception | None) -> None:
        """The caller has gone; what was done for it ends."""
        self._every.discard(self)
        self.gone.set()
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        if self._reading is not None:
            self._reading.body.fail(ConnectionResetError("the caller has gone away"))
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests."""
        if self._take is not None:
            self._take(data)
            return
        if self._malformed:
            return  # It is only read so that closing does not take the answer away.
        self._unfinished_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._last_wish, self._beyond = True, data[upgrade.args[0] :]
            self.transport.pause_reading()
        except httptools.HttpParserError:
            self._refuse()
        if self._unfinished_bytes > HEAD_BYTES_MAX:
            self._refuse()

    def eof_received(self) -> bool:
        """The caller sends no more; whether it may still wait for an answer.

        TLS knows no half of a connection, and a stream that has begun needs its caller whole.
        """
        current = self._current
        if self.secure or self._take or self._reading or current is None or current.started:
            return False
        self._last_wish = self._half_closed = True
        if not current.http10:
            self.transport.write(framing.GO_ON)
        self._look(current)
        return True

    def pause_writing(self) -> None:
        """The caller is slow."""
        if self._current is not None and self._current.source is not None:
            self._current.source.pause()

    def resume_writing(self) -> None:
        """The caller has caught up."""
        if self._current is not None and self._current.source is not None:
            self._current.source.resume()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()

    def on_url(self, part: bytes) -> None:
        """The target, or a part of it."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        (self._headers if self._in_head else self._trailers).append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head, self._unfinished_bytes = False, 0
        self._reading = Exchange(self, self._target, self._headers)
        if not self.parser.should_keep_alive():
            self._last_wish = True
        if self._current is None:
            self._serve(self._reading)
        else:
            self._waiting.append(self._reading)
            self.transport.pause_reading()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._unfinished_bytes = 0
        if self._reading is not None:
            self._reading.body.feed(data)

    def on_message_complete(self) -> None:
        """A request ends."""
        self._unfinished_bytes = 0
        if self._reading is not None:
            self._reading.body.finish(self._trailers)
            self._reading = None

    # what exchanges and the server ask for

    def write(self, data: bytes) -> None:
        """Write to the caller."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def cut(self, how: Framing) -> None:
        """End the connection in the middle of an answer, so that the caller sees it.

        Where the end of the connection is that of the answer, it is reset.
        """
        self.closing = True
        if how is Framing.CLOSE and (sock := self.transport.get_extra_info("socket")):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.close()

    def hand_over(self, take: Callable[[bytes], None]) -> None:
        """Give all bytes from now on to `take`: they are no HTTP."""
        self._take = take
        if self._beyond:
            take(self._beyond)
        self.transport.resume_reading()

    def closes_after(self, how: Framing) -> bool:
        """Whether the connection is to be closed when this answer has ended."""
        last = self._last_wish and not self._waiting
        self.closing = self.closing or last or how is Framing.CLOSE
        return self.closing

    def shut(self) -> None:
        """Close, at once where nothing is under way, else after it."""
        self.closing = True
        if self._current is None:
            self.transport.close()

    def _begin(self) -> None:
        self._target = b""
        self._headers: Headers = []
        self._trailers: Headers = []
        self._in_head = True

    def _serve(self, exchange: Exchange) -> None:
        self._current = exchange
        self._task = self._loop.create_task(self._handle(exchange))

    async def _handle(self, exchange: Exchange) -> None:
        try:
            await self._handler(exchange)
        finally:
            self._task = None
            self._current = None
            exchange.source = None  # Or the two would wait for the garbage collector together.
            self._idle_since = time.monotonic()
            if not exchange.ended:
                if not self.transport.is_closing():  # Else it is closed after what was written.
                    self.transport.abort()
            elif not exchange.body.complete:
                self._linger(exchange.body)
            elif self.closing or (self._half_closed and not self._waiting):
                self.transport.close()
            elif self._waiting:
                self._serve(self._waiting.popleft())
                if not self.transport.is_closing():
                    self.transport.resume_reading()
            elif self._malformed:
                self._answer_malformed()

    def _look(self, exchange: Exchange) -> None:
        """See whether a caller that sends no more has refused what it was told, while it waits."""
        if self._current is not exchange or exchange.started or self.transport.is_closing():
            return
        sock = self.transport.get_extra_info("socket")
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
            return
        self._loop.call_later(_LOOK_SECONDS, self._look, exchange)

    def _linger(self, body: Body) -> None:
        """Let the caller read its answer: closing on bytes that it sends would take it away."""
        self.closing = True
        body.discard(self.transport.close)
        self._loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _refuse(self) -> None:
        """Answer what is not HTTP when its turn has come, and close.

        That is now, or after what is under way, or it is the answer to what is under way.
        """
        self._malformed = True
        if self._reading is not None:
            self._reading.body.fail(MalformedError())
            self._reading = None
        elif self._current is None:
            self._answer_malformed()

    def _answer_malformed(self) -> None:
        if not self.transport.is_closing():
            body = b'{"Code":"InvalidArgument","Message":"the request is not valid HTTP/1.1"}'
            head = b"content-type: application/json\r\nconnection: close\r\n"
            size = b"content-length: %d\r\n\r\n" % len(body)
            self.transport.write(framing.status_line(400) + head + size + body)
        self.transport.close()

    def _watch(self) -> None:
        """Close a connection that has been idle for long."""
        idle = time.monotonic() - self._idle_since
        if self._current is None and idle >= _KEEP_ALIVE_SECONDS:
            self.transport.close()
            return
        seconds = _KEEP_ALIVE_SECONDS
        left = seconds - idle if idle < seconds else seconds
        self._timer = self._loop.call_later(left, self._watch)

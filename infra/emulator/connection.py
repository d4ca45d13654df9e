"""One HTTP/1.1 connection to an instance, one exchange at a time.

ask ──▶ head sent, body sending ──▶ head read ──▶ piece, piece, … ──▶ ended ──▶ reusable, or closed

ExchangeError
├── BrokenError      the connection was refused, or ended before the answer did
└── NonsenseError    what came is not HTTP
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, cast

import httptools

RawHeaders = list[tuple[bytes, bytes]]

_HEADER_BYTES_MAX: Final = 64 * 1024
"""Read from a function before it is held to the platform's own, lower limit."""
_HELD_BYTES_MAX: Final = 256 * 1024
"""Held of an answer that the caller does not take; then the instance has to wait."""


class ExchangeError(Exception):
    """No whole answer. The message says why, without a byte of it."""


class BrokenError(ExchangeError):
    """The connection was refused, or ended before the answer did."""


class NonsenseError(ExchangeError):
    """What came is not an HTTP/1.1 answer."""


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time. httptools calls the `on_…` methods."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._news = asyncio.Event()
        self._over = False
        self._begin("GET")

    def _begin(self, method: str) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._method = method
        self._sending: asyncio.Future[None] | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._header_bytes = 0
        self._sized = self._keeps = False
        self._head_done = self._complete = False
        self._fault: Exception | None = None
        self.status = 0
        self.headers: RawHeaders = []
        self.silent = True
        """Whether not one byte of an answer has come."""

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow: this one ended well and both sides keep open."""
        sent = self._sending is None or self._sending.done()
        usable = self._keeps and not self._over and self._fault is None
        return usable and sent and self.ended and self._method != "HEAD"

    @property
    def ended(self) -> bool:
        """Whether the answer's last piece has been taken."""
        return self._complete and not self._pieces

    def close(self) -> None:
        """Close at once, whatever is under way."""
        if self._sending is not None:
            self._sending.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def ask(
        self, method: str, target: str, headers: RawHeaders, body: bytes | AsyncIterator[bytes]
    ) -> None:
        """Send the request, and wait for the answer's head, which may come before all is sent."""
        self._begin(method)
        lines = [f"{method} {target} HTTP/1.1".encode("latin-1")]
        lines += [b"%b: %b" % pair for pair in headers]
        sized = any(name == b"content-length" for name, _ in headers)
        if isinstance(body, bytes):
            if body and not sized:
                lines.append(b"content-length: %d" % len(body))
            self._write(b"\r\n".join((*lines, b"", body)))
        else:
            if not sized:
                lines.append(b"transfer-encoding: chunked")
            self._write(b"\r\n".join((*lines, b"", b"")))
            self._sending = asyncio.ensure_future(self._send(body, chunked=not sized))
        while not self._head_done:
            await self._change()

    async def piece(self) -> bytes | None:
        """The next piece of the body; None at its end."""
        while not self._pieces:
            if self._complete:
                return None
            await self._change()
        piece = self._pieces.popleft()
        self._held -= len(piece)
        if self._held < _HELD_BYTES_MAX and self._transport is not None:
            self._transport.resume_reading()
        return piece

    async def _change(self) -> None:
        """Wait until something has happened; raise what has gone wrong."""
        if self._fault is None:
            self._news.clear()
            await self._news.wait()
        if self._fault is not None and not self._pieces:
            raise self._fault

    async def _send(self, body: AsyncIterator[bytes], *, chunked: bool) -> None:
        try:
            async for piece in body:
                if piece:
                    self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    await self._writable.wait()
            if chunked:
                self._write(b"0\r\n\r\n")
        except Exception as error:  # noqa: BLE001 -- the body's own error, told to whoever asked
            self._fail(error)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._over:
            self._transport.write(data)

    def _fail(self, error: Exception) -> None:
        self._fault = self._fault or error
        self._news.set()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports have asyncio's methods without being of its class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self.silent = False
        if self._complete:
            self._fail(NonsenseError("more came than the answer"))
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, NonsenseError):
            self._fail(NonsenseError("what came is not an HTTP/1.1 answer"))
            self.close()
        if self._held >= _HELD_BYTES_MAX and self._transport is not None:
            self._transport.pause_reading()
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange: well, where an answer without length ends so."""
        self._over = True
        self._writable.set()
        if self._head_done and not self._sized and exc is None:
            self._complete = True
        if not self._complete:
            self._fail(BrokenError("the connection ended before the answer did"))
        self._news.set()

    def pause_writing(self) -> None:
        """Let the body's source wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let the body's source go on."""
        self._writable.set()

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Refuse a second answer: nobody has asked for it."""
        if self._complete:
            raise NonsenseError("more came than the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; of a trailer section, nothing is kept: the callers' side knows none."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADER_BYTES_MAX:
            raise NonsenseError("more headers than are read")
        if not self._head_done:
            lowered = name.lower()
            self._sized = self._sized or lowered in (b"content-length", b"transfer-encoding")
            self.headers.append((lowered, value))

    def on_headers_complete(self) -> None:
        """The head is there, if it is not that of an interim answer."""
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers = []
            return
        self._head_done = True
        self._keeps = self._parser.should_keep_alive()
        self._complete = self._method == "HEAD"

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._method != "HEAD":
            self._held += len(body)
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """The end, if it is not that of an interim answer."""
        self._complete = self._head_done

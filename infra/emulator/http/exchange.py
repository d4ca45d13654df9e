"""One request of a caller, and its answer as it is written.

start ──▶ write … ──▶ end       held until `flush` or `end`, then sent as it comes
  └─────────┴──▶ fail           cut, since an answer that has begun cannot become another
"""

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

import httptools

from infra.emulator.http import framing
from infra.emulator.http.body import Body, Headers
from infra.emulator.http.framing import Framing

Address = tuple[str, int]


class Line(Protocol):
    """What an exchange needs of the connection that it came by."""

    transport: asyncio.Transport
    parser: httptools.HttpRequestParser
    secure: bool
    closing: bool

    def write(self, data: bytes) -> None:
        """Write to the caller."""

    def cut(self, how: Framing) -> None:
        """End the connection in the middle of an answer, so that the caller sees it."""

    def hand_over(self, take: Callable[[bytes], None]) -> None:
        """Give all bytes from now on to `take`: they are no HTTP."""

    def closes_after(self, how: Framing) -> bool:
        """Whether the connection is to be closed when this answer has ended."""


class Gate:
    """Closed while the caller is slow, for whoever writes by turns."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def pause(self) -> None:
        """Let nobody through."""
        self._open.clear()

    def resume(self) -> None:
        """Let everybody through."""
        self._open.set()

    async def passed(self) -> None:
        """Wait until it is open."""
        await self._open.wait()


class Slowed(Protocol):
    """What a slow caller slows down."""

    def pause(self) -> None:
        """Give no more for now."""

    def resume(self) -> None:
        """Go on."""


class Exchange:
    """One request, and its answer as it is written. A Sink for the answer's body."""

    __slots__ = (
        *("_framing", "_line", "_out", "body", "cold_start", "ended", "function", "headers"),
        *("http10", "method", "path", "query", "secure", "source", "started", "status", "upgrade"),
    )

    def __init__(self, line: Line, target: bytes, headers: Headers) -> None:
        parser = line.parser
        self.method: bytes = parser.get_method()
        self.path, self.query = _split(target)
        self.headers = headers
        self.http10 = parser.get_http_version() == "1.0"
        self.secure = line.secure
        self.upgrade = parser.should_upgrade()
        length = framing.value_of(headers, b"content-length")
        self.body = Body(line.transport, None if length is None else int(length))
        self.source: Slowed | None = None
        """Where the answer comes from, to be slowed while the caller is slow."""
        self.started = self.ended = False
        self.status = 0
        self.function, self.cold_start = "", False
        """For whoever watches: which function was called, and whether it had to be started."""
        self._line = line
        self._framing = Framing.NOTHING
        self._out: list[bytes] | None = None
        if (framing.value_of(headers, b"expect") or b"").lower() == b"100-continue":
            self.body.wanted = lambda: line.transport.write(framing.GO_ON)

    @property
    def gone(self) -> bool:
        """Whether the caller has gone away."""
        return self._line.transport.is_closing()

    @property
    def peers(self) -> tuple[Address | None, Address | None]:
        """The addresses of the caller and of this side; a pair of sockets has none."""
        return self._address("peername"), self._address("sockname")

    def start(self, status: int, headers: Headers) -> None:
        """Begin the answer. Its length, if it is known, is among the headers.

        It is held until `flush`, so that head and body that are there together go together: a
        system call costs more than all that is done here.
        """
        self.started, self.status = True, status
        how = framing.of_answer(self.method, status, headers, http10=self.http10)
        self._framing = how
        parts = [framing.status_line(status), framing.lines(headers), _date_line()]
        if how is Framing.CHUNKED:
            parts.append(b"transfer-encoding: chunked\r\n")
        if self._line.closes_after(how):
            parts.append(b"connection: close\r\n")
        elif self.http10:
            parts.append(b"connection: keep-alive\r\n")
        parts.append(b"\r\n")
        self._out = parts

    def flush(self) -> None:
        """Send what is held; from now on everything goes at once."""
        if self._out is not None:
            data = b"".join(self._out)
            self._out = None
            self._line.write(data)

    def write(self, data: bytes) -> None:
        """A piece of the answer's body."""
        if self._framing is Framing.CHUNKED:
            data = framing.chunk(data)
        if self._framing is not Framing.NOTHING:
            self._send(data)

    def end(self, trailers: Headers) -> None:
        """End the answer."""
        if self.ended:
            return
        self.ended = True
        if self._framing is Framing.CHUNKED:
            self._send(framing.last_chunk(trailers))
        self.flush()

    def switch(self, headers: Headers, take: Callable[[bytes], None]) -> None:
        """Answer that another protocol begins, whose bytes `take` gets; `send_raw` sends its own.

        It lasts until the handler returns.
        """
        self.started, self.status, self.ended = True, 101, True
        self._line.closing = True
        self._line.write(framing.status_line(101) + framing.lines(headers) + b"\r\n")
        self._line.hand_over(take)

    def send_raw(self, data: bytes) -> None:
        """Bytes of the other protocol."""
        self._line.write(data)

    def fail(self, _error: Exception) -> None:
        """Cut an answer that cannot be completed: the only honest end is a broken one."""
        self.flush()
        self._line.cut(self._framing)

    def _address(self, name: str) -> Address | None:
        found = self._line.transport.get_extra_info(name)
        return found[:2] or None

    def _send(self, data: bytes) -> None:
        if self._out is not None:
            self._out.append(data)
        else:
            self._line.write(data)

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole answer at once. Whoever is still sending is told that nobody will read it."""
        if not self.body.complete:
            self._line.closing = True
        self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        if body:
            self.write(body)
        self.end([])


_date: tuple[int, bytes] = (0, b"")


def _date_line() -> bytes:
    global _date  # noqa: PLW0603 -- a cache of one second
    now = int(time.time())
    if _date[0] != now:
        _date = (now, b"date: %b\r\n" % formatdate(now, usegmt=True).encode())
    return _date[1]


def _split(target: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request's target, in any of its forms."""
    if not target.startswith(b"/"):
        try:
            url = httptools.parse_url(target)
        except httptools.HttpParserInvalidURLError:
            return target, b""
        return url.path or b"/", url.query or b""
    path, _, query = target.partition(b"?")
    return path, query

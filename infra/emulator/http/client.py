"""The instances' side of HTTP/1.1: a connection to an instance, for one request after the other.

    send(head, body) ──▶ answered ──▶ Answer ──its body──▶ done ──▶ reusable, or not

A request is never sent twice: the function may have acted on the first.
"""

import asyncio
import socket
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, cast

import httptools

from infra.emulator.http import framing
from infra.emulator.http.body import HELD_BYTES_MAX, Body, Headers
from infra.emulator.http.framing import Framing, value_of

_HEAD_BYTES_MAX: Final = 64 * 1024
"""Read from a function before it is held to the platform's own, lower limit."""
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


class AnswerError(Exception):
    """What came is not an HTTP answer."""


class LostError(Exception):
    """The connection broke before the answer was complete."""


@dataclass(slots=True)
class Answer:
    """The head of an answer, and its body as it comes."""

    status: int
    headers: Headers
    body: Body


class Connection(asyncio.Protocol):
    """One connection to an instance; one request at a time. A Sink for the request's body."""

    def __init__(self) -> None:
        self.transport = cast("asyncio.Transport", None)
        self.source: Body | None = None
        """The request's body, to be slowed while the instance is slow."""
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()  # Asked once: it costs a system call each time.
        self._answered: asyncio.Future[Answer] = self._loop.create_future()
        self._done: asyncio.Future[None] | None = None
        """Only where somebody waits for it."""
        self._answer: Answer | None = None
        self._error: Exception | None = None
        self._framing = Framing.NOTHING
        self._method = b""
        self._busy = self._sent = self._reusable = False
        self.parser = httptools.HttpResponseParser(self)
        self._reset()

    # what its users ask for

    def send(self, method: bytes, target: bytes, head: bytes, body: Body | bytes) -> None:
        """Send a request. `head` are its header lines, without those that frame the body."""
        self._answered, self._done = self._loop.create_future(), None
        self._answer, self._error, self._method = None, None, method
        self._busy, self._sent, self._reusable = True, False, True
        self._reset()
        start = b"".join((method, b" ", target, b" HTTP/1.1\r\n", head))
        whole = body if isinstance(body, bytes) else body.whole()
        if whole is not None and (isinstance(body, bytes) or not body.trailers):
            size = b"" if _no_length(method, whole) else b"content-length: %d\r\n" % len(whole)
            self.transport.write(b"".join((start, size, b"\r\n", whole)))
            self._sent = True
        elif isinstance(body, Body):
            self._framing = Framing.CHUNKED if body.size is None else Framing.LENGTH
            how = b"transfer-encoding: chunked\r\n\r\n"
            if body.size is not None:
                how = b"content-length: %d\r\n\r\n" % body.size
            self.transport.write(start + how)
            self.source = body
            body.attach(self)

    def answered(self) -> Awaitable[Answer]:
        """The answer, once its head is there; raises AnswerError, LostError or the body's error."""
        return self._answered

    async def done(self) -> None:
        """Return when the answer is complete; raises what it broke with."""
        if self._error is not None:
            raise self._error
        if self._busy:
            self._done = self._loop.create_future()
            await self._done

    @property
    def soon_whole(self) -> bool:
        """Whether nothing but the rest of a small answer is still to come.

        Such an answer can wait until it is whole: until then, the instance's end can be answered.
        """
        if self._answer is None or not self._sent or self._answer.body.complete:
            return False
        size = self._answer.body.size
        return size is not None and size <= HELD_BYTES_MAX

    @property
    def reusable(self) -> bool:
        """Whether it can take another request."""
        return not self._busy and self._reusable and self._sent and not self.transport.is_closing()

    def abort(self) -> None:
        """End it, whatever is under way."""
        self.transport.abort()

    # a Sink for the request's body

    def write(self, data: bytes) -> None:
        """A piece of the request's body."""
        if not self.transport.is_closing():
            chunked = self._framing is Framing.CHUNKED
            self.transport.write(framing.chunk(data) if chunked else data)

    def end(self, trailers: Headers) -> None:
        """The request is complete."""
        self._sent, self.source = True, None
        if self._framing is Framing.CHUNKED and not self.transport.is_closing():
            self.transport.write(framing.last_chunk(trailers))

    def fail(self, error: Exception) -> None:
        """The request cannot be completed."""
        self._break(error)

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The instance has been reached."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The instance closed, or the connection broke."""
        if self._answer is not None and self._until_close and error is None:
            self._complete()
        self._reusable = False
        self._break(LostError("the connection broke before the answer was complete"))

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        self._unfinished_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(AnswerError("the function's answer is not HTTP"))
        if self._unfinished_bytes > _HEAD_BYTES_MAX:
            self._break(AnswerError("the head of the function's answer has no end"))
        if self._busy and not self._acknowledged:
            self._acknowledge()

    def pause_writing(self) -> None:
        """The instance is slow."""
        if self.source is not None:
            self.source.pause()

    def resume_writing(self) -> None:
        """The instance has caught up."""
        if self.source is not None:
            self.source.resume()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """An answer begins; one to nothing is the end of this connection."""
        if not self._busy:
            self.transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        (self._headers if self._in_head else self._trailers).append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete; that of a 1xx is only a word in between."""
        status = self.parser.get_status_code()
        if status < 200 or not self._busy:
            self._headers.clear()
            return
        self._in_head, self._unfinished_bytes = False, 0
        length = value_of(self._headers, b"content-length")
        size = None if length is None else int(length)
        self._answer = Answer(status, self._headers, Body(self.transport, size))
        bodiless = self._method == b"HEAD" or status in (204, 304)
        chunked = value_of(self._headers, b"transfer-encoding") is not None
        self._until_close = not bodiless and size is None and not chunked
        if not self.parser.should_keep_alive():
            self._reusable = False
        if not self._answered.done():
            self._answered.set_result(self._answer)
        if self._method == b"HEAD":
            # The parser cannot know that no body follows, and is of no use for what follows.
            self._reusable = False
            self._complete()

    def on_body(self, data: bytes) -> None:
        """A piece of the answer's body."""
        self._unfinished_bytes = 0
        if self._answer is not None:
            self._answer.body.feed(data)

    def on_message_complete(self) -> None:
        """The answer is complete."""
        if self._answer is not None:
            self._complete()

    def _complete(self) -> None:
        if self._answer is not None and self._busy:
            self._busy = False
            self._answer.body.finish(self._trailers)
            if self._done is not None and not self._done.done():
                self._done.set_result(None)

    def _acknowledge(self) -> None:
        """Say at once that the beginning of an answer has come.

        A server that writes head and body by two system calls, as many do, has its second one held
        back by Nagle's algorithm until then: 40 ms, as Linux goes about it.
        """
        self._acknowledged = True
        if _QUICK_ACK is not None and (sock := self.transport.get_extra_info("socket")):
            sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _break(self, error: Exception) -> None:
        """End what is under way with `error`."""
        if self._busy:
            self._busy, self._reusable, self._error = False, False, error
            for future in (self._answered, self._done):
                if future is not None and not future.done():
                    future.set_exception(error)
                    future.exception()  # Read here: nobody may be waiting for it any more.
        if self._answer is not None:
            self._answer.body.fail(error)
        if not self.transport.is_closing():
            self.transport.abort()

    def _reset(self) -> None:
        self._headers: Headers = []
        self._trailers: Headers = []
        self._in_head, self._unfinished_bytes, self._until_close = True, 0, False
        self._acknowledged = False


def _no_length(method: bytes, body: bytes) -> bool:
    """Whether an empty body goes without saying."""
    return not body and method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE")

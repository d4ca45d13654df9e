"""One connection: a request goes out, its answer comes in, and then perhaps the next.

    ask ──▶ head ──▶ Answer ──read──▶ whole ──close──▶ free for the next request
      └───────┴──────────┴──▶ broken off, cancelled, closed before it was whole: aborted

An answer belongs to the one who asked: whatever comes over a connection for which nobody asked ends
the connection. httptools' parser (llhttp) refuses what could be read in two ways: two lengths, a
length beside a transfer coding, folded lines, bare line ends.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from functions.runtime.outbox import Outbox

_HEAD_BYTES_MAX: Final = 16 * 1024
"""Of a head, and of whatever else comes without a byte of the body: interim answers, trailers."""
_HUNG_UP_SECONDS: Final = 0.5
"""A far side that ends a kept connection sooner after a request than this had hung up before it
came; one that ends it later may have been at work on it."""
_BODILESS: Final = (204, 304)
_SPOKEN: Final = ("1.1", "1.0")


class HttpError(Exception):
    """There is no answer, or not all of it. Says nothing of what was sent or received."""


class BrokenOff(HttpError):
    """The connection ended early, or what came over it was no HTTP."""


class HungUp(BrokenOff):
    """A kept connection that had ended before this request came: it may be sent again."""


class TooLarge(HttpError):
    """The body has more bytes than are taken."""


class Answer:
    """An answer of which the head is there. To be closed, whether its body was read or not."""

    __slots__ = ("_line", "_parts", "_size", "error", "headers", "status", "waiting", "whole")

    def __init__(self, line: "Line") -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.whole = False
        self.error: HttpError | None = None
        self.waiting: asyncio.Future[None] | None = None
        self._line = line
        self._parts: list[bytes] = []
        self._size = 0

    def header(self, name: str) -> str:
        """The first header of that name, which is in lower case; empty where there is none."""
        wanted = name.encode()
        for each, value in self.headers:
            if each.lower() == wanted:
                return value.decode("latin-1")
        return ""

    async def read(self) -> bytes:
        """All of the body; raises `BrokenOff` or `TooLarge`."""
        while not self.whole:
            if self.error is not None:
                raise self.error
            self.waiting = self._line.loop.create_future()
            await self.waiting
        return b"".join(self._parts)

    def close(self) -> None:
        """Be done with it. Its connection is kept where the answer is whole, else it is ended."""
        self._line.leave(self)

    def take(self, data: bytes) -> int:
        """Keep a piece of the body; how many bytes there are now."""
        self._parts.append(data)
        self._size += len(data)
        return self._size


class Line(asyncio.Protocol):
    """The connection. `home` is told when its user is done with it, whether it is free or not."""

    def __init__(self, body_bytes_max: int, home: "Callable[[Line], None]") -> None:
        self.idle_since = 0.0
        self._transport = cast("asyncio.Transport", None)
        self.loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._body_bytes_max = body_bytes_max
        self._home = home
        self._answer: Answer | None = None
        self._used = self._keeps = self._headed = self._until_close = False
        self._quiet_bytes = 0
        """Received since there was anything of a body."""
        self._asked_at: float | None = None
        """Of a request on a kept connection of which no byte of an answer came."""

    @property
    def free(self) -> bool:
        """Whether it can take a request."""
        return self._answer is None and self._keeps and not self._transport.is_closing()

    async def ask(self, request: bytes, outbox: Outbox) -> Answer:
        """The answer to `request`, when its head is there; raises `HttpError`.

        The request leaves together with what else is in the `outbox`. Where this raises, or is
        cancelled, the connection is at its end.
        """
        answer = self._answer = Answer(self)
        self._asked_at = self.loop.time() if self._used else None
        self._used, self._keeps, self._headed, self._until_close = True, False, False, False
        self._quiet_bytes = 0
        try:
            outbox.put(self, request, last=False)
            while not answer.status and answer.error is None:
                answer.waiting = self.loop.create_future()
                await answer.waiting
        except BaseException:
            self.abort()
            raise
        if answer.error is not None and not answer.status:
            self.abort()
            raise answer.error
        return answer

    def send(self, data: bytes, *, last: bool) -> None:  # noqa: ARG002 -- as the outbox has it
        """Write a request, unless it was given up meanwhile."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def leave(self, answer: Answer) -> None:
        """Nobody wants the rest of `answer`."""
        if self._answer is answer:
            self._answer = None
            if not answer.whole or not self._keeps:
                self.abort()
            self._home(self)

    def abort(self) -> None:
        """End it at once."""
        self._answer, self._keeps = None, False
        self._transport.abort()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The far side has been reached."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        answer = self._answer
        if answer is None or answer.whole:
            self._keeps = False  # Nobody asked: what would be taken for the next answer?
            self._transport.abort()
            return
        self._asked_at = None
        self._quiet_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(BrokenOff("what came is no HTTP answer"))
        if self._quiet_bytes > _HEAD_BYTES_MAX:
            self._break(BrokenOff("an answer whose head has no end"))
        if answer.status and not answer.whole:  # Else it has been told.
            _wake(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended: the end of the answer, where it has no other one."""
        answer, self._keeps = self._answer, False
        if answer is None or answer.whole:
            return
        if self._until_close and exc is None:
            self._end(answer)
        elif self._asked_at is not None and self.loop.time() < self._asked_at + _HUNG_UP_SECONDS:
            self._break(HungUp("the connection had ended before the request came"))
        else:
            self._break(BrokenOff("the connection ended before the answer was whole"))

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """An answer begins; a second one answers nothing."""
        if self._answer is None or self._answer.whole:
            self._keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody reads."""
        if self._answer is not None and not self._headed:
            self._answer.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there; that of a 1xx is only a word in between."""
        answer, status = self._answer, self._parser.get_status_code()
        if answer is None or answer.whole:
            return
        if 100 <= status < 200:
            answer.headers.clear()
            return
        if status < 200 or self._parser.get_http_version() not in _SPOKEN:
            self._break(BrokenOff("an answer in no HTTP that is spoken here"))
            return
        answer.status, self._headed, self._quiet_bytes = status, True, 0
        self._keeps = self._parser.should_keep_alive()
        if not self._keeps and status not in _BODILESS:
            self._until_close = not (
                answer.header("content-length") or answer.header("transfer-encoding")
            )

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        answer, self._quiet_bytes = self._answer, 0
        if answer is None or answer.whole:  # A second answer's, for which nobody asked.
            return
        if answer.take(data) > self._body_bytes_max:
            self._break(TooLarge("a body of more bytes than are taken"))

    def on_message_complete(self) -> None:
        """The answer is whole; a 1xx may be as often as it likes."""
        if self._answer is not None and self._headed:
            self._end(self._answer)

    def _end(self, answer: Answer) -> None:
        if answer.error is None:
            answer.whole = True
            _wake(answer)

    def _break(self, error: HttpError) -> None:
        """End what is under way with `error`."""
        answer = self._answer
        if answer is not None and not answer.whole and answer.error is None:
            answer.error = error
            _wake(answer)
        self._keeps = False
        self._transport.abort()


def _wake(answer: Answer) -> None:
    waiting = answer.waiting
    if waiting is not None and not waiting.done():
        waiting.set_result(None)

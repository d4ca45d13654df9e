"""HTTP/1.1 with one caller: requests in their order, whole bodies within bounds, whole replies.

    bytes ──httptools──▶ head ──begin──▶ Answering ──whole body──▶ Reply ──▶ Outbox
               │           └──────────▶ Reply: said at once, and the connection closed unless the
               │                        request is over
               └─ 400, 408, 431: not HTTP, or without end

A reply that is there at once needs no task. While one is waited for, next requests are read and
wait as well. When the caller goes away, what it waits for is cancelled.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Final, NamedTuple, cast

import httptools

from functions.runtime import logs
from functions.runtime.outbox import Outbox
from functions.runtime.web import BROKEN, Answering, Head, Reply, Service
from functions.runtime.wire import GO_ON, path_of, reply_bytes

HEAD_BYTES_MAX: Final = 64 * 1024
"""Of a head, of trailers, or of what frames a piece of a body."""
HEADERS_MAX: Final = 256
KEEP_ALIVE_SECONDS: Final = 300.0
"""Longer than the platform keeps an idle connection to an instance, so that it closes first."""
PATIENCE_SECONDS: Final = 60.0
"""For a request to come whole, and for a reply to be taken."""
_WAITING_MAX: Final = 8
_WAITING_BYTES_MAX: Final = 256 * 1024
"""Requests that came before the reply to an earlier one, and their bodies."""
_LINGER_SECONDS: Final = 2.0
"""For a caller that still sends when it has its last reply: closing at once would take it away."""


class _Request(NamedTuple):
    """A request of which no more is to come, or wanted."""

    outcome: Reply | Answering
    body: bytes
    bodiless: bool
    last: bool


class Connection(asyncio.Protocol):
    """One caller's connection; it stands in `every` as long as it is open."""

    def __init__(
        self,
        service: Service,
        outbox: Outbox,
        every: "set[Connection]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._service, self._outbox, self._every, self._loop = service, outbox, every, loop
        self._transport = cast("asyncio.Transport", None)
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._target = b""
        self._fields: dict[bytes, bytes] = {}
        self._more: dict[bytes, list[bytes]] = {}
        self._pieces: list[bytes] = []
        self._length = self._framing = 0
        self._outcome: Reply | Answering | None = None
        self._begun = self._in_head = self._last = False
        self._waiting: deque[_Request] = deque()
        self._current: _Request | None = None
        self._task: asyncio.Future[Reply] | None = None
        self._unsent = 0
        self._deaf = self._clogged = self._closing = False
        self._since = loop.time()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._every.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """The caller has gone; what was done for it ends."""
        self._every.discard(self)
        self._deaf = True
        self._waiting.clear()
        self._parser = None  # Or the two would wait for the garbage collector together.
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests."""
        if self._deaf or self._parser is None:
            return
        self._framing += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # Refused when its head was complete.
        except httptools.HttpParserError:
            self._end(_refusal(400, "the request is not valid HTTP/1.1"), last=True)
        if self._begun and not self._deaf:
            self._look_at_part()

    def pause_writing(self) -> None:
        """The caller does not take its replies: no more of its requests are read."""
        self._clogged = True
        self._since = self._loop.time()
        self._flow()

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self._clogged = False
        self._go_on()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begun = self._in_head = True
        self._since = self._loop.time()
        self._target, self._fields, self._more, self._outcome = b"", {}, {}, None

    def on_url(self, part: bytes) -> None:
        """The target, or a part of it."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; a trailer says nothing that is listened to."""
        if not self._in_head:
            return
        name = name.lower()
        if name in self._fields:
            self._more.setdefault(name, []).append(value)
        else:
            self._fields[name] = value

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head, self._framing = False, 0
        if self._deaf or self._parser is None:
            return
        refusal = None
        if self._parser.should_upgrade():
            refusal = _refusal(400, "no protocol but HTTP/1.1 is spoken here")
        elif len(self._fields) + sum(map(len, self._more.values())) > HEADERS_MAX:
            refusal = _refusal(431, f"the request has more than {HEADERS_MAX} headers")
        self._outcome = refusal
        self._last = refusal is not None or not self._parser.should_keep_alive()
        if refusal is None:
            method, path = self._parser.get_method().decode("latin-1"), path_of(self._target)
            try:
                head = Head(method, path, self._fields, self._more)
                self._outcome = self._service.begin(head)
            except Exception as error:  # noqa: BLE001 -- nothing of a request gets out
                self._outcome = _broken(error)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._framing = 0
        if self._deaf or isinstance(self._outcome, Reply):
            return
        self._length += len(piece)
        self._pieces.append(piece)
        if self._length > self._service.body_bytes_max:
            self._outcome = self._service.too_large()

    def on_message_complete(self) -> None:
        """A request ends."""
        self._framing = 0
        if not self._deaf and self._outcome is not None:
            self._end(self._outcome, last=self._last)

    # what the server and its outbox ask for

    def send(self, data: bytes, *, last: bool) -> None:
        """Write what stood in the outbox; `last` says that nothing follows."""
        self._unsent -= len(data)
        if self._transport.is_closing():
            return
        self._transport.write(data)
        self._since = self._loop.time()
        if last or (self._closing and self._idle):
            self._close()

    def shut(self) -> None:
        """Close, at once where nothing is under way, else after it."""
        self._closing = True
        if self._idle:
            self._transport.close()

    def abort(self) -> None:
        """Close, whatever is under way."""
        self._transport.abort()

    def look(self, now: float) -> None:
        """Close what has been still for too long, at `now` of the event loop's clock."""
        still = now - self._since
        if self._clogged and still > PATIENCE_SECONDS:
            self._transport.abort()
        elif self._deaf or not self._free:
            return
        elif self._begun and still > PATIENCE_SECONDS:
            self._end(_refusal(408, f"no whole request in {PATIENCE_SECONDS:.0f} s"), last=True)
        elif self._idle and still > KEEP_ALIVE_SECONDS:
            self._transport.close()

    @property
    def _free(self) -> bool:
        """Whether no request is being answered or waits."""
        return self._current is None and not self._waiting

    @property
    def _idle(self) -> bool:
        """Whether nothing at all is under way."""
        return self._free and not self._begun and not self._unsent

    def _look_at_part(self) -> None:
        """Of the request that has begun, more is to come: whether it is still wanted."""
        if isinstance(self._outcome, Reply):
            self._end(self._outcome, last=True)
        elif self._framing > HEAD_BYTES_MAX:
            why = f"more than {HEAD_BYTES_MAX} bytes of a request that are no body"
            self._end(_refusal(431, why), last=True)
        elif not self._in_head and not self._pieces and self._free and self._expects():
            self._put(GO_ON, last=False)

    def _expects(self) -> bool:
        """Whether the caller waits to be told to go on, which it is told once."""
        return self._fields.pop(b"expect", b"").lower() == b"100-continue"

    def _end(self, outcome: Reply | Answering, *, last: bool) -> None:
        """Answer a request, of which no more is read, when its turn has come."""
        bodiless = self._parser is not None and self._parser.get_method() == b"HEAD"
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces, self._length = [], 0
        self._begun, self._outcome, self._deaf = False, None, last
        request = _Request(outcome, body, bodiless, last)
        if self._free and not self._clogged:
            self._answer(request)
        else:
            self._waiting.append(request)
            self._flow()

    def _answer(self, request: _Request) -> None:
        outcome: Reply | Awaitable[Reply]
        if isinstance(request.outcome, Reply):
            outcome = request.outcome
        else:
            try:
                outcome = request.outcome(request.body)
            except Exception as error:  # noqa: BLE001 -- nothing of a request gets out
                outcome = _broken(error)
        if isinstance(outcome, Reply):
            self._reply(outcome, request)
            return
        self._current = request
        self._task = asyncio.ensure_future(outcome, loop=self._loop)
        self._task.add_done_callback(self._answered)

    def _answered(self, task: "asyncio.Future[Reply]") -> None:
        """A reply is there that was waited for."""
        request, self._current, self._task = self._current, None, None
        if task.cancelled() or request is None:
            self._transport.abort()
            return
        error = task.exception()
        self._reply(task.result() if error is None else _broken(error), request)
        self._go_on()

    def _go_on(self) -> None:
        """Answer what waits, as far as the caller takes it."""
        while self._waiting and self._current is None and not self._clogged:
            self._answer(self._waiting.popleft())
        self._flow()

    def _reply(self, reply: Reply, request: _Request) -> None:
        last, bodiless = request.last, request.bodiless
        try:
            data = reply_bytes(reply, last=last or self._closing, bodiless=bodiless)
        except ValueError as error:
            data = reply_bytes(_broken(error), last=last, bodiless=bodiless)
        self._put(data, last=last)

    def _put(self, data: bytes, *, last: bool) -> None:
        self._unsent += len(data)
        self._outbox.put(self, data, last=last)

    def _close(self) -> None:
        """Close once the caller has its reply."""
        self._deaf = True
        self._waiting.clear()
        self._flow()
        self._transport.write_eof()
        self._loop.call_later(_LINGER_SECONDS, self._transport.close)

    def _flow(self) -> None:
        """Read on only where replies are taken, and few requests wait.

        While nothing is read, nobody notices that the caller has gone.
        """
        if self._transport.is_closing():
            return
        waiting_bytes = sum(len(each.body) for each in self._waiting)
        if self._clogged or len(self._waiting) > _WAITING_MAX or waiting_bytes > _WAITING_BYTES_MAX:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


def _broken(error: BaseException) -> Reply:
    logs.event("error", "function failed", type(error).__name__)
    return BROKEN


def _refusal(status: int, why: str) -> Reply:
    logs.event("warning", "request refused", why)
    return Reply.error(status, "http.refused", why)

"""HTTP/1.1 with one caller: its requests are answered in their order.

    bytes ──▶ Incoming ──Request──▶ its turn ──answer──▶ Reply ──▶ Outbox ──▶ bytes

A reply that is there at once needs no task. While one is waited for, next requests are read and
wait as well. When the caller goes away, what it waits for is cancelled.
"""

import asyncio
from collections import deque
from typing import Final, cast

from functions.runtime.incoming import Incoming, Request, broken
from functions.runtime.outbox import Outbox
from functions.runtime.web import Later, Reply, Service
from functions.runtime.wire import GO_ON, reply_bytes

KEEP_ALIVE_SECONDS: Final = 300.0
"""Longer than the platform keeps an idle connection to an instance, so that it closes first."""
PATIENCE_SECONDS: Final = 60.0
"""For a request to come whole, and for a reply to be taken."""
_WAITING_MAX: Final = 8
_WAITING_BYTES_MAX: Final = 256 * 1024
"""Requests that came before the reply to an earlier one, and their bodies."""
_LINGER_SECONDS: Final = 2.0
"""For a caller that still sends when it has its last reply: closing at once would take it away."""


class Connection(asyncio.Protocol):
    """One caller's connection; it stands in `every` as long as it is open."""

    def __init__(
        self,
        service: Service,
        outbox: Outbox,
        every: "set[Connection]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._outbox, self._every, self._loop = outbox, every, loop
        self._transport = cast("asyncio.Transport", None)
        self._incoming = Incoming(service, self._take)
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._task: asyncio.Task[Reply] | None = None
        self._unsent = 0
        self._clogged = self._paused = self._closing = False
        self._since = loop.time()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._every.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """The caller has gone; what was done for it ends."""
        self._every.discard(self)
        self._incoming.close()
        self._waiting.clear()
        if self._task is not None:
            # In its turn: what is cancelled before it began could neither tell nor end anything.
            self._loop.call_soon(self._task.cancel)

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests."""
        incoming = self._incoming
        if not incoming.begun:
            self._since = self._loop.time()
        incoming.feed(data)
        self._encourage()

    def pause_writing(self) -> None:
        """The caller does not take its replies: no more of its requests are read."""
        self._clogged = True
        self._since = self._loop.time()
        self._flow()

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self._clogged = False
        self._go_on()

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
        elif self._free and self._incoming.begun and still > PATIENCE_SECONDS:
            self._incoming.refuse(408, f"no whole request in {PATIENCE_SECONDS:.0f} s")
        elif self._idle and still > KEEP_ALIVE_SECONDS:
            self._transport.close()

    @property
    def _free(self) -> bool:
        """Whether no request is being answered or waits."""
        return self._current is None and not self._waiting

    @property
    def _idle(self) -> bool:
        """Whether nothing at all is under way."""
        return self._free and not self._incoming.begun and not self._unsent

    def _take(self, request: Request) -> None:
        """Answer a request when its turn has come."""
        if self._current is None and not self._waiting and not self._clogged:
            self._answer(request)
        else:
            self._waiting.append(request)
            self._flow()

    def _answer(self, request: Request) -> None:
        outcome: Reply | Later
        if isinstance(request.outcome, Reply):
            outcome = request.outcome
        else:
            try:
                outcome = request.outcome(request.body)
            except Exception as error:  # noqa: BLE001 -- nothing of a request gets out
                outcome = broken(error)
        if isinstance(outcome, Reply):
            self._reply(outcome, request)
            return
        self._current = request
        self._task = self._loop.create_task(outcome)
        self._task.add_done_callback(self._answered)

    def _answered(self, task: "asyncio.Task[Reply]") -> None:
        """A reply is there that was waited for."""
        request, self._current, self._task = self._current, None, None
        if task.cancelled() or request is None:
            self._transport.abort()
            return
        error = task.exception()
        self._reply(task.result() if error is None else broken(error), request)
        self._go_on()

    def _go_on(self) -> None:
        """Answer what waits, as far as the caller takes it."""
        while self._waiting and self._current is None and not self._clogged:
            self._answer(self._waiting.popleft())
        self._encourage()
        if self._paused:
            self._flow()

    def _encourage(self) -> None:
        """Tell a caller that waits for it to go on, when its turn has come."""
        if self._incoming.begun and self._free and self._incoming.expects():
            self._put(GO_ON, last=False)

    def _reply(self, reply: Reply, request: Request) -> None:
        last, bodiless = request.last, request.bodiless
        try:
            data = reply_bytes(reply, last=last or self._closing, bodiless=bodiless)
        except ValueError as error:
            data = reply_bytes(broken(error), last=last, bodiless=bodiless)
        self._put(data, last=last)

    def _put(self, data: bytes, *, last: bool) -> None:
        self._unsent += len(data)
        self._outbox.put(self, data, last=last)

    def _close(self) -> None:
        """Close once the caller has its reply."""
        self._incoming.close()
        self._waiting.clear()
        if self._transport.is_closing():  # It had gone when the reply was written.
            return
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
        many = len(self._waiting) > _WAITING_MAX or waiting_bytes > _WAITING_BYTES_MAX
        self._paused = self._clogged or many
        if self._paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

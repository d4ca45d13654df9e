"""Requests out of the bytes of one caller, each with its bounds.

    bytes ──httptools──▶ head ──begin──▶ Answering ──whole body──▶ Request
               │           └──────────▶ Reply: the rest of the request is not wanted
               └─ 400, 408, 431: not HTTP, or without end

After a request that is the last one, nothing is heard any more.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import httptools

from functions.runtime import logs
from functions.runtime.web import BROKEN, Answering, Head, Reply, Service
from functions.runtime.wire import path_of

HEAD_BYTES_MAX: Final = 64 * 1024
"""Of a head, of trailers, or of what frames a piece of a body."""
HEADERS_MAX: Final = 256


class Request(NamedTuple):
    """A request of which no more is to come, or wanted.

    `bodiless` says that only the head of its reply is asked for, `last` that none follows.
    """

    outcome: Reply | Answering
    body: bytes
    bodiless: bool
    last: bool


class Incoming:
    """What a caller sends. Each request is given to `take`, in their order."""

    def __init__(self, service: Service, take: Callable[[Request], None]) -> None:
        self._service = service
        self._take = take
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._target = b""
        self._fields: dict[bytes, bytes] = {}
        self._more: dict[bytes, list[bytes]] = {}
        self._body: bytes | bytearray = b""
        self._framing = 0
        self._outcome: Reply | Answering | None = None
        self._in_head = self._last = self._deaf = False
        self.begun = False
        """Whether a part of a request is there, and not all of it."""

    def feed(self, data: bytes) -> None:
        """Bytes of one or more requests."""
        if self._deaf or self._parser is None:
            return
        self._framing += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # Refused when its head was complete.
        except httptools.HttpParserError:
            if not self._deaf:  # Else it is about what comes after the last request.
                self.refuse(400, "the request is not valid HTTP/1.1")
        if not self.begun or self._deaf:
            return
        if isinstance(self._outcome, Reply):
            self._end(self._outcome, last=True)
        elif self._framing > HEAD_BYTES_MAX:
            self.refuse(431, f"more than {HEAD_BYTES_MAX} bytes of a request that are no body")

    def expects(self) -> bool:
        """Whether the caller waits to be told to go on; said once."""
        if not self.begun or self._in_head or self._body or self._deaf:
            return False
        return self._fields.pop(b"expect", b"").lower() == b"100-continue"

    def refuse(self, status: int, why: str) -> None:
        """Take what is there of a request for a bad one, and the last."""
        self._end(_refusal(status, why), last=True)

    def close(self) -> None:
        """Hear nothing more."""
        self._deaf = True
        # Or the three would wait for the garbage collector together.
        self._parser, self._take = None, _ignore

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        self.begun = self._in_head = True
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
        elif b"transfer-encoding" in self._fields and not self._only_chunked():
            refusal = _refusal(400, "no transfer coding but chunked is known, and none in HTTP/1.0")
        self._outcome = refusal
        self._last = refusal is not None or not self._parser.should_keep_alive()
        if refusal is None:
            method, path = self._parser.get_method().decode("latin-1"), path_of(self._target)
            try:
                head = Head(method, path, self._fields, self._more)
                self._outcome = self._service.begin(head)
            except Exception as error:  # noqa: BLE001 -- nothing of a request gets out
                self._outcome = broken(error)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._framing = 0
        if self._deaf or isinstance(self._outcome, Reply):
            return
        if not self._body:
            self._body = piece
        else:  # Put together at once: kept apart, small pieces take twenty times their bytes.
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece
        if len(self._body) > self._service.body_bytes_max:
            self._outcome = self._service.too_large()

    def on_message_complete(self) -> None:
        """A request ends."""
        self._framing = 0
        if not self._deaf and self._outcome is not None:
            self._end(self._outcome, last=self._last)

    def _only_chunked(self) -> bool:
        """Whether a proxy cannot have seen another end of the body (RFC 9112, 6.1)."""
        name = b"transfer-encoding"
        chunked = self._fields[name].strip().lower() == b"chunked" and name not in self._more
        return chunked and self._parser is not None and self._parser.get_http_version() != "1.0"

    def _end(self, outcome: Reply | Answering, *, last: bool) -> None:
        bodiless = self._parser is not None and self._parser.get_method() == b"HEAD"
        body, self._body = bytes(self._body), b""
        self.begun, self._outcome, self._deaf = False, None, last
        self._take(Request(outcome, body, bodiless, last))


def _ignore(_request: Request) -> None:
    """Nobody takes it any more."""


def broken(error: BaseException) -> Reply:
    """The reply where a part of the service raised; the log names the kind of error alone."""
    logs.event("error", "function failed", type(error).__name__)
    return BROKEN


def _refusal(status: int, why: str) -> Reply:
    logs.event("warning", "request refused", why)
    return Reply.error(status, "http.refused", why)

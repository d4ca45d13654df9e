"""Heads as bytes, and how a message's end is marked.

length    content-length says how much      a body that is known, or was sent so
chunked   pieces, an empty one last          a body of unknown length; may have trailers
close     until the connection closes        such a body for a caller of HTTP/1.0
nothing   there is no body                   answers to HEAD, 1xx, 204, 304
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from infra.emulator.http.body import Headers

GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES: Final = {
    each.value: b"HTTP/1.1 %d %b\r\n" % (each.value, each.phrase.encode()) for each in HTTPStatus
}
_BODILESS: Final = frozenset({204, 304})


class Framing(StrEnum):
    """How the end of a body is marked."""

    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"
    NOTHING = "nothing"


def value_of(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header, by its lower-case name."""
    for each, value in headers:
        if each == name:
            return value
    return None


def of_answer(method: bytes, status: int, headers: Headers, *, http10: bool) -> Framing:
    """How an answer to such a request is to be framed."""
    if method == b"HEAD" or status in _BODILESS or status < 200:
        return Framing.NOTHING
    if value_of(headers, b"content-length") is not None:
        return Framing.LENGTH
    return Framing.CLOSE if http10 else Framing.CHUNKED


def status_line(status: int) -> bytes:
    """The first line of an answer."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def lines(headers: Headers) -> bytes:
    """Header lines, without the empty one at their end."""
    return b"\r\n".join(map(b": ".join, headers)) + b"\r\n" if headers else b""


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Headers) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % lines(trailers) if trailers else b"0\r\n\r\n"

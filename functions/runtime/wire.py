"""HTTP/1.1 as bytes: the path in a request's target, and a reply."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

import httptools

from functions.runtime.web import Reply

GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUSES: Final = frozenset(map(int, HTTPStatus))


def path_of(target: bytes) -> str:
    """The path of a request's target, which may be a whole URL (RFC 9112, 3.2.2)."""
    if not target.startswith(b"/") and b"://" in target:
        try:
            target = httptools.parse_url(target).path or b"/"
        except httptools.HttpParserInvalidURLError:
            return ""
    return target.partition(b"?")[0].decode("latin-1")


def reply_bytes(reply: Reply, *, last: bool, bodiless: bool) -> bytes:
    """A whole reply; `last` says that none follows, `bodiless` that only its head is asked for.

    Raises `ValueError` for a header with a line end in it.
    """
    opening = _opening(reply.status, int(time.time()), last)
    lines = _lines(tuple(reply.headers))
    content = reply.content
    size = b"content-length: %d\r\n\r\n" % len(content)
    return b"".join((opening, lines, size, b"" if bodiless else content))


@lru_cache(maxsize=16)
def _opening(status: int, second: int, last: bool) -> bytes:
    """The status line and what the server itself tells, in this second of the Unix clock.

    By the date the shim tells the answer of a function from one that Envoy makes.
    """
    phrase = HTTPStatus(status).phrase if status in _STATUSES else ""
    how = "connection: close\r\n" if last else ""
    date = formatdate(second, usegmt=True)
    return f"HTTP/1.1 {status} {phrase}\r\ndate: {date}\r\n{how}".encode()


@lru_cache(maxsize=256)
def _lines(headers: tuple[tuple[str, str], ...]) -> bytes:
    """These headers as lines; most replies have the same ones as one before."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    if any("\n" in line[:-2] or "\r" in line[:-2] for line in lines):
        raise ValueError("a header with a line end in it")
    return "".join(lines).encode("latin-1")

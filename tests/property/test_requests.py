"""Any requests, cut anywhere, are what was sent; any bytes at all break nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httptools
from hypothesis import example, given
from hypothesis import strategies as st

from functions.runtime.connection import Connection
from functions.runtime.outbox import Outbox
from functions.runtime.web import Answering, Head, Reply, Service

BODY_MAX = 300


class Transport(asyncio.Transport):
    """Takes everything, and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = False

    def write(self, data: Any) -> None:
        assert not self.ended, "something is written after the last reply"
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Nothing is held back here."""

    def resume_reading(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """Nothing to close."""


def echo(head: Head) -> Reply | Answering:
    if head.method == "GET":
        return Reply(b"got", 404)
    return Reply


async def _said(pieces: Sequence[bytes]) -> tuple[bytes, bool]:
    """What is replied to these pieces, and whether the connection ends."""
    loop = asyncio.get_running_loop()
    broken: list[object] = []
    loop.set_exception_handler(lambda _loop, context: broken.append(context))
    outbox = Outbox(loop, lambda: None)
    service = Service(echo, BODY_MAX, lambda: Reply(status=413))
    transport, connection = Transport(), Connection(service, outbox, set(), loop)
    connection.connection_made(transport)
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0)
    connection.connection_lost(None)
    assert not broken
    return transport.written, transport.ended


def said(pieces: Sequence[bytes]) -> tuple[bytes, bool]:
    return asyncio.run(_said(pieces))


class Replies:
    """Replies taken apart by the parser for the other side."""

    def __init__(self, data: bytes) -> None:
        self.found: list[tuple[int, bytes]] = []
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        self.found.append((self._parser.get_status_code(), self._body))
        self._body = b""


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def wire(body: bytes | None, chunks: Sequence[int]) -> bytes:
    """A request with this body, in chunks of these sizes where there are any."""
    if body is None:
        return b"GET /x HTTP/1.1\r\nhost: f\r\n\r\n"
    if not chunks:
        return b"POST /x HTTP/1.1\r\nhost: f\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    framed, at = b"", 0
    for size in [*chunks, len(body)]:
        piece = body[at : at + size]
        at += len(piece)
        framed += b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    return b"POST /x HTTP/1.1\r\nhost: f\r\ntransfer-encoding: chunked\r\n\r\n%b0\r\n\r\n" % framed


BODIES = st.none() | st.binary(max_size=BODY_MAX)
CHUNKS = st.lists(st.integers(1, 60), max_size=4)
PLACES = st.lists(st.integers(0, 5000), max_size=8)


@given(st.lists(st.tuples(BODIES, CHUNKS), min_size=1, max_size=5), PLACES)
def test_whatever_is_sent_is_what_is_read(
    requests: list[tuple[bytes | None, list[int]]], places: list[int]
) -> None:
    data = b"".join(wire(*each) for each in requests)
    written, ended = said(cut(data, places))
    expected = [(404, b"got") if body is None else (200, body) for body, _ in requests]
    assert (Replies(written).found, ended) == (expected, False)


@given(
    st.lists(st.tuples(BODIES, CHUNKS), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3), st.binary(max_size=3)), max_size=4),
    PLACES,
)
@example([(b"", [])], [(0, 0, b"\x00")], [])
@example([(b"a", []), (None, [])], [(25, 0, b"\r\nconnection: close")], [])
@example([(b"a", []), (None, [])], [(27, 0, b"\r\nupgrade: x\r\nconnection: upgrade")], [30])
def test_what_is_broken_breaks_nothing(
    requests: list[tuple[bytes | None, list[int]]],
    changes: list[tuple[int, int, bytes]],
    places: list[int],
) -> None:
    data = b"".join(wire(*each) for each in requests)
    for place, gone, put in changes:
        at = place % (len(data) + 1)
        data = data[:at] + put + data[at + gone :]
    written, ended = said(cut(data, places))
    statuses = [status for status, _ in Replies(written).found] if written else []
    assert set(statuses) <= {200, 400, 404, 413, 431}
    # Whatever is refused is the last that is heard of this caller.
    assert all(status in (200, 404) for status in statuses[:-1])
    assert ended or not statuses or statuses[-1] in (200, 404)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_are_answered_once_at_most(pieces: list[bytes]) -> None:
    written, ended = said(pieces)
    assert ended is bool(written)

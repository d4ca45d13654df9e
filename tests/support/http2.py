"""Just enough HTTP/2 in plain text (RFC 9113) to send what HTTP/1.1 cannot: a body with trailers.

    call(port, headers, body, trailers) ──▶ Answer: the status' HPACK byte, and the body

Headers are sent as literals, never compressed; of the answer's only an indexed status is read.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

Pairs = Sequence[tuple[str, str]]

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS = 1, 4
_STATUS_200 = 0x88
"""The whole header `:status: 200` in HPACK's static table (RFC 7541, appendix A)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the status is 200, and the body."""

    is_ok: bool
    body: bytes


def call(port: int, headers: Pairs, body: bytes, trailers: Pairs = ()) -> Answer:
    """Send one request on a connection of its own to loopback, and read its whole answer.

    `headers` begin with the pseudo-headers `:method`, `:scheme`, `:path` and `:authority`.
    """
    parts = [_PREFACE, _frame(_SETTINGS, 0, 0, b"")]
    parts.append(_frame(_HEADERS, _END_HEADERS, 1, _literals(headers)))
    parts.append(_frame(_DATA, 0 if trailers else _END_STREAM, 1, body))
    if trailers:
        parts.append(_frame(_HEADERS, _END_HEADERS | _END_STREAM, 1, _literals(trailers)))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"".join(parts))
        return _answer(connection)


def _answer(connection: socket.socket) -> Answer:
    head, body = b"", b""
    with connection.makefile("rb") as stream:
        while True:
            prefix = stream.read(9)
            assert len(prefix) == 9, "the connection was closed without an answer"
            length, kind, flags = int.from_bytes(prefix[:3]), prefix[3], prefix[4]
            payload = stream.read(length)
            assert kind not in (_RST_STREAM, _GOAWAY), f"refused by a frame of type {kind}"
            head += payload if kind == _HEADERS else b""
            body += payload if kind == _DATA else b""
            if kind in (_HEADERS, _DATA) and flags & _END_STREAM:
                return Answer(head[0] == _STATUS_200, body)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _literals(pairs: Pairs) -> bytes:
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in pairs)


def _string(text: str) -> bytes:
    raw = text.encode()
    assert len(raw) < 127, "longer strings need HPACK's longer integers"
    return bytes([len(raw)]) + raw

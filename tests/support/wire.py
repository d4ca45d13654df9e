"""HTTP/1.1 as bytes, for tests that care about every one of them.

request(...) ──bytes──▶ call(port, ...) ──▶ Message ◀── parse(bytes)
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_RECEIVE_BYTES = 65536
_END_OF_HEAD = b"\r\n\r\n"


class CutError(ConnectionError):
    """An answer began and was visibly not brought to its end."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer; header names are as they came, the body is without its framing."""

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status(self) -> int:
        """The status code, of an answer."""
        return int(self.start_line.split()[1])

    @property
    def target(self) -> str:
        """The path with its query, of a request."""
        return self.start_line.split()[1]

    def values(self, name: str) -> list[str]:
        """Every value of a header, in order; letter case does not matter."""
        return [value for each, value in self.headers if each.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """The only value of a header, or None. Fails where it stands more than once."""
        found = self.values(name)
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None


def request(
    host: str,
    path: str = "/",
    *,
    method: str = "POST",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> bytes:
    """A request as bytes, with `host`, `headers` and the body's length; nothing else is added."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


def chunked(
    host: str, path: str, pieces: Iterable[bytes], headers: Sequence[tuple[str, str]] = ()
) -> list[bytes]:
    """A POST whose body comes in chunks, as the parts to be sent one by one."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Transfer-Encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in headers]
    head = "\r\n".join(lines).encode() + _END_OF_HEAD
    return [head, *(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces), b"0\r\n\r\n"]


def call(port: int, parts: bytes | Iterable[bytes], seconds: float = 10.0) -> Message:
    """Send `parts` over a connection of its own to loopback, and read one whole answer.

    Raises CutError where the answer ends too early.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            for part in [parts] if isinstance(parts, bytes) else parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before everything was sent; the answer says why.
        raw = read_message(connection.recv, is_answer=True)
    assert raw is not None, "the connection was closed without an answer"
    return parse(raw)


def read_message(receive: Callable[[int], bytes], *, is_answer: bool = False) -> bytes | None:
    """The bytes of one whole message, framing included; None where the peer has closed instead.

    An answer without a length lasts until the peer closes.
    """
    raw = _read_head(receive)
    if raw is None:
        return None
    head = parse_head(raw)
    length = head.value("content-length")
    if head.value("transfer-encoding") == "chunked":
        while not raw.endswith(b"0\r\n\r\n"):
            raw += _more(receive, raw)
        return raw
    if length is None and is_answer and head.status not in (204, 304):
        while piece := receive(_RECEIVE_BYTES):
            raw += piece
        return raw
    wanted = raw.index(_END_OF_HEAD) + len(_END_OF_HEAD) + int(length or 0)
    while len(raw) < wanted:
        raw += _more(receive, raw)
    return raw


def parse(raw: bytes) -> Message:
    """One whole message out of its bytes, its body without chunks."""
    head = parse_head(raw)
    body = raw.partition(_END_OF_HEAD)[2]
    if head.value("transfer-encoding") == "chunked":
        body = _joined(body)
    return Message(head.start_line, head.headers, body)


def parse_head(raw: bytes) -> Message:
    """Start line and headers out of a message's bytes; its body is left out."""
    lines = raw.partition(_END_OF_HEAD)[0].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:])
    return Message(lines[0], tuple((name, value.strip()) for name, _, value in pairs), b"")


def _read_head(receive: Callable[[int], bytes]) -> bytes | None:
    raw = b""
    while _END_OF_HEAD not in raw:
        piece = receive(_RECEIVE_BYTES)
        if not piece:
            return None
        raw += piece
    return raw


def _more(receive: Callable[[int], bytes], raw: bytes) -> bytes:
    piece = receive(_RECEIVE_BYTES)
    if not piece:
        raise CutError(f"closed after {len(raw)} bytes, in the middle of a message")
    return piece


def _joined(body: bytes) -> bytes:
    joined = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        count = int(size.partition(b";")[0], 16)
        joined += rest[:count]
        body = rest[count + 2 :]
    return joined

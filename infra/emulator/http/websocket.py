"""WebSocket (RFC 6455), a server's side, as far as a console needs it: no extensions.

    bytes ──Frames.feed──▶ whole messages, unmasked         frame(kind, data) ──▶ bytes

A peer that breaks the protocol, or sends more than is taken, is a ProtocolError with the code that
the closing frame is to bear.
"""

import base64
import hashlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

MESSAGE_BYTES_MAX: Final = 1024 * 1024
NORMAL: Final = 1000
BROKEN: Final = 1002
TOO_LARGE: Final = 1009
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTROL_BYTES_MAX: Final = 125


class Kind(IntEnum):
    """What a frame is, by its number on the wire."""

    MORE = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10

    @property
    def is_control(self) -> bool:
        """Whether it stands by itself, between the parts of a message too."""
        return self >= Kind.CLOSE


class Message(NamedTuple):
    """A message, or a control frame."""

    kind: Kind
    data: bytes


class ProtocolError(Exception):
    """The peer does not speak the protocol; `code` is for the closing frame."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code


def accept_key(key: bytes) -> bytes:
    """The answer to a handshake's `sec-websocket-key`."""
    return base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())


def frame(kind: Kind, data: bytes) -> bytes:
    """One whole message, or a control frame, as a server sends it."""
    size = len(data)
    if size < 126:
        length = bytes([size])
    elif size < 65536:
        length = b"\x7e" + size.to_bytes(2)
    else:
        length = b"\x7f" + size.to_bytes(8)
    return bytes([0x80 | kind]) + length + data


class Frames:
    """What a peer has sent and is not a whole message yet."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: Kind | None = None
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take in bytes; every message that they complete. Raises ProtocolError."""
        self._rest += data
        while (found := _first(self._rest)) is not None:
            self._rest = self._rest[found.end :]
            if found.kind.is_control:
                yield Message(found.kind, found.data)
            elif (message := self._joined(found)) is not None:
                yield message

    def _joined(self, part: "_Frame") -> Message | None:
        """The message that ends with this frame, if one does."""
        if (part.kind is Kind.MORE) != (self._begun is not None):
            raise ProtocolError(BROKEN, "a frame stands where it does not belong")
        self._begun = self._begun or part.kind
        self._parts.append(part.data)
        if sum(map(len, self._parts)) > MESSAGE_BYTES_MAX:
            raise ProtocolError(TOO_LARGE, f"a message exceeds {MESSAGE_BYTES_MAX} bytes")
        if not part.is_last:
            return None
        message = Message(self._begun, b"".join(self._parts))
        self._begun, self._parts = None, []
        return message


class _Frame(NamedTuple):
    """A frame; `end` is where the next one begins."""

    kind: Kind
    is_last: bool
    data: bytes
    end: int


def _first(raw: bytes) -> _Frame | None:
    """The frame that some bytes begin with, if all of it is there."""
    if len(raw) < 2:
        return None
    first, second = raw[0], raw[1]
    if first & 0x70 or first & 0x0F not in set(Kind) or not second & 0x80:
        raise ProtocolError(BROKEN, "a frame is reserved, or not masked")
    kind, is_last, size, start = Kind(first & 0x0F), bool(first & 0x80), second & 0x7F, 2
    if kind.is_control and (size > _CONTROL_BYTES_MAX or not is_last):
        raise ProtocolError(BROKEN, "a control frame is too long, or in parts")
    if size > _CONTROL_BYTES_MAX:
        start += 2 if size == 126 else 8
        if len(raw) < start:
            return None
        size = int.from_bytes(raw[2:start])
    if size > MESSAGE_BYTES_MAX:
        raise ProtocolError(TOO_LARGE, f"a message exceeds {MESSAGE_BYTES_MAX} bytes")
    end = start + 4 + size
    if len(raw) < end:
        return None
    mask = (raw[start : start + 4] * (size // 4 + 1))[:size]
    data = int.from_bytes(mask) ^ int.from_bytes(raw[start + 4 : end])
    return _Frame(kind, is_last, data.to_bytes(size), end)

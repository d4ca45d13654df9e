"""Words of the proxy-wasm 0.2.1 interface, as the tests' host speaks them (wasm_host.py)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final

Headers = list[tuple[str, str]]

OK: Final = 0
NOT_FOUND: Final = 1
BAD_ARGUMENT: Final = 2
INVALID_MEMORY_ACCESS: Final = 6
CAS_MISMATCH: Final = 8
INTERNAL_FAILURE: Final = 10

GO: Final = 0
HOLD: Final = 1
DROP: Final = 3

FROM_PROVIDER: Final = "via_upstream"
"""How Envoy calls an answer of an upstream."""

LEVELS: Final = {2: "info", 3: "warn", 5: "critical"}


@dataclass
class LocalResponse:
    status: int
    headers: Headers
    body: bytes


@dataclass
class Callout:
    token: int
    cluster: str
    headers: Headers
    body: bytes
    timeout_ms: int
    sent_ns: int


@dataclass
class Stream:
    context: int
    plugin: int
    headers: Headers | None
    body: bytes = b""
    trailers: Headers | None = None
    response: LocalResponse | None = None
    continued: bool = False
    reply: "Reply | None" = None
    filter_state: dict[str, str] = field(default_factory=dict)


@dataclass
class Reply:
    """The provider's response on its way: what Envoy holds of it, and what has gone to the caller.

    `origin` is what Envoy calls its source; headers that went on are None.
    """

    headers: Headers | None
    origin: str = FROM_PROVIDER
    held: bytes = b""
    is_held: bool = False
    """Envoy waits for the shim to let it go on."""
    can_be_written: bool = False
    """Envoy has a buffer for its body: inside a body callback, and while it holds a body."""
    has_ended: bool = False
    trailers: Headers | None = None
    sent_headers: Headers | None = None
    sent: bytes = b""
    is_complete: bool = False

    def let_go(self) -> None:
        """What is held goes to the caller."""
        if self.headers is not None:
            self.sent_headers, self.headers = self.headers, None
        self.sent += self.held
        self.held, self.is_held, self.can_be_written = b"", False, False
        self.is_complete = self.has_ended


@dataclass
class SharedData:
    """What all machines of one Envoy share: values with the number that they are compared by."""

    values: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=partial(count, 1))

    def set(self, name: str, value: bytes, cas: int) -> int:
        """Change a value, if it is still the one with this number; 0: whatever it is."""
        if cas and name in self.values and self.values[name][1] != cas:
            return CAS_MISMATCH
        self.values[name] = (value, next(self._numbers))
        return OK


def serialised(pairs: Headers) -> bytes:
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    lengths = b"".join(struct.pack("<II", len(name), len(value)) for name, value in encoded)
    texts = b"".join(name + b"\0" + value + b"\0" for name, value in encoded)
    return struct.pack("<I", len(pairs)) + lengths + texts


def parsed(serialised: bytes) -> Headers:
    (count,) = struct.unpack_from("<I", serialised)
    lengths = struct.unpack_from(f"<{2 * count}I", serialised, 4)
    at = 4 + 8 * count
    texts = []
    for length in lengths:
        texts.append(serialised[at : at + length].decode("latin-1"))
        at += length + 1
    return list(zip(texts[::2], texts[1::2], strict=True))

"""A transport without a socket: what one side writes is handed to the other side's protocol."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

_PIECE_BYTES: Final = 64 * 1024


class MemoryTransport(asyncio.Transport):
    """`write` hands bytes to `take`; `close` and `abort` tell the protocol, and call `gone`.

    The other side calls `receive` with its bytes and `ended` when it has closed. All of it happens
    in the protocol's own event loop.
    """

    def __init__(
        self,
        protocol: asyncio.BaseProtocol,
        take: Callable[[bytes], object],
        gone: Callable[[], object],
    ) -> None:
        super().__init__({"peername": ("127.0.0.1", 0), "sockname": ("127.0.0.1", 0)})
        self._protocol, self._take, self._gone = protocol, take, gone
        self._closed = self._ended = self._paused = self._handing = False
        self._held: deque[bytes] = deque()

    def receive(self, data: bytes) -> None:
        """Bytes of the other side, handed on in pieces, so that a full reader can say so."""
        for start in range(0, len(data), _PIECE_BYTES):
            self._held.append(data[start : start + _PIECE_BYTES])
        self._hand_on()

    def ended(self) -> None:
        """The other side has closed; what it wrote before is read first."""
        self._ended = True
        if not self._held:
            self.close()

    def write(self, data: Any) -> None:  # noqa: ANN401 -- asyncio's own: anything like bytes
        """Bytes for the other side."""
        if not self._closed:
            self._take(bytes(data))

    def close(self) -> None:
        """End it; the protocol is told in the loop's next turn, as with a socket."""
        if not self._closed:
            self._closed = True
            self._gone()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """End it; nothing is buffered here that could be lost."""
        self.close()

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self._closed

    def pause_reading(self) -> None:
        """Hold what comes."""
        self._paused = True

    def resume_reading(self) -> None:
        """Hand on what was held."""
        self._paused = False
        self._hand_on()
        if self._ended and not self._held:
            self.close()

    def _hand_on(self) -> None:
        if self._handing:  # Resumed by the reader while it reads: the loop below goes on.
            return
        self._handing = True
        try:
            while self._held and not self._paused and not self._closed:
                piece = self._held.popleft()
                if isinstance(self._protocol, asyncio.Protocol):
                    self._protocol.data_received(piece)
        finally:
            self._handing = False

    def is_reading(self) -> bool:
        """Whether what comes is handed on."""
        return not self._paused and not self._closed

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand it to another protocol."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Whose it is."""
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Nothing waits here."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits here."""

"""A server protocol whose writes of one turn of the event loop leave in one system call.

    http.response.start ──write──▶┐
    http.response.body  ──write──▶┴─ end of the turn ─▶ one send

uvicorn writes an answer's head and its body apart. Each send wakes the process on the other side,
which on a machine with few cores costs more than all else that is done for a call.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class GatheringProtocol(HttpToolsProtocol):
    """uvicorn's own protocol over a transport that gathers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put the gathering in between."""
        gathering = _Gathering(cast("asyncio.Transport", transport))
        super().connection_made(cast("asyncio.Transport", gathering))


class _Gathering:
    """What uvicorn uses of a transport, with writes held until the turn ends."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] = []
        self._soon = asyncio.get_running_loop().call_soon

    def write(self, data: bytes) -> None:
        """Hold `data` until the turn ends."""
        if not self._held:
            self._soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Close once all has been written."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the transport has
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._held:
            self._transport.write(b"".join(self._held))
            self._held.clear()

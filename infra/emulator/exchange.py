"""HTTP/1.1 to one instance: connections kept, bodies streamed both ways.

    Connections.exchange(method, target, headers, body) ──▶ Answer ── status, headers, pieces

The platform's gateway carries every call, so this is the emulator's hot path: one protocol object
a connection and httptools' parser (decision 0035 says what a general client cost). A caller that
stops reading stops the instance's connection from being read, and the other way round.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from infra.emulator.connection import BrokenError, Connection, RawHeaders
from infra.ports import LOOPBACK

_IDLE_SECONDS_MAX: Final = 4.0
"""A kept connection is not used after this: common servers close theirs after five seconds."""
_SAFE_TO_REPEAT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""RFC 9110, 9.2.2: asked twice they mean the same."""


class Answer:
    """An instance's answer: its head, and its body as it comes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.status = connection.status
        self.headers: RawHeaders = connection.headers

    def header(self, name: bytes) -> str:
        """The first header of that name in lower case, or an empty string."""
        found = (value for key, value in self.headers if key.lower() == name)
        return next(found, b"").decode("latin-1")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, piece by piece; raises `ExchangeError` where it breaks off."""
        while (piece := await self._connection.piece()) is not None:
            yield piece

    @property
    def ended(self) -> bool:
        """Whether there is no piece to come any more."""
        return self._connection.ended

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.pieces()])


class Connections:
    """The connections to one instance's port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[float, Connection]] = []

    @asynccontextmanager
    async def exchange(
        self, method: str, target: str, headers: RawHeaders, body: bytes | AsyncIterator[bytes]
    ) -> AsyncIterator[Answer]:
        """Ask, and give the answer once its head is there. Raises `ExchangeError`.

        What reading the body's pieces raises comes out as it is. `headers` bear no connection
        headers; `content-length` where the body is streamed and its length known.
        """
        connection, kept = await self._connection()
        repeatable = kept and method in _SAFE_TO_REPEAT and isinstance(body, bytes)
        try:
            try:
                await connection.ask(method, target, headers, body)
            except BrokenError:
                # A kept connection may have been closed by its server just now.
                if not (repeatable and connection.silent):
                    raise
                connection = await self._fresh()
                await connection.ask(method, target, headers, body)
            yield Answer(connection)
        finally:
            if connection.reusable:
                self._idle.append((time.monotonic(), connection))
            else:
                connection.close()

    def close(self) -> None:
        """Close the connections that nobody is using."""
        for _, connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _connection(self) -> tuple[Connection, bool]:
        oldest = time.monotonic() - _IDLE_SECONDS_MAX
        while self._idle:
            since, connection = self._idle.pop()
            if since > oldest and connection.reusable:
                return connection, True
            connection.close()
        return await self._fresh(), False

    async def _fresh(self) -> Connection:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, LOOPBACK, self._port
            )
        except OSError as error:
            raise BrokenError(f"no connection: {error.strerror}") from None
        return connection

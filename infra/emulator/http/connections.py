"""Connections to one instance, kept between requests.

    kept() or made() ──▶ Connection ──one request, its answer──▶ release
         ▲                                                          │
         └────────────────── if it can take another ◀───────────────┘

Those that have been idle for long are not used again: servers commonly close theirs after 5 s.
"""

import asyncio
import time
from typing import Final, Self

from infra.emulator.http.client import Answer, Connection

_IDLE_SECONDS_MAX: Final = 4.0
_KEPT_MAX: Final = 256


class Connections:
    """Connections to one address, those that are kept and those in use."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._kept: list[Connection] = []

    def kept(self) -> Connection | None:
        """A connection that is free, if there is one."""
        newest = time.monotonic() - _IDLE_SECONDS_MAX
        while self._kept:
            connection = self._kept.pop()
            if connection.reusable and connection.idle_since > newest:
                return connection
            connection.abort()
        return None

    async def made(self) -> Connection:
        """A new connection; raises OSError where nobody listens."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, self._host, self._port)
        return connection

    def release(self, connection: Connection) -> None:
        """Keep it for another request, where it can take one."""
        if connection.reusable and len(self._kept) < _KEPT_MAX:
            connection.idle_since = time.monotonic()
            self._kept.append(connection)
        else:
            connection.abort()

    async def call(self, method: bytes, target: bytes, head: bytes, body: bytes = b"") -> Answer:
        """Make one small request and wait for the whole answer."""
        connection = self.kept() or await self.made()
        try:
            connection.send(method, target, head, body)
            answer = await connection.answered()
            await answer.body.read()
            await connection.done()
            return answer
        finally:
            self.release(connection)

    def close(self) -> None:
        """Close what is kept."""
        while self._kept:
            self._kept.pop().abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

"""As much of a Redis server as the shared cache speaks to: MGET, SET with EX, and the greeting.

    async with RedisServer() as server:
        RedisCache(server.url)

Written after the protocol's specification (RESP2, redis.io/docs/latest/develop/reference/
protocol-spec). `mute` takes commands and answers none of them.
"""

import asyncio
from types import TracebackType
from typing import Self


class RedisServer:
    """Listens on a port of its own from `async with` to the end of the block."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.expiries: dict[bytes, int] = {}
        self.mute = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        while head := await reader.readline():
            arguments = []
            for _ in range(int(head[1:])):
                size = int((await reader.readline())[1:])
                arguments.append((await reader.readexactly(size + 2))[:-2])
            if not self.mute:
                writer.write(self._answer(arguments))
        writer.close()

    def _answer(self, arguments: list[bytes]) -> bytes:
        match [arguments[0].upper(), *arguments[1:]]:
            case [b"MGET", *keys]:
                return b"*%d\r\n" % len(keys) + b"".join(map(self._bulk, keys))
            case [b"SET", key, value, option, seconds] if option.upper() == b"EX":
                self.values[key] = value
                self.expiries[key] = int(seconds)
                return b"+OK\r\n"
            case [b"CLIENT", *_]:
                return b"+OK\r\n"
            case _:
                return b"-ERR unknown command\r\n"

    def _bulk(self, key: bytes) -> bytes:
        value = self.values.get(key)
        return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)

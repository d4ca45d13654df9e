"""Where requests go: a host of one or several addresses, with TLS or without.

url ──▶ host ──resolve──▶ addresses, of both families in turns
                             └─▶ one after the other, each with a head start ──▶ the first that
                                 stands, TLS included (RFC 8305, "happy eyeballs")
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import Final
from urllib.parse import quote, urlsplit

from functions.llm_guard.http.line import HttpError, Line

_HEAD_START_SECONDS: Final = 0.25
"""What RFC 8305, section 5, recommends."""
_KNOWN_SECONDS: Final = 10.0
"""Addresses are looked up again after that: they are those of gateways, which come and go."""
_PATH: Final = "/%:@!$&'()*+,;=~-._"


class Unreachable(HttpError):
    """There is no connection to be had."""


class Place:
    """The place that `url` names, which holds no user. Raises `ValueError` for what is no place.

    `tls` is how `https` is spoken; the name in the certificate must be that of the host.
    """

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        if not parts.hostname or "@" in parts.netloc or parts.scheme not in ("http", "https"):
            raise ValueError("it must be http:// or https:// and a host, without a user")
        host = parts.hostname
        literal = ":" in host
        self._host = host if literal else host.encode("idna").decode()
        self._port = parts.port or (443 if secure else 80)
        self._tls = tls if secure else None
        self._lock = asyncio.Lock()
        self._known: Sequence[str] = ()
        self._known_until = 0.0
        named = f"[{self._host}]" if literal else self._host
        self.authority = named if parts.port is None else f"{named}:{self._port}"
        path = quote(parts.path, safe=_PATH) or "/"
        self.target = f"{path}?{quote(parts.query, safe=_PATH + '?')}" if parts.query else path

    async def connect(self, line: Callable[[], Line]) -> Line:
        """A line that is connected to it; raises `Unreachable`."""
        try:
            addresses = await self._addresses()
            if len(addresses) == 1:
                return await self._to(addresses[0], line)
            return await self._race(addresses, line)
        except OSError:  # TLS's errors are of this kind as well.
            self._known_until = 0.0
            raise Unreachable("no connection to it") from None

    async def _addresses(self) -> Sequence[str]:
        """Its addresses, the families in turns; looked up once for all who want to know."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            if loop.time() >= self._known_until:
                found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                first = [str(each[4][0]) for each in found if each[0] == found[0][0]]
                others = [str(each[4][0]) for each in found if each[0] != found[0][0]]
                turns = chain.from_iterable(zip_longest(first, others))
                self._known = [*dict.fromkeys(each for each in turns if each)]
                self._known_until = loop.time() + _KNOWN_SECONDS
            return self._known

    async def _to(self, address: str, line: Callable[[], Line]) -> Line:
        name = self._host.rstrip(".") if self._tls else None
        _, connected = await asyncio.get_running_loop().create_connection(
            line, address, self._port, ssl=self._tls, server_hostname=name
        )
        return connected

    async def _race(self, addresses: Sequence[str], line: Callable[[], Line]) -> Line:
        """Connected to the first address that takes it; raises one of the errors."""
        rest, trying = list(addresses), set[asyncio.Task[Line]]()
        begun: list[asyncio.Task[Line]] = []
        won: asyncio.Task[Line] | None = None
        try:
            while won is None:
                if rest:
                    begun.append(asyncio.create_task(self._to(rest.pop(0), line)))
                    trying.add(begun[-1])
                done, trying = await asyncio.wait(
                    trying,
                    timeout=_HEAD_START_SECONDS if rest else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                won = next((task for task in done if task.exception() is None), None)
                if won is None and not trying and not rest:
                    won = done.pop()
        finally:
            await _end([task for task in begun if task is not won], won)
        return won.result()


async def _end(tasks: Sequence[asyncio.Task[Line]], won: asyncio.Task[Line] | None) -> None:
    """End what is under way, and what has come to stand in the meantime.

    Where this is cancelled itself, nobody is there any more who would take what `won`.
    """
    for task in tasks:
        task.cancel()
        task.add_done_callback(_abort)
    try:
        await asyncio.gather(*tasks, return_exceptions=True)
    except asyncio.CancelledError:
        if won is not None:
            _abort(won)
        raise


def _abort(task: asyncio.Task[Line]) -> None:
    """End the line that came of it, if one did."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()

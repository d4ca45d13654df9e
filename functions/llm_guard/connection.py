"""The way to a judge and back, over kept connections.

    post ──▶ Reply (status, headers) ──read──▶ its body, up to so many bytes
      └─ JudgeError: connect, broken-off           └─ JudgeError: too-large, broken-off

`Connection` and `Reply` are the seam: aiohttp's here, others in memory in tests and simulations.
"""

import ssl
from collections.abc import Mapping
from typing import Final, Protocol

import aiohttp
import certifi
from multidict import CIMultiDict
from yarl import URL

from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.settings import JudgeSettings

_KEEP_ALIVE_SECONDS: Final = 4.0
"""Idle connections go before uvicorn's and vLLM's servers close them (5 s), which would fail a
call."""


class Reply(Protocol):
    """A judge's answer, whose body may not have come yet."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    def header(self, name: str) -> str:
        """The header of that name, empty where there is none."""

    async def read(self, bytes_max: int) -> bytes:
        """The body as it came; `JudgeError` where it has more bytes, or breaks off."""

    def close(self) -> None:
        """Be done with it, whether it was read or not."""


class Connection(Protocol):
    """What carries questions to one judge."""

    async def post(self, content: bytes) -> Reply:
        """The reply, to be closed; `JudgeError` where there is none."""

    async def close(self) -> None:
        """Close what is kept open."""


class _Reply:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    async def read(self, bytes_max: int) -> bytes:
        body = bytearray()
        try:
            async for chunk in self._response.content.iter_any():
                body += chunk
                if len(body) > bytes_max:
                    raise JudgeError(Failure.TOO_LARGE, "an answer beyond any verdict's size")
        except aiohttp.ClientError as error:
            raise JudgeError(Failure.BROKEN_OFF, type(error).__name__) from None
        return bytes(body)

    def close(self) -> None:
        self._response.release()


class HttpConnection:
    """HTTP/1.1 with kept connections, TLS verified, a client certificate where there is one.

    No proxies and no .netrc from the environment: what is judged goes to the judge alone. No
    cookies, which would tie one caller's question to another's; no redirects, no decompression.
    """

    def __init__(self, settings: JudgeSettings, connections_max: int) -> None:
        self._url = URL(f"{settings.url}/chat/completions")
        self._headers = CIMultiDict(_headers(settings))
        self._connections_max = connections_max
        self._context = _context(settings)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, content: bytes) -> Reply:
        """The reply, to be closed."""
        session = self._session or self._open()
        try:
            response = await session.post(
                self._url, data=content, headers=self._headers, allow_redirects=False
            )
        except aiohttp.ClientConnectorError:
            raise JudgeError(Failure.CONNECT, "no connection to it") from None
        except aiohttp.ClientError as error:
            raise JudgeError(Failure.BROKEN_OFF, type(error).__name__) from None
        return _Reply(response)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        """Only a running event loop can have a session."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections_max,
                keepalive_timeout=_KEEP_ALIVE_SECONDS,
                ssl=self._context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # The deadline's part.
            auto_decompress=False,
            trust_env=False,
        )
        return self._session


def _headers(settings: JudgeSettings) -> Mapping[str, str]:
    headers = CIMultiDict(
        {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "meshward-llm-guard",
        }
    )
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    headers.update(settings.headers)
    return headers


def _context(settings: JudgeSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file or certifi.where())
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context

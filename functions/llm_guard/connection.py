"""The way to a judge and back, over kept connections.

    post ──▶ Reply (status, headers) ──read──▶ its body, up to so many bytes
      └─ Unreachable, BrokenOff                  └─ TooLarge, BrokenOff

`Connection` and `Reply` are the seam: HTTP's here, others in memory in tests and simulations.
"""

import ssl
from typing import Final, Protocol

import certifi

from functions.llm_guard.http import Client, Place
from functions.llm_guard.settings import JudgeSettings

_ANSWER_BYTES_MAX: Final = 256 * 1024
"""Far beyond any verdict's size."""
_HEADERS: Final = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
    ("user-agent", "meshward-llm-guard"),
)


class Reply(Protocol):
    """A judge's answer, whose body may not have come yet."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    def header(self, name: str) -> str:
        """The header of that name, in lower case, empty where there is none."""

    async def read(self) -> bytes:
        """The body as it came; `HttpError` where it is too large, or breaks off."""

    def close(self) -> None:
        """Be done with it, whether it was read or not."""


class Connection(Protocol):
    """What carries questions to one judge."""

    async def post(self, *content: bytes) -> Reply:
        """The reply to a body in parts, to be closed; `HttpError` where there is none."""

    async def close(self) -> None:
        """Close what is kept open."""


def connection_to(settings: JudgeSettings, connections_max: int) -> Client:
    """HTTP/1.1 with kept connections, TLS verified, a client certificate where there is one.

    No proxies and no .netrc from the environment: what is judged goes to the judge alone. No
    cookies, which would tie one caller's question to another's; no redirects, no decompression.
    """
    place = Place(f"{settings.url}/chat/completions", _tls(settings))
    headers = [*_HEADERS]
    if settings.api_key:
        headers.append(("authorization", f"Bearer {settings.api_key}"))
    headers += settings.headers
    return Client(place, headers, connections_max, _ANSWER_BYTES_MAX)


def _tls(settings: JudgeSettings) -> ssl.SSLContext | None:
    """How TLS is spoken. None where it is not: loading the certificates takes 15 ms of a start."""
    if not settings.url.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=settings.ca_file or certifi.where())
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context

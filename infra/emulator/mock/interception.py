"""Takes the SDKs' requests to Function Compute on their way out, and no others.

    requests    HTTPAdapter.send                    fc2, and the FC 3.0 SDK's methods
    aiohttp     TCPConnector._create_connection     the FC 3.0 SDK's async methods
    websocket   connect                             fc2's instance_exec

The SDKs have no seam for a transport of one's own, so the two libraries' are replaced for as long
as the block lasts; whoever was there before comes back at its end.
"""

import io
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import urlsplit

import aiohttp
import requests
import urllib3
import websocket
from aiohttp.client_proto import ResponseHandler

from infra.emulator.mock.running import RunningEmulator
from infra.emulator.objects import BUCKET

_HOSTS: Final = re.compile(
    r"fcv3(-vpc)?\.[a-z0-9-]+\.aliyuncs\.com"  # FC 3.0
    r"|[0-9]+\.[a-z0-9-]+(-internal)?\.fc\.aliyuncs\.com"  # 2016-08-15, and invocations
    r"|[a-z0-9-]+\.[a-z0-9-]+\.fcapp\.run"  # triggers
    rf"|{BUCKET}\.oss-[a-z0-9-]+\.aliyuncs\.com"  # uploads of packages
)


def is_ours(host: str, running: RunningEmulator) -> bool:
    """Whether a host name, without its port, is Function Compute's, or a custom domain there."""
    return _HOSTS.fullmatch(host.lower()) is not None or running.serves(host.lower())


@contextmanager
def intercepted(running: RunningEmulator) -> Iterator[None]:
    """Send requests to Function Compute to `running`, within the block."""
    send = requests.adapters.HTTPAdapter.send
    joins: list[socket.socket] = []  # The client leaves some of them open.
    join = websocket._core.connect  # type: ignore[attr-defined]  # noqa: SLF001
    connect = aiohttp.TCPConnector._create_connection  # noqa: SLF001 -- aiohttp has no other seam

    def sent(
        adapter: requests.adapters.HTTPAdapter,
        request: requests.PreparedRequest,
        *arguments: Any,  # noqa: ANN401 -- handed on as they came
        **options: Any,  # noqa: ANN401
    ) -> requests.Response:
        if not is_ours(urlsplit(request.url or "").hostname or "", running):
            return send(adapter, request, *arguments, **options)
        answer = _parsed(running.talk(_raw(request)), request)
        return adapter.build_response(request, answer)

    async def connected(
        connector: aiohttp.TCPConnector,
        request: Any,  # noqa: ANN401 -- aiohttp's own
        *arguments: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> ResponseHandler:
        if not is_ours(request.url.host or "", running):
            return await connect(connector, request, *arguments, **options)
        protocol: ResponseHandler = connector._factory()  # noqa: SLF001
        running.connect(protocol, connector._loop)  # noqa: SLF001
        return protocol

    def joined(url: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- likewise
        parts = urlsplit(url)
        if not is_ours(parts.hostname or "", running):
            return join(url, *arguments, **options)
        resource = parts.path + (f"?{parts.query}" if parts.query else "")
        joins.append(_Plain(fileno=running.accept().detach()))
        return joins[-1], (parts.hostname, parts.port or 80, resource)

    with (
        patch.object(websocket._core, "connect", joined),  # noqa: SLF001 -- it has no other seam
        patch.object(requests.adapters.HTTPAdapter, "send", sent),
        patch.object(aiohttp.TCPConnector, "_create_connection", connected),
    ):
        try:
            yield
        finally:
            for each in joins:
                each.close()


def _raw(request: requests.PreparedRequest) -> bytes:
    """The bytes that would have gone to the network."""
    parts = urlsplit(request.url or "")
    headers = {name.lower(): text for name, text in request.headers.items()}
    body = _whole(request.body)
    headers.pop("transfer-encoding", None)
    headers |= {"content-length": str(len(body)), "connection": "close"}
    headers.setdefault("host", parts.netloc)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    told = "".join(f"{name}: {_text(value)}\r\n" for name, value in headers.items())
    return f"{request.method} {target} HTTP/1.1\r\n{told}\r\n".encode("latin-1") + body


def _whole(body: Any) -> bytes:  # noqa: ANN401 -- all that requests takes
    if isinstance(body, str):
        return body.encode()
    if body is None or isinstance(body, bytes):
        return body or b""
    return _whole(body.read()) if hasattr(body, "read") else b"".join(body)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class _Plain(socket.socket):
    """A socket where one with TLS is expected: the client asks for what is decrypted already."""

    def pending(self) -> int:
        """Nothing ever is."""
        return 0


class _Socket:
    """As much of a socket as http.client reads an answer from."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, *_arguments: object, **_options: object) -> io.BytesIO:
        return io.BytesIO(self._raw)


def _parsed(raw: bytes, request: requests.PreparedRequest) -> urllib3.HTTPResponse:
    """The answer, as requests wants it."""
    if not raw:
        raise requests.ConnectionError("the connection was closed without an answer")
    answer = HTTPResponse(_Socket(raw), method=request.method)  # type: ignore[arg-type]
    answer.begin()
    return urllib3.HTTPResponse(
        body=answer,
        headers=urllib3.HTTPHeaderDict(answer.getheaders()),
        status=answer.status,
        version=answer.version,
        reason=answer.reason,
        preload_content=False,
        request_method=request.method,
    )

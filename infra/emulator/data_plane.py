"""Requests to instances: by a trigger's host, or by the API's invocation.

    method, path, query, headers, body ──▶ instance ──▶ status, headers, body   (both streamed)

Passed through untouched but for what HTTP and the platform own: connection headers, and the x-fc-*
names, which callers and functions may not set. A caller that goes away ends the call inside too.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import aiohttp
from multidict import CIMultiDict
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from yarl import URL

from infra.emulator.errors import FcError
from infra.emulator.instances import LOOPBACK, Instance, Pool
from infra.emulator.model import Configuration, Function

_HOP_BY_HOP: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "transfer-encoding", "upgrade"),
    }
)
_OWN: Final = frozenset({"date", "server"})
"""Set by the platform itself on every answer."""
_HEADER_BYTES_MAX: Final = 8 * 1024
_BODY_BYTES_MAX: Final = 32 * 1024 * 1024
_LOG_TAIL_BYTES: Final = 4 * 1024

Send = Callable[[Instance], Awaitable[aiohttp.ClientResponse]]


async def by_trigger(
    request: Request,
    request_id: str,
    function: Function,
    pool: Pool,
    session: aiohttp.ClientSession,
    admitted: Sequence[tuple[str, str]],
) -> Response:
    """Pass an HTTP-trigger request on to an instance."""
    headers = _passed(request.headers.raw)
    if sum(len(name) + len(value) for name, value in request.headers.raw) > _HEADER_BYTES_MAX:
        raise FcError(400, "InvalidArgument", f"request headers exceed {_HEADER_BYTES_MAX} bytes")
    for name, value in admitted:
        headers[name] = value
    headers.extend(_platform(request_id, function.configuration, "/http-invoke"))
    raw_path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    target = f"{raw_path}?{query}" if query else raw_path
    length = request.headers.get("content-length")
    has_body = length not in (None, "0") or "transfer-encoding" in request.headers
    if length is not None and length.isdigit() and int(length) > _BODY_BYTES_MAX:
        raise FcError(413, "EntityTooLarge", f"the body exceeds {_BODY_BYTES_MAX} bytes")

    async def send(instance: Instance) -> aiohttp.ClientResponse:
        return await session.request(
            request.method,
            URL(f"http://{LOOPBACK}:{instance.port}{target}", encoded=True),
            headers=headers,
            data=request.stream() if has_body else None,
            allow_redirects=False,
        )

    return await _call(function, pool, send, request_id)


async def by_api(
    request: Request,
    request_id: str,
    function: Function,
    pool: Pool,
    session: aiohttp.ClientSession,
) -> Response:
    """Invoke a function with the payload of an InvokeFunction request: POST /invoke inside."""
    payload = await request.body()
    headers = CIMultiDict({"content-type": "application/octet-stream"})
    headers.extend(_platform(request_id, function.configuration, "/invoke"))

    async def send(instance: Instance) -> aiohttp.ClientResponse:
        url = f"http://{LOOPBACK}:{instance.port}/invoke"
        return await session.post(url, headers=headers, data=payload)

    response = await _call(function, pool, send, request_id)
    if request.headers.get("x-fc-log-type") == "Tail":
        tail = "\n".join(pool.log).encode()[-_LOG_TAIL_BYTES:]
        response.headers["x-fc-log-result"] = base64.b64encode(tail).decode()
    return response


async def _call(function: Function, pool: Pool, send: Send, request_id: str) -> Response:
    """One call: an instance is held until the last byte of its answer has gone out."""
    instance = await pool.acquire()
    seconds = function.configuration.timeout_seconds
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        async with asyncio.timeout_at(deadline):
            answer = await send(instance)
    except TimeoutError:
        pool.release(instance)
        message = f"Function time out after {seconds} s"
        raise FcError(504, "FunctionTimeout", message) from None
    except (aiohttp.ClientError, ConnectionError):
        pool.discard(instance)
        return _crashed(request_id)
    except BaseException:
        pool.release(instance)
        raise
    response = StreamingResponse(_answered(answer, instance, pool, deadline), answer.status)
    response.raw_headers = [
        (name.lower(), value)
        for name, value in answer.raw_headers
        if _may_pass(name.lower().decode("latin-1")) and name.lower().decode("latin-1") not in _OWN
    ]
    return response


async def _answered(
    answer: aiohttp.ClientResponse, instance: Instance, pool: Pool, deadline: float
) -> AsyncIterator[bytes]:
    """The answer's body as it comes; a cut one is cut for the caller too."""
    try:
        async with asyncio.timeout_at(deadline):
            async for chunk in answer.content.iter_any():
                yield chunk
    finally:
        answer.close()  # Gives a finished connection back, and ends an unfinished one.
        pool.release(instance)


def _crashed(request_id: str) -> Response:
    message = "Process exited unexpectedly before completing request"
    body = {"requestId": request_id, "errorMessage": message, "errorType": "FunctionCrashed"}
    headers = {"x-fc-error-type": "UnhandledInvocationError"}
    return Response(json.dumps(body), 502, headers=headers, media_type="application/json")


def _passed(raw: Iterable[tuple[bytes, bytes]]) -> "CIMultiDict[str]":
    headers: CIMultiDict[str] = CIMultiDict()
    for raw_name, value in raw:
        name = raw_name.decode("latin-1").lower()
        if _may_pass(name):
            headers.add(name, value.decode("latin-1"))
    return headers


def _may_pass(name: str) -> bool:
    return name not in _HOP_BY_HOP and not name.startswith("x-fc-")


def _platform(request_id: str, configuration: Configuration, path: str) -> dict[str, Any]:
    """The headers that the platform gives to an instance; the credentials are good for nothing."""
    return {
        "x-fc-request-id": request_id,
        "x-fc-control-path": path,
        "x-fc-function-name": configuration.name,
        "x-fc-function-handler": configuration.handler,
        "x-fc-function-memory": str(configuration.memory_mb),
        "x-fc-access-key-id": "STS.emulator",
        "x-fc-access-key-secret": "emulator",
        "x-fc-security-token": "emulator",
        "x-fc-qualifier": "LATEST",
        "x-fc-version-id": "",
    }

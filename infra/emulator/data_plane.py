"""Requests to instances: by a trigger's host, or by the API's invocation.

    caller ──method, path, query, headers, body──▶ instance ──status, headers, body──▶ caller

Both ways streamed and, but for what HTTP and the platform own, untouched. A caller that goes away
ends the call inside; an instance that breaks is answered for, or the answer is cut where it broke.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import aiohttp
from multidict import CIMultiDict
from starlette.types import Receive, Scope, Send
from yarl import URL

from infra.emulator import headers
from infra.emulator.errors import FcError, invalid, not_emulated
from infra.emulator.instances import Instance
from infra.emulator.model import Function
from infra.emulator.pools import Pool

HEADER_BYTES_MAX: Final = 8 * 1024
TARGET_BYTES_MAX: Final = 4 * 1024
BODY_BYTES_MAX: Final = 32 * 1024 * 1024
"""HTTP triggers, "Limits", help.aliyun.com/zh/functioncompute, 2026-04."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be asked of an instance. `session` keeps the connections to all of them."""

    request_id: str
    method: str
    target: str
    headers: "CIMultiDict[str]"
    function: Function
    pool: Pool
    session: aiohttp.ClientSession
    payload: bytes = b""
    """The body where it is known already; a trigger's is carried as it comes."""


class FunctionError(Exception):
    """The function broke: its process ended, or it took too long. Worded for the caller."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind

    def document(self, request_id: str) -> dict[str, str]:
        """The body that tells of it, as the platform words it."""
        return {"requestId": request_id, "errorType": self.kind, "errorMessage": str(self)}


class CallerGoneError(Exception):
    """The caller went away before the end; nobody is left to be told."""


class Caller:
    """The caller's side: its body, once, and the moment it goes away."""

    def __init__(self, receive: Receive, *, taken: bool = False) -> None:
        self._receive = receive
        self._taken = asyncio.Event()
        if taken:
            self._taken.set()
        self._size = 0
        self.fault: Exception | None = None
        """Why its body did not come to its end."""

    async def body(self) -> bytes | AsyncIterator[bytes]:
        """The body: whole where it has come with the head, else piece by piece."""
        first, more = await self._piece()
        return self._pieces(first) if more else first

    async def until_gone(self) -> None:
        """Return when the caller has gone away. Its body comes first: both are one stream."""
        await self._taken.wait()
        while (await self._receive())["type"] != "http.disconnect":
            continue

    async def _pieces(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        more = True
        while more:
            piece, more = await self._piece()
            yield piece

    async def _piece(self) -> tuple[bytes, bool]:
        message = await self._receive()
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        if message["type"] == "http.disconnect":
            self.fault = CallerGoneError()
        elif self._size > BODY_BYTES_MAX:
            self.fault = _too_large()
        more = bool(message.get("more_body"))
        if not more or self.fault is not None:
            self._taken.set()
        if self.fault is not None:
            raise self.fault
        return piece, more


def check_request(scope: Scope) -> None:
    """Hold a trigger's request to the platform's limits, before anything is started for it."""
    if headers.size(scope["headers"]) > HEADER_BYTES_MAX:
        raise invalid("headers", f"exceed {HEADER_BYTES_MAX} bytes in all")
    if len(scope["raw_path"]) + len(scope["query_string"]) > TARGET_BYTES_MAX:
        raise invalid("path", f"exceeds {TARGET_BYTES_MAX} bytes together with its query")
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > BODY_BYTES_MAX:
            raise _too_large()
        if name == b"x-fc-invocation-type" and value.lower() != b"sync":
            raise not_emulated("an asynchronous HTTP-trigger request")


async def forward(call: Call, receive: Receive, send: Send) -> None:
    """Carry a trigger's request to an instance, and the answer back as it comes.

    Raises FcError or FunctionError; where the answer has begun by then, it has to be cut.
    `CallerGoneError` says that there is nobody to answer.
    """
    caller = Caller(receive)
    await _while_there(caller.until_gone(), _forward(call, caller, send))


async def _forward(call: Call, caller: Caller, send: Send) -> None:
    body = await caller.body()
    async with _answered(call, body, caller) as (answer, _):
        raw = headers.for_caller(answer.raw_headers)
        if headers.size(raw) > HEADER_BYTES_MAX:
            what = f"the function's answer has more than {HEADER_BYTES_MAX} bytes of headers"
            raise FcError(502, "BadResponse", what)
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        async for piece in answer.content.iter_any():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@dataclass(frozen=True, slots=True)
class Invoked:
    """What InvokeFunction came to. `failed` where the function, not the platform, did."""

    body: bytes
    content_type: str
    instance_id: str
    failed: bool


async def invoke(call: Call, receive: Receive) -> Invoked:
    """Carry an InvokeFunction request to an instance, and read the whole answer.

    A function that breaks is an answer here, since the platform answers 200 and says so aside.
    """
    if len(call.payload) > BODY_BYTES_MAX:
        raise _too_large()
    caller = Caller(receive, taken=True)
    return await _while_there(caller.until_gone(), _invoke(call, caller))


async def _invoke(call: Call, caller: Caller) -> Invoked:
    try:
        async with _answered(call, call.payload, caller) as (answer, instance):
            body = await answer.read()
            # "x-fc-status: 404" is how a custom runtime says that its function failed.
            failed = answer.status >= 400 or answer.headers.get("x-fc-status") == "404"
            return Invoked(body, answer.headers.get("content-type", ""), instance.id, failed)
    except FunctionError as error:
        document = json.dumps(error.document(call.request_id)).encode()
        return Invoked(document, "application/json", "", failed=True)


@asynccontextmanager
async def _answered(
    call: Call, body: bytes | AsyncIterator[bytes], caller: Caller
) -> AsyncIterator[tuple[aiohttp.ClientResponse, Instance]]:
    """An instance's answer; the instance is held until the answer has been read.

    The function's time limit runs from when the instance is there: a cold start has its own.
    """
    pool = call.pool
    instance = await pool.acquire()
    pool.log.append(f"FC Invoke Start RequestId: {call.request_id}")
    seconds = call.function.configuration.timeout_seconds
    broken = False
    try:
        url = URL(instance.url + call.target, encoded=True)
        async with (
            asyncio.timeout(seconds),
            call.session.request(
                call.method, url, headers=call.headers, data=body or None, allow_redirects=False
            ) as answer,
        ):
            yield answer, instance
    except TimeoutError:
        what = f"Function timed out after {seconds} seconds"
        raise FunctionError(504, "FunctionTimeout", what) from None
    except aiohttp.ClientResponseError:
        raise FcError(502, "BadResponse", "the function's answer is not HTTP") from None
    except (aiohttp.ClientError, OSError):
        if caller.fault is not None:
            raise caller.fault from None
        broken = True
        what = "Process exited unexpectedly before completing request"
        raise FunctionError(502, "FunctionCrashed", what) from None
    finally:
        pool.release(instance, broken=broken)
        pool.log.append(f"FC Invoke End RequestId: {call.request_id}")


_Result = TypeVar("_Result")


async def _while_there(gone: Awaitable[None], work: Coroutine[None, None, _Result]) -> _Result:
    """Do `work` for as long as nobody is `gone`; else end it and raise CallerGoneError."""
    doing, watching = asyncio.ensure_future(work), asyncio.ensure_future(gone)
    try:
        await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})
    if doing.cancelled():
        raise CallerGoneError
    return doing.result()


def trigger_call(
    scope: Scope,
    request_id: str,
    admitted: Sequence[tuple[str, str]],
    function: Function,
    pool: Pool,
    session: aiohttp.ClientSession,
) -> Call:
    """A trigger's request as a call; `admitted` are headers that the admission adds."""
    passed = headers.for_function(scope["headers"])
    for name, value in admitted:
        passed[name] = value
    passed.update(pool.platform_headers(request_id, "/http-invoke"))
    target = scope["raw_path"].decode("latin-1")
    if query := scope["query_string"].decode("latin-1"):
        target = f"{target}?{query}"
    return Call(request_id, scope["method"], target, passed, function, pool, session)


def invoke_call(
    request_id: str,
    function: Function,
    pool: Pool,
    payload: bytes,
    session: aiohttp.ClientSession,
) -> Call:
    """An InvokeFunction request as a call: POST /invoke inside."""
    passed = CIMultiDict({"content-type": "application/octet-stream"})
    passed.update(pool.platform_headers(request_id, "/invoke"))
    return Call(request_id, "POST", "/invoke", passed, function, pool, session, payload)


def _too_large() -> FcError:
    return FcError(413, "EntityTooLarge", f"the body exceeds {BODY_BYTES_MAX} bytes")

"""Requests to instances: by a trigger's host, or by the API's invocation.

    caller ──method, path, query, headers, body──▶ instance ──status, headers, body──▶ caller

Both ways streamed and, but for what HTTP and the platform own, untouched. A caller that goes away
ends the call inside; an instance that breaks is answered for, or the answer is cut where it broke.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope, Send

from infra.emulator import headers
from infra.emulator.connection import BrokenError, NonsenseError
from infra.emulator.errors import FcError, invalid, not_emulated
from infra.emulator.exchange import Answer
from infra.emulator.instances import Instance
from infra.emulator.model import Function
from infra.emulator.pools import Pool

HEADER_BYTES_MAX: Final = 8 * 1024
TARGET_BYTES_MAX: Final = 4 * 1024
BODY_BYTES_MAX: Final = 32 * 1024 * 1024
"""HTTP triggers, "Limits", help.aliyun.com/zh/functioncompute, 2026-04."""
_UNWATCHED_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be asked of an instance."""

    request_id: str
    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    function: Function
    pool: Pool
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
    async with _while_there(caller):
        await _forward(call, await caller.body(), send)


async def _forward(call: Call, body: bytes | AsyncIterator[bytes], send: Send) -> None:
    async with _answered(call, body) as (answer, _):
        raw = headers.for_caller(answer.headers)
        if headers.size(raw) > HEADER_BYTES_MAX:
            what = f"the function's answer has more than {HEADER_BYTES_MAX} bytes of headers"
            raise FcError(502, "BadResponse", what)
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        more = True
        async for piece in answer.pieces():
            more = not answer.ended
            await send({"type": "http.response.body", "body": piece, "more_body": more})
    if more:
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
    async with _while_there(Caller(receive, taken=True)):
        return await _invoke(call)


async def _invoke(call: Call) -> Invoked:
    try:
        async with _answered(call, call.payload) as (answer, instance):
            body = await answer.read()
            # "x-fc-status: 404" is how a custom runtime says that its function failed.
            failed = answer.status >= 400 or answer.header(b"x-fc-status") == "404"
            return Invoked(body, answer.header(b"content-type"), instance.id, failed)
    except FunctionError as error:
        document = json.dumps(error.document(call.request_id)).encode()
        return Invoked(document, "application/json", "", failed=True)


@asynccontextmanager
async def _answered(
    call: Call, body: bytes | AsyncIterator[bytes]
) -> AsyncIterator[tuple[Answer, Instance]]:
    """An instance's answer; the instance is held until the answer has been read.

    The function's time limit runs from when the instance is there: a cold start has its own.
    """
    pool = call.pool
    instance = await pool.acquire()
    pool.log.append(f"FC Invoke Start RequestId: {call.request_id}")
    seconds = call.function.configuration.timeout_seconds
    broken = False
    try:
        async with (
            asyncio.timeout(seconds),
            instance.connections.exchange(call.method, call.target, call.headers, body) as answer,
        ):
            yield answer, instance
    except TimeoutError:
        what = f"Function timed out after {seconds} seconds"
        raise FunctionError(504, "FunctionTimeout", what) from None
    except NonsenseError:
        raise FcError(502, "BadResponse", "the function's answer is not HTTP") from None
    except BrokenError:
        broken = True
        what = "Process exited unexpectedly before completing request"
        raise FunctionError(502, "FunctionCrashed", what) from None
    finally:
        pool.release(instance, broken=broken)
        pool.log.append(f"FC Invoke End RequestId: {call.request_id}")


@asynccontextmanager
async def _while_there(caller: Caller) -> AsyncIterator[None]:
    """Do what is inside for as long as the caller is there; else end it: CallerGoneError.

    The watch begins after a moment: most calls are over by then, and a task each costs as much as
    all else that is done for them.
    """
    working = asyncio.current_task()
    assert working is not None  # noqa: S101 -- a coroutine runs in a task
    watch = _Watch(caller, working)
    try:
        yield
    except asyncio.CancelledError:
        if watch.gone and working.uncancel() == 0:
            raise CallerGoneError from None
        raise
    finally:
        watch.end()


class _Watch:
    """Cancels a task when its caller goes away. `gone` says that it did."""

    def __init__(self, caller: Caller, working: "asyncio.Task[None]") -> None:
        self.gone = False
        self._caller = caller
        self._working = working
        self._watching: asyncio.Task[None] | None = None
        self._start = asyncio.get_running_loop().call_later(_UNWATCHED_SECONDS, self._begin)

    def end(self) -> None:
        """Watch no longer."""
        self._start.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _begin(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        await self._caller.until_gone()
        self.gone = True
        self._working.cancel()


def trigger_call(
    scope: Scope,
    request_id: str,
    admitted: Sequence[tuple[str, str]],
    function: Function,
    pool: Pool,
) -> Call:
    """A trigger's request as a call; `admitted` are headers that the admission adds."""
    added = [(name.lower().encode(), value.encode("latin-1")) for name, value in admitted]
    passed = headers.for_function(scope["headers"], {name for name, _ in added})
    passed += added
    passed += pool.platform_headers(request_id, "/http-invoke")
    target = scope["raw_path"].decode("latin-1")
    if query := scope["query_string"].decode("latin-1"):
        target = f"{target}?{query}"
    return Call(request_id, scope["method"], target, passed, function, pool)


def invoke_call(request_id: str, function: Function, pool: Pool, payload: bytes) -> Call:
    """An InvokeFunction request as a call: POST /invoke inside."""
    passed = [(b"host", b"localhost"), (b"content-type", b"application/octet-stream")]
    passed += pool.platform_headers(request_id, "/invoke")
    return Call(request_id, "POST", "/invoke", passed, function, pool, payload)


def _too_large() -> FcError:
    return FcError(413, "EntityTooLarge", f"the body exceeds {BODY_BYTES_MAX} bytes")

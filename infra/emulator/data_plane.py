"""Requests to instances: by a trigger's host, or by the API's invocation.

    caller ──method, path, query, headers, body──▶ instance ──status, headers, body──▶ caller

Both ways streamed and, but for what HTTP and the platform own, untouched. A caller that goes away
ends the call inside (its task is cancelled). An instance that breaks is answered for as long as the
caller has nothing of its answer, which for a small one of known length is until it is whole; a
stream that has begun is cut where it broke.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from infra.emulator import headers
from infra.emulator.errors import FcError, FunctionError, invalid, not_emulated, too_large
from infra.emulator.faults import CutError, Fault, Kind
from infra.emulator.http.body import Body, Headers, TooLargeError
from infra.emulator.http.client import Answer, AnswerError, Connection, LostError
from infra.emulator.http.exchange import Exchange
from infra.emulator.instances import Instance
from infra.emulator.model import LATEST
from infra.emulator.pools import Pool

HEADER_BYTES_MAX: Final = 8 * 1024
TARGET_BYTES_MAX: Final = 4 * 1024
BODY_BYTES_MAX: Final = 32 * 1024 * 1024
"""HTTP triggers, "Limits", help.aliyun.com/zh/functioncompute, 2026-04."""
INVOKE_PATH: Final = "/invoke"
INVOKE_HEAD: Final = b"host: localhost\r\ncontent-type: application/octet-stream\r\n"
_TURNS: Final = 5
"""Of the event loop: the pipe is read, its reader woken, the lines appended; and some to spare."""
_UNHANDLED: Final = "UnhandledInvocationError"


@dataclass(slots=True)  # Not frozen: that would make it three times as slow to make.
class Call:
    """What is to be asked of an instance. `head` are header lines, without the platform's own."""

    request_id: str
    control_path: str
    method: bytes
    target: bytes
    head: bytes
    pool: Pool
    body: Body | bytes
    qualifier: str = LATEST
    fault: Fault | None = None
    """What a tester has ordered for it."""
    with_log: bool = False
    """Whether its caller is told what the function printed."""


def check_request(exchange: Exchange) -> None:
    """Hold a trigger's request to the platform's limits, before anything is started for it."""
    if headers.size(exchange.headers) > HEADER_BYTES_MAX:
        raise invalid("headers", f"exceed {HEADER_BYTES_MAX} bytes in all")
    if len(exchange.path) + len(exchange.query) > TARGET_BYTES_MAX:
        raise invalid("path", f"exceeds {TARGET_BYTES_MAX} bytes together with its query")
    if (exchange.body.size or 0) > BODY_BYTES_MAX:
        raise _body_too_large()
    if exchange.upgrade:
        raise not_emulated("a WebSocket or another upgrade of a trigger's connection")
    exchange.body.bytes_max = BODY_BYTES_MAX
    exchange.body.passed = headers.for_function


def forward(call: Call, exchange: Exchange) -> Awaitable[None]:
    """Carry a trigger's request to an instance, and the answer back as it comes.

    Raises FcError or FunctionError; where the answer has begun by then, it has to be cut.
    """

    async def pass_on(answer: Answer, connection: Connection, instance: Instance) -> None:
        exchange.cold_start = instance.served == 1
        if connection.soon_whole:
            await connection.done()
        if instance.configuration.is_event_function and _says_failed(answer):
            body = await answer.body.read()
            raise FunctionError(502, _UNHANDLED, "the handler failed", body)
        raw = headers.for_caller(answer.headers)
        if headers.size(raw) > HEADER_BYTES_MAX:
            what = f"the function's answer has more than {HEADER_BYTES_MAX} bytes of headers"
            raise FcError(502, "BadResponse", what)
        raw.append((b"x-fc-request-id", call.request_id.encode()))
        exchange.start(answer.status, raw)
        exchange.source = answer.body
        answer.body.passed = headers.for_caller
        answer.body.attach(exchange)
        exchange.flush()
        if not answer.body.complete:
            await connection.done()

    if call.fault is not None and call.fault.kind is Kind.CUT:
        exchange.start(200, [(b"content-length", b"1000000")])
        exchange.write(b"a fault was ordered: cut")
        raise CutError
    return _answered(call, pass_on)


@dataclass(frozen=True, slots=True)
class Invoked:
    """What InvokeFunction came to. `failed` where the function, not the platform, did."""

    body: bytes
    content_type: str
    instance_id: str
    failed: bool


async def invoke(call: Call) -> Invoked:
    """Carry an InvokeFunction request to an instance, and read the whole answer.

    A function that breaks is an answer here, since the platform answers 200 and says so aside.
    """
    if len(call.body if isinstance(call.body, bytes) else b"") > BODY_BYTES_MAX:
        raise too_large(BODY_BYTES_MAX)

    async def read(answer: Answer, connection: Connection, instance: Instance) -> Invoked:
        body = await answer.body.read()
        await connection.done()
        if call.with_log:
            await _printed()
        kind = headers.value(answer.headers, b"content-type")
        failed = answer.status >= 400 or _says_failed(answer)
        return Invoked(body, kind, instance.id, failed)

    if call.fault is not None and call.fault.kind is Kind.CUT:
        raise CutError
    try:
        return await _answered(call, read)
    except FunctionError as error:
        return Invoked(error.body(call.request_id), "application/json", "", failed=True)


_Result = TypeVar("_Result")


async def _answered(
    call: Call, use: Callable[[Answer, Connection, Instance], Awaitable[_Result]]
) -> _Result:
    """What `use` makes of an instance's answer; the instance is held until it has done so.

    The function's time limit runs from when the instance is there: a cold start has its own.
    """
    pool, fault = call.pool, call.fault
    if fault is not None:
        await _struck(call, fault)
    instance = await pool.acquire()
    pool.log.append(f"FC Invoke Start RequestId: {call.request_id}")
    instance.served += 1
    seconds = instance.configuration.timeout_seconds
    broken, begun = False, time.monotonic()
    connection: Connection | None = None
    try:
        with instance.place.deadlines.of(seconds):
            connection = instance.connections.kept() or await instance.connections.made()
            head = call.head + instance.platform_head(
                call.request_id, call.control_path, call.qualifier
            )
            if fault is not None and fault.kind is Kind.KILL:
                instance.kill("a fault was ordered")
            connection.send(call.method, call.target, head, call.body)
            return await use(await connection.answered(), connection, instance)
    except TimeoutError:
        what = f"Function timed out after {seconds} seconds"
        raise FunctionError(504, "FunctionTimeout", what) from None
    except AnswerError as error:
        raise FcError(502, "BadResponse", str(error)) from None
    except TooLargeError:
        raise _body_too_large() from None
    except (LostError, OSError):
        broken = True
        what = "Process exited unexpectedly before completing request"
        took = f"duration: {(time.monotonic() - begun) * 1000:.0f}ms"
        most = f"maxMemoryUsage: {instance.memory_peak_mb:.0f}MB"
        raise FunctionError(502, "FunctionCrashed", f"{what} ({took}, {most})") from None
    finally:
        if connection is not None:
            instance.connections.release(connection)
        pool.release(instance, broken=broken)
        pool.log.append(f"FC Invoke End RequestId: {call.request_id}")


async def _struck(call: Call, fault: Fault) -> None:
    """Carry out the part of a fault that comes before an instance is asked."""
    match fault.kind:
        case Kind.THROTTLE:
            raise FcError(429, "ResourceExhausted", "a fault was ordered: throttle")
        case Kind.ERROR:
            code = "ServiceUnavailable" if fault.status == 503 else "InternalServerError"
            raise FcError(fault.status, code, "a fault was ordered: error")
        case Kind.TIMEOUT:
            limit = call.pool.version.configuration.timeout_seconds
            await asyncio.sleep(limit if fault.seconds is None else fault.seconds)
            raise FunctionError(504, "FunctionTimeout", f"Function timed out after {limit} seconds")
        case Kind.COLD_START:
            call.pool.retire()
            await asyncio.sleep(fault.seconds or 0)


async def _printed() -> None:
    """Let the log take in what was printed before the answer: it is in a pipe by now."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _says_failed(answer: Answer) -> bool:
    """Whether the runtime says that its function failed: its way is this header, not a status."""
    return headers.value(answer.headers, b"x-fc-status") == "404"


def trigger_call(
    exchange: Exchange,
    request_id: str,
    added: Sequence[tuple[str, str]],
    pool: Pool,
    qualifier: str,
    fault: Fault | None,
) -> Call:
    """A trigger's request as a call."""
    target, head = passed(exchange, added)
    method, body = exchange.method, exchange.body
    return Call(request_id, "/http-invoke", method, target, head, pool, body, qualifier, fault)


def passed(exchange: Exchange, added: Sequence[tuple[str, str]]) -> tuple[bytes, bytes]:
    """Target and header lines that a function gets of a request; `added` are the admission's."""
    kept: Headers = headers.for_function(exchange.headers)
    for name, value in added:
        own = name.lower().encode("latin-1")
        kept = [each for each in kept if each[0] != own]
        kept.append((own, value.encode("latin-1", "replace")))
    target = exchange.path + (b"?" + exchange.query if exchange.query else b"")
    return target, headers.lines(kept)


def invoke_call(request_id: str, pool: Pool, payload: bytes) -> Call:
    """An InvokeFunction request as a call: POST /invoke inside."""
    target = INVOKE_PATH.encode()
    return Call(request_id, INVOKE_PATH, b"POST", target, INVOKE_HEAD, pool, payload)


def _body_too_large() -> FcError:
    return invalid("body", f"exceeds {BODY_BYTES_MAX} bytes")

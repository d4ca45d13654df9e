"""The emulator as an ASGI application.

    Host: <trigger>, <domain>   ──▶ entrances ──▶ data plane
    /2016-08-15/proxy/…         ──▶ likewise
    Host: <bucket>.oss-…        ──▶ uploads
    /2023-03-30/…               ──▶ the FC 3.0 dialect
    /2016-08-15/…               ──▶ the older one
    /_meshward/…                ──▶ the emulator's own, for testers

Every answer bears x-fc-request-id. An FcError anywhere becomes the platform's error document, and
on a trigger's host x-fc-error-type says whether the request or the function was at fault.
"""

import ipaddress
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.emulator import api_v2, api_v3, control, uploads
from infra.emulator.calls import CallRecord, Watcher
from infra.emulator.endpoints import Check
from infra.emulator.entrances import PROXY, Entrances
from infra.emulator.errors import FcError, FunctionError, invalid, not_found, too_large
from infra.emulator.faults import CutError
from infra.emulator.headers import value
from infra.emulator.http import asgi
from infra.emulator.http.body import Headers as RawHeaders
from infra.emulator.http.body import MalformedError, TooLargeError
from infra.emulator.http.exchange import Exchange
from infra.emulator.signature import Credentials, Signed, verify, verify_2016
from infra.emulator.state import Emulator

_TRIGGER_DOMAIN: Final = ".fcapp.run"
_API_DOMAIN: Final = ".aliyuncs.com"
_REQUEST_ERROR: Final = "FcCommonError"
_FUNCTION_ERROR: Final = "UnhandledInvocationError"


class Application:
    """Tells control plane and data plane apart by Host, and words every error."""

    def __init__(
        self,
        emulator: Emulator,
        credentials: Credentials | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._emulator = emulator
        self._watcher = watcher
        self._entrances = Entrances(emulator, credentials)
        self._control: ASGIApp = Router(
            [
                *api_v3.routes(emulator, _check(credentials, verify)),
                *api_v2.routes(emulator, _check(credentials, verify_2016)),
                *control.routes(emulator, credentials),
            ],
            redirect_slashes=False,
            default=_nothing_there,
        )

    async def handle(self, exchange: Exchange) -> None:
        """One request from a caller's connection."""
        request_id, begun = self._emulator.ids.request(), time.monotonic()
        fault: Exception | None = None
        try:
            await self._dispatch(request_id, exchange)
        except Exception as error:  # noqa: BLE001 -- the process's one edge: clients need JSON
            fault = error
            self._tell(error, request_id, exchange)
        finally:
            if self._watcher is not None:
                self._watcher(_record(exchange, request_id, time.monotonic() - begun, fault))

    def _tell(self, error: Exception, request_id: str, exchange: Exchange) -> None:
        """Answer for an error, or cut the answer that has begun."""
        if exchange.started or isinstance(error, CutError):
            exchange.fail(error)
            return
        answer = _worded(error, request_id)
        raw = [header for header in answer.raw_headers if header[0] != b"content-length"]
        exchange.answer(answer.status_code, [*raw, _identity(request_id)], bytes(answer.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to the control plane; every answer bears its id."""
        if scope["type"] != "http":
            return
        request_id: str = scope["state"]["request_id"]

        async def identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _identity(request_id)]
            await send(message)

        _refuse_web_pages(scope["headers"], _host(scope["headers"]))
        scope["app"] = self  # Or the router words what it refuses by itself, and not as JSON.
        await self._control(scope, receive, identified)

    def _dispatch(self, request_id: str, exchange: Exchange) -> Awaitable[None]:
        host, account = _host(exchange.headers), self._emulator.account
        if (found := account.by_host(host)) is not None:
            return self._entrances.trigger(*found, request_id, exchange)
        if (domain := account.domains.get(host)) is not None:
            return self._entrances.domain(domain, request_id, exchange)
        if host.endswith(_TRIGGER_DOMAIN):
            raise not_found("Trigger", host)
        if (bucket := uploads.bucket_of(host)) is not None:
            return uploads.take(bucket, exchange, self._emulator.objects, request_id)
        if exchange.path.startswith(PROXY):
            return self._entrances.proxy(request_id, exchange)
        return asgi.serve(self, exchange, request_id)


def _check(
    credentials: Credentials | None, verify: Callable[[Credentials, Signed, datetime], None]
) -> Check | None:
    """What verifies a dialect's signatures, where there are credentials."""
    if credentials is None:
        return None

    async def check(request: Request) -> None:
        signed = Signed(
            method=request.method,
            path=request.scope["raw_path"].decode("latin-1"),
            query=request.scope["query_string"].decode("latin-1"),
            headers=request.headers,
            body=await request.body(),
        )
        verify(credentials, signed, datetime.now(UTC))

    return check


def _record(
    exchange: Exchange, request_id: str, seconds: float, error: Exception | None
) -> CallRecord:
    """What is told of a call to whoever watches."""
    return CallRecord(
        at=datetime.now().astimezone(),
        request_id=request_id,
        method=exchange.method.decode("ascii", "replace"),
        path=exchange.path.decode("latin-1"),
        function=exchange.function,
        status=exchange.status if exchange.ended else 0,
        milliseconds=seconds * 1000,
        error=getattr(error, "code", "") or getattr(error, "kind", "") or _name(error),
        cold_start=exchange.cold_start,
    )


def _name(error: Exception | None) -> str:
    return type(error).__name__ if error else ""


def _worded(error: Exception, request_id: str) -> Response:
    """The answer that tells of an error."""
    match error:
        case FunctionError():
            headers = {"x-fc-error-type": _FUNCTION_ERROR}
            body = error.body(request_id)
            return Response(body, error.status, headers, media_type="application/json")
        case FcError():
            headers = {"x-fc-error-type": _REQUEST_ERROR}
            return JSONResponse(error.document(request_id), error.status, headers)
        case TooLargeError():
            return _worded(too_large(error.bytes_max), request_id)
        case MalformedError():
            return _worded(FcError(400, "InvalidArgument", str(error)), request_id)
        case HTTPException():
            return _worded(FcError(error.status_code, "MethodNotAllowed", error.detail), request_id)
        case _:
            traceback.print_exception(error)
            fault = FcError(500, "InternalServerError", type(error).__name__)
            return JSONResponse(fault.document(request_id), fault.status)


def _identity(request_id: str) -> tuple[bytes, bytes]:
    return (b"x-fc-request-id", request_id.encode())


def _host(headers: RawHeaders) -> str:
    """The Host header without port and final dot, in lower case; raises where there are two."""
    given = [text for name, text in headers if name == b"host"]
    if len(given) > 1:
        raise invalid("Host", "is there more than once")
    return _plain(given[0]) if given else ""


@lru_cache
def _plain(text: bytes) -> str:
    host = text.decode("latin-1").lower()
    if not host.startswith("["):
        host = host.partition(":")[0]
    return host.removesuffix(".")


def _refuse_web_pages(headers: RawHeaders, host: str) -> None:
    """Keep pages in this machine's browser from creating functions, which run as its user.

    A page of another origin sends `origin`; one that has its name resolve to loopback sends that
    name as Host. WebSocket clients that are no page send an origin too: the emulator's own.
    """
    own = value(headers, b"host").lower()
    origins = [text.decode("latin-1").lower() for name, text in headers if name == b"origin"]
    if any(origin.partition("://")[2] != own for origin in origins):
        raise FcError(403, "AccessDenied", "the control plane takes no calls from web pages")
    if host == "localhost" or host.endswith(_API_DOMAIN):
        return
    try:
        ipaddress.ip_address(host.partition("]")[0].removeprefix("["))
    except ValueError:
        what = f"Host is {host!r}; it must be an IP address, localhost or *{_API_DOMAIN}"
        raise FcError(403, "AccessDenied", what) from None


async def _nothing_there(scope: Scope, _receive: Receive, _send: Send) -> None:
    what = f"'{scope['method']}' against '{scope['path'][:200]}' is not supported"
    raise FcError(400, "PathNotSupported", what)

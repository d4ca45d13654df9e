"""The emulator as an ASGI application.

    Host: <trigger host>        ──▶ limits ──▶ access ──▶ data plane
    Host: <custom domain>       ──▶ limits ──▶ route  ──▶ data plane
    /2023-03-30/…               ──▶ the FC 3.0 dialect
    /_meshward/…                ──▶ the emulator's own, for testers

Every answer bears x-fc-request-id. An FcError anywhere becomes the platform's error document, and
on a trigger's host x-fc-error-type says whether the request or the function was at fault.
"""

import ipaddress
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.emulator import api_v3, control, data_plane
from infra.emulator.calls import CallRecord, Watcher
from infra.emulator.errors import FcError, FunctionError, not_found
from infra.emulator.events import PAYLOAD_BYTES_MAX, milliseconds
from infra.emulator.faults import CutError
from infra.emulator.headers import value
from infra.emulator.http import asgi
from infra.emulator.http.body import Headers as RawHeaders
from infra.emulator.http.body import TooLargeError
from infra.emulator.http.exchange import Exchange
from infra.emulator.model import LATEST, CustomDomain, Event, Function, Trigger
from infra.emulator.signature import Credentials
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
        self._control: ASGIApp = Router(
            [
                *api_v3.routes(emulator, credentials),
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
        await self._control(scope, receive, identified)

    async def _dispatch(self, request_id: str, exchange: Exchange) -> None:
        host = _host(exchange.headers)
        found = self._emulator.account.by_host(host)
        if found is not None:
            exchange.function = found[0].name
            await self._trigger(*found, request_id, exchange)
        elif (domain := self._emulator.account.domains.get(host)) is not None:
            await self._route(domain, request_id, exchange)
        elif host.endswith(_TRIGGER_DOMAIN):
            raise not_found("Trigger", host)
        else:
            await asgi.serve(self, exchange, request_id)

    async def _trigger(
        self, function: Function, trigger: Trigger, request_id: str, exchange: Exchange
    ) -> None:
        data_plane.check_request(exchange)
        if not trigger.internet:
            what = "access denied due to function internet URL is disable"  # the platform's words
            raise FcError(403, "AccessDenied", what)
        method = exchange.method.decode("ascii")
        if method not in trigger.methods:
            what = f"the trigger takes {', '.join(trigger.methods)}, not {method}"
            raise FcError(403, "AccessDenied", what)
        path = unquote_to_bytes(exchange.path).decode("utf-8", "replace")
        query = exchange.query.decode("latin-1")
        added = trigger.access.admit(Headers(raw=exchange.headers), path, query)
        await self._forward(function, trigger.qualifier, added, request_id, exchange)

    async def _route(self, domain: CustomDomain, request_id: str, exchange: Exchange) -> None:
        data_plane.check_request(exchange)
        path = unquote_to_bytes(exchange.path).decode("utf-8", "replace")
        route = domain.route(path)
        if route is None:
            raise not_found("Route", f"{domain.name}{path}")
        method = exchange.method.decode("ascii")
        if method not in route.methods:
            what = f"the route takes {', '.join(route.methods)}, not {method}"
            raise FcError(403, "AccessDenied", what)
        function = self._emulator.account.function(route.function)
        exchange.function = function.name
        qualifier = route.qualifier or LATEST
        await self._forward(function, qualifier, (), request_id, exchange)

    async def _forward(
        self,
        function: Function,
        qualifier: str,
        added: Sequence[tuple[str, str]],
        request_id: str,
        exchange: Exchange,
    ) -> None:
        emulator = self._emulator
        if value(exchange.headers, b"x-fc-invocation-type").lower() == "async":
            await self._accept(function, qualifier, added, request_id, exchange)
            return
        pool = emulator.pool(function, emulator.pick(function, qualifier))
        call = data_plane.trigger_call(exchange, request_id, added, pool)
        call = replace(call, qualifier=qualifier, fault=emulator.faults.draw(function.name))
        await data_plane.forward(call, exchange)

    async def _accept(
        self,
        function: Function,
        qualifier: str,
        added: Sequence[tuple[str, str]],
        request_id: str,
        exchange: Exchange,
    ) -> None:
        """Take on an asynchronous request of a trigger; the function gets it by and by."""
        exchange.body.bytes_max = PAYLOAD_BYTES_MAX
        payload = await exchange.body.read()
        target, head = data_plane.passed(exchange, added)
        event = Event(
            id=request_id,
            function=function.name,
            qualifier=qualifier,
            control_path="/http-invoke",
            method=exchange.method,
            target=target,
            head=head,
            payload=payload,
            accepted_ms=milliseconds(self._emulator.clock),
            task_id=value(exchange.headers, b"x-fc-async-task-id"),
        )
        accepted = self._emulator.events.accept(event)
        task = [(b"x-fc-async-task-id", accepted.task_id.encode())] if accepted.task_id else []
        exchange.answer(202, [*task, _identity(request_id)], b"")


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
            return _worded(FcError(413, "EntityTooLarge", str(error)), request_id)
        case _:
            traceback.print_exception(error)
            fault = FcError(500, "InternalServerError", type(error).__name__)
            return JSONResponse(fault.document(request_id), fault.status)


def _identity(request_id: str) -> tuple[bytes, bytes]:
    return (b"x-fc-request-id", request_id.encode())


def _host(headers: RawHeaders) -> str:
    """The Host header without port and final dot, in lower case."""
    host = value(headers, b"host").lower()
    if not host.startswith("["):
        host = host.partition(":")[0]
    return host.removesuffix(".")


def _refuse_web_pages(headers: RawHeaders, host: str) -> None:
    """Keep pages in this machine's browser from creating functions, which run as its user.

    A page of another origin sends `origin`; one that has its name resolve to loopback sends that
    name as Host.
    """
    if any(name == b"origin" for name, _ in headers):
        raise FcError(403, "AccessDenied", "the control plane takes no calls from web pages")
    if host == "localhost" or host.endswith(_API_DOMAIN):
        return
    try:
        ipaddress.ip_address(host.partition("]")[0].removeprefix("["))
    except ValueError:
        what = f"Host is {host!r}; it must be an IP address, localhost or *{_API_DOMAIN}"
        raise FcError(403, "AccessDenied", what) from None


async def _nothing_there(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise FcError(404, "PathNotSupported", f"{scope['path']} is no path of Function Compute")

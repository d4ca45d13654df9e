"""Where functions are called from outside: triggers' hosts, custom domains, and the proxy path.

trigger's host              ──▶ limits ──▶ access ──▶ instance, or the queue of events
custom domain               ──▶ limits ──▶ route  ──▶ likewise
/2016-08-15/proxy/S.Q/F/…   ──▶ the HTTP trigger of that qualifier
"""

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from starlette.datastructures import Headers

from infra.emulator import data_plane
from infra.emulator.access import Anonymous, SignedOnly
from infra.emulator.api_v2.subject import Subject
from infra.emulator.errors import FcError, invalid, not_found
from infra.emulator.events import PAYLOAD_BYTES_MAX, milliseconds
from infra.emulator.headers import value
from infra.emulator.http.body import TooLargeError
from infra.emulator.http.exchange import Exchange
from infra.emulator.model import LATEST, CustomDomain, Event, Function, Trigger
from infra.emulator.signature import Credentials, Signed, verify_trigger
from infra.emulator.state import Emulator

PROXY: Final = b"/2016-08-15/proxy/"


class Entrances:
    """What callers of functions reach. Signatures are verified where there are credentials.

    What a request is refused for is raised at once; what is returned is to be awaited. A coroutine
    for each step would be resumed through all of them at every turn.
    """

    def __init__(self, emulator: Emulator, credentials: Credentials | None) -> None:
        self._emulator = emulator
        self._credentials = credentials

    async def proxy(self, request_id: str, exchange: Exchange) -> None:
        """A call by the path of the 2016-08-15 API: the function gets what stands behind it."""
        parts = exchange.path.removeprefix(PROXY).split(b"/", 2)
        service, name = (unquote(each.decode("latin-1")) for each in (*parts, b"")[:2])
        account = self._emulator.account
        found = Subject.of(account, service)
        function = found.function(account, name)
        for trigger in function.triggers.values():
            if trigger.is_http and trigger.qualifier == found.qualifier:
                path = b"/" + (parts[2] if len(parts) > 2 else b"")
                await self.trigger(function, trigger, request_id, exchange, path)
                return
        raise not_found("Trigger", f"{service}/{name} (of HTTP)")

    def trigger(
        self,
        function: Function,
        trigger: Trigger,
        request_id: str,
        exchange: Exchange,
        inner_path: bytes | None = None,
    ) -> Awaitable[None]:
        """A call of a trigger; `inner_path` is what the function gets, where it differs."""
        exchange.function = function.name
        data_plane.check_request(exchange)
        if not trigger.internet:
            what = "access denied due to function internet URL is disable"  # the platform's words
            raise FcError(403, "AccessDenied", what)
        method = _admitted("trigger", trigger.methods, exchange)
        added: Sequence[tuple[str, str]] = ()
        if not isinstance(trigger.access, Anonymous):
            added = self._admit(trigger, method, exchange, inner_path or exchange.path)
        exchange.path = inner_path or exchange.path
        return self._forward(function, trigger.qualifier, added, request_id, exchange)

    def _admit(
        self, trigger: Trigger, method: str, exchange: Exchange, path: bytes
    ) -> Sequence[tuple[str, str]]:
        """Let in whom the trigger lets in; what is to be told the function of them."""
        headers, query = Headers(raw=exchange.headers), exchange.query.decode("latin-1")
        if isinstance(trigger.access, SignedOnly) and self._credentials is not None:
            signed = Signed(method, exchange.path.decode("latin-1"), query, headers, b"")
            verify_trigger(self._credentials, signed, datetime.now(UTC))
        return trigger.access.admit(headers, _decoded(path), query)

    def domain(self, domain: CustomDomain, request_id: str, exchange: Exchange) -> Awaitable[None]:
        """A call of a custom domain."""
        data_plane.check_request(exchange)
        path = _decoded(exchange.path)
        route = domain.route(path)
        if route is None:
            raise not_found("Route", f"{domain.name}{path}")
        _admitted("route", route.methods, exchange)
        function = self._emulator.account.function(route.function)
        exchange.function = function.name
        qualifier = route.qualifier or LATEST
        return self._forward(function, qualifier, (), request_id, exchange)

    def _forward(
        self,
        function: Function,
        qualifier: str,
        added: Sequence[tuple[str, str]],
        request_id: str,
        exchange: Exchange,
    ) -> Awaitable[None]:
        emulator = self._emulator
        if value(exchange.headers, b"x-fc-invocation-type").lower() == "async":
            return self._accept(function, qualifier, added, request_id, exchange)
        pool = emulator.pool(function, emulator.pick(function, qualifier))
        fault = emulator.faults.draw(function.name)
        call = data_plane.trigger_call(exchange, request_id, added, pool, qualifier, fault)
        return data_plane.forward(call, exchange)

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
        try:
            payload = await exchange.body.read()
        except TooLargeError as error:
            raise invalid("body", f"exceeds {error.bytes_max} bytes, sent as Async") from None
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
        identity = (b"x-fc-request-id", request_id.encode())
        exchange.answer(202, [*task, identity], b"")


def _admitted(what: str, methods: Sequence[str], exchange: Exchange) -> str:
    """The request's method, if it is one of those; AccessDenied otherwise."""
    method = exchange.method.decode("ascii")
    if method not in methods:
        raise FcError(403, "AccessDenied", f"the {what} takes {', '.join(methods)}, not {method}")
    return method


def _decoded(path: bytes) -> str:
    return unquote_to_bytes(path).decode("utf-8", "replace")

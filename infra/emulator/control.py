"""What the platform does not have: the emulator's own API, for testers.

    GET    /_meshward/instances                  process ids and states, to kill and stop them
    GET    /_meshward/functions/F/logs           the last lines; ?after=N&wait=S follows them
    PUT    /_meshward/functions/F/folder         {folder}: code from there, anew when it changes
    DELETE /_meshward/functions/F/folder         follow it no more; the code stays
    POST   /_meshward/reset                      no functions, no faults
    PUT    /_meshward/seed                       {seed}: the same ids and chances from here on
    GET, POST /_meshward/clock                   {advanceSeconds}: move it forward
    GET, PUT, DELETE /_meshward/faults           {faults: [{kind, function, probability, …}]}

Where signatures are verified, everything that changes something wants the same key and secret, as
HTTP's basic authentication: whoever may set a folder runs code here. Instances and logs are told to
others on this machine, and to nobody elsewhere.
"""

import base64
import binascii
import hmac
from dataclasses import asdict
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.emulator.api_v3.fields import Fields
from infra.emulator.endpoints import Endpoint
from infra.emulator.errors import FcError, invalid
from infra.emulator.faults import ANY_FUNCTION, Fault, Kind
from infra.emulator.settings import is_loopback
from infra.emulator.signature import Credentials
from infra.emulator.state import Emulator

PREFIX: Final = "/_meshward"
_WAIT_SECONDS_MAX: Final = 30.0


class Control:
    """The operations of the control API."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def instances(self, _request: Request) -> Response:
        """Every instance there is."""
        rows = [
            {
                "function": pool.function_name,
                "version": pool.version.id,
                "id": instance.id,
                "pid": instance.pid,
                "port": instance.port,
                "state": instance.state,
                "inFlight": instance.in_flight,
                "memoryPeakMb": round(instance.memory_peak_mb, 1),
            }
            for pool in self._emulator.pools()
            for instance in pool.instances
        ]
        return JSONResponse({"instances": rows})

    async def logs(self, request: Request) -> Response:
        """The last lines of a function; `next` is what to ask for after them."""
        name = self._emulator.account.function(request.path_params["name"]).name
        log = self._emulator.log(name)
        after = _whole(request, "after")
        wait = _whole(request, "wait")
        if wait:
            await log.beyond(after, min(wait, _WAIT_SECONDS_MAX))
        return JSONResponse({"lines": log.after(after), "next": log.count})

    async def follow(self, request: Request) -> Response:
        """Take a function's code from a folder of this machine."""
        function = self._emulator.account.function(request.path_params["name"])
        folder = Path(Fields.parse(await request.body()).required_text("folder"))
        self._emulator.reloads.follow(function, self._emulator.pool(function), folder)
        return JSONResponse({"function": function.name, "folder": str(folder)})

    async def leave(self, request: Request) -> Response:
        """Follow a function's folder no more."""
        self._emulator.reloads.leave(
            self._emulator.account.function(request.path_params["name"]).name
        )
        return Response(status_code=204)

    async def reset(self, _request: Request) -> Response:
        """Begin anew."""
        await self._emulator.reset()
        return Response(status_code=204)

    async def seed(self, request: Request) -> Response:
        """Make ids and chances the same in every run from here on."""
        seed = Fields.parse(await request.body()).integer("seed")
        if seed is None:
            raise invalid("seed", "is required")
        self._emulator.chance.seed(seed)
        return JSONResponse({"seed": seed})

    async def clock(self, request: Request) -> Response:
        """Read the clock, or move it."""
        clock = self._emulator.clock
        if request.method == "POST":
            seconds = Fields.parse(await request.body()).number("advanceSeconds")
            if seconds is None:
                raise invalid("advanceSeconds", "is required")
            clock.advance(seconds)
        return JSONResponse({"now": clock.text()})

    async def faults(self, request: Request) -> Response:
        """Read, replace or remove the faults that are ordered."""
        faults = self._emulator.faults
        if request.method == "PUT":
            faults.orders = tuple(
                _fault(order) for order in Fields.parse(await request.body()).objects("faults")
            )
        elif request.method == "DELETE":
            faults.orders = ()
        return JSONResponse({"faults": [asdict(order) for order in faults.orders]})


def routes(emulator: Emulator, credentials: Credentials | None) -> list[Route]:
    """The routes of the control API."""
    control = Control(emulator)
    function = f"{PREFIX}/functions/{{name}}"

    def guarded(endpoint: Endpoint, *, open_here: bool = False) -> Endpoint:
        if credentials is None:
            return endpoint
        return _guarded(endpoint, credentials, open_here=open_here)

    return [
        Route(f"{PREFIX}/instances", guarded(control.instances, open_here=True)),
        Route(f"{function}/logs", guarded(control.logs, open_here=True)),
        Route(f"{function}/folder", guarded(control.follow), methods=["PUT"]),
        Route(f"{function}/folder", guarded(control.leave), methods=["DELETE"]),
        Route(f"{PREFIX}/reset", guarded(control.reset), methods=["POST"]),
        Route(f"{PREFIX}/seed", guarded(control.seed), methods=["PUT"]),
        Route(f"{PREFIX}/clock", guarded(control.clock), methods=["GET", "POST"]),
        Route(f"{PREFIX}/faults", guarded(control.faults), methods=["GET", "PUT", "DELETE"]),
    ]


def _guarded(endpoint: Endpoint, credentials: Credentials, *, open_here: bool) -> Endpoint:
    """`endpoint` for whoever has the credentials, and where `open_here` for this machine."""
    known = f"{credentials.access_key_id}:{credentials.access_key_secret}".encode()

    async def handle(request: Request) -> Response:
        if open_here and request.client and is_loopback(request.client.host):
            return await endpoint(request)
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(value, validate=True) if scheme.lower() == "basic" else b""
        except binascii.Error:
            given = b""
        if not hmac.compare_digest(given, known):
            what = "the control API wants the emulator's key id and secret (HTTP basic)"
            raise FcError(403, "AccessDenied", what)
        return await endpoint(request)

    return handle


def _fault(order: Fields) -> Fault:
    kind = order.required_text("kind")
    if kind not in list(Kind):
        raise invalid("kind", f"{kind!r} is not one of {', '.join(Kind)}")
    probability, status = order.number("probability"), order.integer("status")
    return Fault(
        kind=Kind(kind),
        function=order.text("function") or ANY_FUNCTION,
        probability=1.0 if probability is None else probability,
        seconds=order.number("seconds"),
        status=500 if status is None else status,
    )


def _whole(request: Request, name: str) -> int:
    """A whole number of the query; 0 where it is not there."""
    text = request.query_params.get(name, "0")
    if not text.isascii() or not text.isdigit():
        raise invalid(name, f"{text!r} is not a whole number")
    return int(text[:12])

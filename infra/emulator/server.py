"""The emulator as an ASGI application on loopback ports.

    Host: <trigger host>       ──▶ access ──▶ data plane
    /2023-03-30/…              ──▶ control plane
    /_meshward/instances       ──▶ process ids and states, for tests that kill and stop them
    /_meshward/functions/F/logs ─▶ the last lines that F's instances printed

Every answer bears x-fc-request-id. An FcError anywhere becomes the platform's error document.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiohttp
import uvicorn
import uvloop
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.emulator import api_v3, data_plane
from infra.emulator.errors import FcError, not_found
from infra.emulator.instances import LOOPBACK
from infra.emulator.state import Emulator


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """Ports (0: any free one), the TLS port's certificate, and whose account this is."""

    port: int = 0
    tls_port: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    region: str = "cn-hangzhou"
    account_id: str = "1234567890123456"


class Application:
    """Tells control plane and data plane apart by Host, and words every error."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._control: ASGIApp = Router(
            [
                *api_v3.routes(emulator),
                Route("/_meshward/instances", self._instances),
                Route("/_meshward/functions/{name}/logs", self._logs),
            ],
            redirect_slashes=False,
            default=self._nothing,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        request_id = request.state.request_id = str(uuid4())

        async def identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                identity = (b"x-fc-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), identity]
            await send(message)

        try:
            await self._dispatch(request, request_id, scope, receive, identified)
        except FcError as error:
            response = JSONResponse(error.document(request_id), error.status)
            await response(scope, receive, identified)
        except (ClientDisconnect, asyncio.CancelledError):
            return  # The caller has gone; nobody is left to answer.
        except Exception as error:  # noqa: BLE001 -- the process's one edge: clients need JSON
            traceback.print_exc()
            fault = FcError(500, "InternalServerError", type(error).__name__)
            await JSONResponse(fault.document(request_id), 500)(scope, receive, identified)

    async def _dispatch(
        self, request: Request, request_id: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        host = request.headers.get("host", "").partition(":")[0]
        found = self._emulator.account.by_host(host)
        if found is None:
            if host.endswith(".fcapp.run"):
                raise not_found("Trigger", host)
            await self._control(scope, receive, send)
            return
        function, trigger = found
        if request.method not in trigger.methods:
            raise FcError(
                405, "MethodNotAllowed", f"the trigger takes {', '.join(trigger.methods)}"
            )
        query = scope["query_string"].decode("latin-1")
        admitted = trigger.access.admit(request.headers, scope["path"], query)
        pool = self._emulator.pool(function.configuration.name)
        response = await data_plane.by_trigger(
            request, request_id, function, pool, self._emulator.session, admitted
        )
        try:
            await response(scope, receive, send)
        except (TimeoutError, aiohttp.ClientError):
            # Headers have gone: the only honest end is a broken one. uvicorn closes the connection
            # when an application returns before its answer is complete.
            return

    async def _instances(self, _request: Request) -> Response:
        rows = [
            {
                "function": name,
                "id": instance.id,
                "pid": instance.process.pid,
                "port": instance.port,
                "state": "ready" if instance.ready else "starting",
                "inFlight": instance.in_flight,
            }
            for name, pool in self._emulator.pools().items()
            for instance in pool.instances
        ]
        return JSONResponse({"instances": rows})

    async def _logs(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        self._emulator.account.function(name)
        return JSONResponse({"lines": list(self._emulator.pool(name).log)})

    async def _nothing(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        raise FcError(404, "PathNotSupported", f"{scope['path']} is no path of Function Compute")


async def serve(settings: EmulatorSettings) -> None:
    """Serve until SIGTERM or SIGINT. Prints one JSON line with its ports when it is ready."""
    folder = Path(tempfile.mkdtemp(prefix="meshward-emulator-"))
    emulator = Emulator(settings.account_id, settings.region, folder)
    try:
        app = Application(emulator)
        plain = _listener(settings.port)
        listeners = [(plain, _config(app, settings, tls=False))]
        ready: dict[str, object] = {"ready": True, "port": plain.getsockname()[1]}
        if settings.tls_port is not None:
            secure = _listener(settings.tls_port)
            listeners.append((secure, _config(app, settings, tls=True)))
            ready["tls_port"] = secure.getsockname()[1]
        servers = [(_Server(config), listener) for listener, config in listeners]
        told_to_stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        running = [asyncio.create_task(server.serve([sock])) for server, sock in servers]
        await told_to_stop.wait()
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*running)
    finally:
        await emulator.close()
        shutil.rmtree(folder, ignore_errors=True)


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn raises them again at its end, before instances could stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _listener(port: int) -> socket.socket:
    # The protocol is named, or Nagle's algorithm stays on for what the listener accepts.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(2048)
    return listener


def _config(app: Application, settings: EmulatorSettings, *, tls: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=300,
        timeout_graceful_shutdown=5,
        ssl_certfile=settings.tls_cert if tls else None,
        ssl_keyfile=settings.tls_key if tls else None,
    )


def run(settings: EmulatorSettings) -> None:
    """Serve in a new event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))

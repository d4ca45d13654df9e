"""The emulator as a server on loopback: one application on a plain and, if wanted, a TLS port.

settings ──serve──▶ listeners ──▶ one line of JSON with their ports ──▶ until SIGTERM or SIGINT
"""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
import uvloop

from infra.emulator.application import Application
from infra.emulator.gathering import GatheringProtocol
from infra.emulator.signature import Credentials
from infra.emulator.state import Emulator
from infra.ports import LOOPBACK

_GRACE_SECONDS = 5
_KEEP_ALIVE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """Ports (0: any free one), the TLS port's certificate, and whose account this is.

    `code_folder` keeps unpacked packages for the next emulator. With an access key id, signatures
    of the control plane are verified; without one, anybody on this machine may call it.
    """

    port: int = 0
    tls_port: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    host: str = LOOPBACK
    region: str = "cn-hangzhou"
    account_id: str = "1234567890123456"
    code_folder: Path | None = None
    access_key_id: str = ""
    access_key_secret: str = field(default="", repr=False)


async def serve(settings: EmulatorSettings) -> None:
    """Serve until SIGTERM or SIGINT. Prints one JSON line with its ports when it is ready."""
    folder = Path(tempfile.mkdtemp(prefix="meshward-emulator-"))
    emulator = Emulator(settings.account_id, settings.region, folder, settings.code_folder)
    credentials = None
    if settings.access_key_id:
        credentials = Credentials(settings.access_key_id, settings.access_key_secret)
    try:
        app = Application(emulator, credentials)
        plain = _listener(settings.host, settings.port)
        listeners = [(plain, _config(app, settings, tls=False))]
        ready: dict[str, object] = {"ready": True, "port": plain.getsockname()[1]}
        if settings.tls_port is not None:
            secure = _listener(settings.host, settings.tls_port)
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


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn raises them again at its end, before instances could stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def run(settings: EmulatorSettings) -> None:
    """Serve in a new event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


def _listener(host: str, port: int) -> socket.socket:
    # The protocol is named, or Nagle's algorithm stays on for what the listener accepts.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    return listener


def _config(app: Application, settings: EmulatorSettings, *, tls: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=GatheringProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=settings.tls_cert if tls else None,
        ssl_keyfile=settings.tls_key if tls else None,
    )

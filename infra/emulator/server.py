"""The emulator as a server on loopback: one application on a plain and, if wanted, a TLS port.

settings ──serve──▶ listeners ──▶ one line of JSON with their ports ──▶ until SIGTERM or SIGINT
"""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from infra.emulator.application import Application
from infra.emulator.calls import Watcher
from infra.emulator.capacity import INSTANCES_MAX
from infra.emulator.http.server import Connection
from infra.emulator.signature import Credentials
from infra.emulator.state import Emulator, StateError
from infra.ports import LOOPBACK

_GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """Ports (0: any free one), the TLS port's certificate, and whose account this is.

    `data` keeps all of the account for the next emulator, `code_folder` only its packages. With an
    access key id, signatures are verified; without one, anybody on this machine may call it.
    """

    port: int = 0
    tls_port: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    host: str = LOOPBACK
    region: str = "cn-hangzhou"
    account_id: str = "1234567890123456"
    code_folder: Path | None = None
    data: Path | None = None
    instances_max: int = INSTANCES_MAX
    access_key_id: str = ""
    access_key_secret: str = field(default="", repr=False)


Facts = Mapping[str, object]
"""What is known once the emulator is ready: its `port`, and its `tls_port` where it has one."""


def print_facts(facts: Facts) -> None:
    """Say that it is ready as one line of JSON, for the process that started this one."""
    sys.stdout.write(json.dumps({"ready": True, **facts}) + "\n")
    sys.stdout.flush()


async def serve(
    settings: EmulatorSettings,
    ready: Callable[[Facts], None] = print_facts,
    watcher: Watcher | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once it can be used."""
    folder = Path(tempfile.mkdtemp(prefix="meshward-emulator-"))
    emulator = Emulator(
        settings.account_id,
        settings.region,
        folder,
        settings.code_folder,
        settings.instances_max,
        settings.data,
    )
    credentials = None
    if settings.access_key_id:
        credentials = Credentials(settings.access_key_id, settings.access_key_secret)
    try:
        app = Application(emulator, credentials, watcher)
        plain = _listener(settings.host, settings.port)
        facts: dict[str, object] = {"port": plain.getsockname()[1]}
        listeners: list[tuple[socket.socket, ssl.SSLContext | None]] = [(plain, None)]
        if settings.tls_port is not None:
            secure = _listener(settings.host, settings.tls_port)
            listeners.append((secure, _tls(settings)))
            facts["tls_port"] = secure.getsockname()[1]
        told_to_stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told_to_stop.set)
        connections: set[Connection] = set()
        servers = [
            await loop.create_server(
                lambda: Connection(app.handle, connections), sock=sock, ssl=tls
            )
            for sock, tls in listeners
        ]
        ready(facts)
        await told_to_stop.wait()
        for server in servers:
            server.close()
        await _drained(connections)
    finally:
        await emulator.close()


async def _drained(connections: set[Connection]) -> None:
    """Let what is under way end, for a while."""
    for connection in list(connections):
        connection.shut()
    ends = [connection.gone.wait() for connection in connections]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            await asyncio.gather(*ends)
    for connection in list(connections):
        connection.transport.abort()


def run(
    settings: EmulatorSettings,
    ready: Callable[[Facts], None] = print_facts,
    watcher: Watcher | None = None,
) -> None:
    """Serve in a new event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings, ready, watcher))
        except StateError as error:
            sys.exit(f"meshward: {error}")


def _listener(host: str, port: int) -> socket.socket:
    # The protocol is named, or Nagle's algorithm stays on for what the listener accepts.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    return listener


def _tls(settings: EmulatorSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if settings.tls_cert is not None:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context

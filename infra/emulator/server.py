"""The emulator as a server on loopback: one application on a plain and, if wanted, a TLS port.

settings ──serve──▶ listeners ──▶ one line of JSON with their ports ──▶ until SIGTERM or SIGINT
"""

import asyncio
import contextlib
import gc
import json
import resource
import shutil
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import uvloop

from infra.emulator.application import Application
from infra.emulator.calls import Watcher
from infra.emulator.http.server import Connection
from infra.emulator.settings import EmulatorSettings, StartError, check
from infra.emulator.signature import Credentials
from infra.emulator.state import Emulator

_GRACE_SECONDS: Final = 5
_GARBAGE_AFTER: Final = 50_000
"""Objects, before they are looked through for cycles."""
_FILES_MAX: Final = 65536


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
    """Serve until SIGTERM or SIGINT; `ready` is called once it can be used. Raises StartError."""
    check(settings)
    folder = Path(tempfile.mkdtemp(prefix="meshward-emulator-"))
    try:
        emulator = Emulator(
            settings.account_id,
            settings.region,
            folder,
            settings.code_folder,
            settings.instances_max,
            settings.data,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # Its guardian would, but there is none yet.
        raise
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
    """Serve in a new event loop; what keeps it from starting is one line on standard error."""
    _allow_many_files()
    # A call leaves no cycles behind: what is looked through again and again is for nothing.
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings, ready, watcher))
        except StartError as error:
            sys.exit(f"error: {error}")


def _allow_many_files() -> None:
    """As many open files as this user may have: each instance and each caller takes some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listener(host: str, port: int) -> socket.socket:
    # The protocol is named, or Nagle's algorithm stays on for what the listener accepts.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartError(f"{host}:{port} cannot be listened on: {error.strerror}") from None
    listener.listen(2048)
    return listener


def _tls(settings: EmulatorSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if settings.tls_cert is not None:
        try:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
        except OSError as error:
            files = f"{settings.tls_cert} and {settings.tls_key}"
            raise StartError(f"{files} are no certificate and key: {error.strerror}") from None
    return context
